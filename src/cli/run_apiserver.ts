/** The embedded API server as a process of its own. */
import { startApiServer } from "../devcluster/apiserver/mod.ts";
import { startLogging } from "../lib/logger.ts";
import type { ApiServerFlags } from "./cluster_commands.ts";
import { logSettingsOf } from "./control_commands.ts";
import { type CommandContext, CommandFailure, untilAborted } from "./process.ts";

/** Serves until the process is asked to end. */
export async function runApiServer(
  flags: ApiServerFlags,
  { signal, print }: CommandContext,
): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const server = await startApiServer({ bindAddress: flags.bindAddress });
  if (flags.writeKubeconfig === undefined) print(server.kubeconfig().trimEnd());
  else {
    await writeKubeconfig(flags.writeKubeconfig, server.kubeconfig());
    print(`KUBECONFIG=${flags.writeKubeconfig}`);
  }
  await untilAborted(signal);
  await server.stop();
}

/** Writes the file whole or not at all: whoever waits for it must not read half of it. */
export async function writeKubeconfig(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${crypto.randomUUID()}`;
  try {
    // It holds a token that opens the whole cluster.
    await Deno.writeTextFile(unfinished, text, { mode: 0o600 });
    await Deno.rename(unfinished, path);
  } catch (error) {
    await Deno.remove(unfinished).catch(() => {}); // It may not have come to be.
    throw new CommandFailure(
      `Cannot write ${path}: ${error instanceof Error ? error.message : error}`,
    );
  }
}
