/** What a container wants done right after its start and before its end. */
import type { Container } from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import { messageOf, type ProbeTarget, requestContainer, runCommand } from "./probe_try.ts";

type Hook = NonNullable<NonNullable<Container["lifecycle"]>["preStop"]>;

/**
 * Runs a hook until it has ended or `signal` aborts.
 *
 * @param pod `<name>_<namespace>(<uid>)`, for the message.
 * @returns What went wrong, in a real kubelet's words; undefined when nothing did.
 */
export async function runHook(
  hook: Hook,
  pod: string,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  const where = `for Container "${target.container.name}" in Pod "${pod}" failed - error:`;
  if (hook.exec !== undefined) {
    const command = hook.exec.command ?? [];
    const failure = await commandFailure(command, target, signal);
    if (failure === undefined) return undefined;
    return `Exec lifecycle hook ([${command.join(" ")}]) ${where} ${failure}`;
  }
  if (hook.httpGet !== undefined) {
    try {
      // A real kubelet takes any answer for done.
      await requestContainer(hook.httpGet, target, signal);
      return undefined;
    } catch (error) {
      return `HTTP lifecycle hook (${hook.httpGet.path ?? "/"}) ${where} ${messageOf(error)}`;
    }
  }
  if (hook.sleep !== undefined) await sleep(hook.sleep.seconds * 1000, signal);
  return undefined;
}

async function commandFailure(
  command: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { code, output } = await runCommand(command, target, signal);
    if (code === 0) return undefined;
    const message = JSON.stringify(output);
    return `command '${command.join(" ")}' exited with ${code}: , message: ${message}`;
  } catch (error) {
    return messageOf(error);
  }
}
