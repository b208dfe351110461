/** One try of a probe: a command, a request or a connection. */
import type { Container, Probe } from "../../kube/mod.ts";
import { planCommand, type ProcessPlan } from "./container_start.ts";
import type { PodPorts } from "./ports.ts";
import { checkHealth } from "./probe_grpc.ts";
import { dialText, probeStatus } from "./probe_http.ts";
import { startProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";

/** What probes and hooks look at. */
export interface ProbeTarget {
  readonly container: Container;
  readonly plan: ProcessPlan;
  readonly ports: PodPorts;
  readonly reaper: Reaper;
}

export type ProbeOutcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly message: string }
  /** It could not be tried: that says nothing of the container. */
  | { readonly kind: "unknown"; readonly message: string };

const PASSED: ProbeOutcome = { kind: "passed" };
/** Bytes of a command's output that are kept. */
const OUTPUT_LIMIT = 10 * 1024;
const LOOPBACK = "127.0.0.1";

/** Tries a probe once, within its `timeoutSeconds`. */
export async function tryProbe(
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const seconds = probe.timeoutSeconds ?? 1;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  if (probe.exec !== undefined) {
    return await tryCommand(probe.exec.command ?? [], target, limit, seconds);
  }
  if (probe.httpGet !== undefined) return await tryHttp(probe.httpGet, target, limit);
  if (probe.tcpSocket !== undefined) {
    const { host = LOOPBACK, port } = probe.tcpSocket;
    return outcomeOf(await tryConnect(host, hostPort(port, target), limit));
  }
  if (probe.grpc !== undefined) {
    const address = `${LOOPBACK}:${hostPort(probe.grpc.port, target)}`;
    return outcomeOf(await checkHealth(address, probe.grpc.service ?? "", limit));
  }
  return { kind: "unknown", message: "missing probe handler" };
}

function outcomeOf(failure: string | undefined): ProbeOutcome {
  return failure === undefined ? PASSED : { kind: "failed", message: failure };
}

/** A port, by number or by the name it has in the container, as a port of this machine. */
function hostPort(port: number | string, { container, ports }: ProbeTarget): number {
  const named = container.ports?.find(({ name }) => name === String(port))?.containerPort;
  return ports.hostPortOf(named ?? Number(port));
}

type HttpGet = NonNullable<Probe["httpGet"]>;

async function tryHttp(
  action: HttpGet,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  try {
    const status = await requestContainer(action, target, signal);
    return status >= 200 && status < 400
      ? PASSED
      : { kind: "failed", message: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { kind: "failed", message: messageOf(error) };
  }
}

/**
 * Makes the request of a probe or hook, and gives its status.
 *
 * @throws {Error} If there is no answer.
 */
export function requestContainer(
  { scheme = "HTTP", host = LOOPBACK, path = "/", port, httpHeaders = [] }: HttpGet,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<number> {
  const headers = httpHeaders.map(({ name, value }): [string, string] => [name, value]);
  return probeStatus({ scheme, host, port: hostPort(port, target), path, headers }, signal);
}

async function tryConnect(
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const connection = await Deno.connect({ hostname: host, port, signal });
    connection.close();
    return undefined;
  } catch (error) {
    if (signal.aborted) return `dial tcp ${host}:${port}: i/o timeout`;
    return dialText(error, host, port) ?? `dial tcp ${host}:${port}: ${messageOf(error)}`;
  }
}

async function tryCommand(
  command: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
  seconds: number,
): Promise<ProbeOutcome> {
  try {
    const { code, output } = await runCommand(command, target, signal);
    if (signal.aborted) {
      const message = `command timed out: "${command.join(" ")}" timed out after ${seconds}s`;
      return { kind: "failed", message };
    }
    return code === 0 ? PASSED : { kind: "failed", message: output };
  } catch (error) {
    return { kind: "unknown", message: messageOf(error) };
  }
}

/**
 * Runs a command as the container's process would; it is killed when `signal` aborts.
 *
 * @throws {ContainerRefusal} If its program is not there.
 */
export async function runCommand(
  command: readonly string[],
  { plan, reaper }: ProbeTarget,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly output: string }> {
  let output = "";
  const decoder = new TextDecoder();
  const onOutput = (data: Uint8Array) => {
    if (output.length < OUTPUT_LIMIT) output += decoder.decode(data, { stream: true });
  };
  const process = await startProcess({ ...await planCommand(command, plan), onOutput }, reaper);
  const kill = () => process.signal("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  const code = await process.exited;
  signal.removeEventListener("abort", kill);
  return { code, output: output.slice(0, OUTPUT_LIMIT) };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
