/** Startup, liveness and readiness probes, and the hook before a container is stopped. */
import { sleep } from "../../lib/abort.ts";
import type { Container, Probe } from "../../kube/mod.ts";
import { planCommand, type ProcessPlan } from "./container_start.ts";
import type { PodPorts } from "./ports.ts";
import { startProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";
import { ContainerRefusal } from "./refusal.ts";

/** What probes look at. */
export interface ProbeTarget {
  readonly container: Container;
  readonly plan: ProcessPlan;
  readonly ports: PodPorts;
  readonly reaper: Reaper;
}

/** What a probe found; absent fields are as before. */
export interface ProbeChange {
  readonly started?: boolean;
  readonly ready?: boolean;
  /** `liveness probe` or `startup probe`: the container is to be stopped. */
  readonly unhealthy?: string;
}

export interface ProbeOptions extends ProbeTarget {
  readonly onChange: (change: ProbeChange) => void;
  /** One try failed; for an event. */
  readonly onFailure: (message: string) => void;
}

/** Bytes of a probe's output that go into its message. */
const OUTPUT_LIMIT = 1024;

/** The outcome of one try: undefined when it passed, else what was wrong. */
type ProbeFailure = string | undefined;

/** Starts all probes of a running container. */
export function startProbes(options: ProbeOptions): { stop(): Promise<void> } {
  const abort = new AbortController();
  const done = runProbes(options, abort.signal);
  return {
    async stop() {
      abort.abort();
      await done;
    },
  };
}

async function runProbes(options: ProbeOptions, signal: AbortSignal): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = options.container;
  if (startupProbe !== undefined) {
    const passed = await runUntilPassed(startupProbe, options, signal);
    if (signal.aborted) return;
    if (!passed) return options.onChange({ unhealthy: "startup probe" });
    options.onChange({ started: true });
  }
  const loops: Promise<void>[] = [];
  if (livenessProbe !== undefined) {
    loops.push(runProbe("Liveness", livenessProbe, options, signal, (passes) => {
      if (!passes) options.onChange({ unhealthy: "liveness probe" });
    }));
  }
  if (readinessProbe !== undefined) {
    loops.push(runProbe("Readiness", readinessProbe, options, signal, (ready) => {
      options.onChange({ ready });
    }));
  }
  await Promise.all(loops);
}

/** Tries a startup probe until it passes once, or fails too often. */
async function runUntilPassed(
  probe: Probe,
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<boolean> {
  await sleep((probe.initialDelaySeconds ?? 0) * 1000, signal);
  for (let failures = 0; !signal.aborted;) {
    const failure = await tryProbe(probe, options, signal);
    if (signal.aborted) break;
    if (failure === undefined) return true;
    options.onFailure(`Startup probe failed: ${failure}`);
    if (++failures >= (probe.failureThreshold ?? 3)) return false;
    await sleep((probe.periodSeconds ?? 10) * 1000, signal);
  }
  return false;
}

/** Tries a probe for as long as the container runs, and tells when its verdict changes. */
async function runProbe(
  name: string,
  probe: Probe,
  options: ProbeOptions,
  signal: AbortSignal,
  onVerdict: (passes: boolean) => void,
): Promise<void> {
  await sleep((probe.initialDelaySeconds ?? 0) * 1000, signal);
  let verdict: boolean | undefined;
  let inARow = 0;
  let last: boolean | undefined;
  while (!signal.aborted) {
    const failure = await tryProbe(probe, options, signal);
    if (signal.aborted) return;
    if (failure !== undefined) options.onFailure(`${name} probe failed: ${failure}`);
    const passes = failure === undefined;
    inARow = passes === last ? inARow + 1 : 1;
    last = passes;
    const needed = passes ? probe.successThreshold ?? 1 : probe.failureThreshold ?? 3;
    if (inARow >= needed && passes !== verdict) onVerdict(verdict = passes);
    await sleep((probe.periodSeconds ?? 10) * 1000, signal);
  }
}

async function tryProbe(
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeFailure> {
  const limitMs = (probe.timeoutSeconds ?? 1) * 1000;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  if (probe.exec !== undefined) return await tryCommand(probe.exec.command ?? [], target, limit);
  if (probe.httpGet !== undefined) return await tryHttp(probe.httpGet, target, limit);
  if (probe.tcpSocket !== undefined) {
    const { host = "127.0.0.1", port } = probe.tcpSocket;
    return await tryConnect(host, hostPort(port, target), limit);
  }
  return "probes of this kind are not known to this node";
}

type PortReference = number | string;

/** A probe's port, by number or by the name it has in the container, as a port of this machine. */
function hostPort(port: PortReference, { container, ports }: ProbeTarget): number {
  const named = container.ports?.find(({ name }) => name === String(port))?.containerPort;
  return ports.hostPortOf(named ?? Number(port));
}

async function tryHttp(
  { scheme = "HTTP", host = "127.0.0.1", path = "/", port, httpHeaders = [] }: NonNullable<
    Probe["httpGet"]
  >,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeFailure> {
  const url = `${scheme.toLowerCase()}://${host}:${hostPort(port, target)}${
    path.startsWith("/") ? path : `/${path}`
  }`;
  const headers = httpHeaders.map(({ name, value }): [string, string] => [name, value]);
  try {
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400
      ? undefined
      : `HTTP probe failed with statuscode: ${response.status}`;
  } catch (error) {
    return `Get "${url}": ${signal.aborted ? "deadline exceeded" : messageOf(error)}`;
  }
}

async function tryConnect(host: string, port: number, signal: AbortSignal): Promise<ProbeFailure> {
  try {
    const connection = await Deno.connect({ hostname: host, port, signal });
    connection.close();
    return undefined;
  } catch (error) {
    return `dial tcp ${host}:${port}: ${signal.aborted ? "i/o timeout" : messageOf(error)}`;
  }
}

async function tryCommand(
  command: readonly string[],
  { plan, reaper }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeFailure> {
  let output = "";
  const decoder = new TextDecoder();
  try {
    const onOutput = (data: Uint8Array) => {
      if (output.length < OUTPUT_LIMIT) output += decoder.decode(data, { stream: true });
    };
    const process = await startProcess({ ...await planCommand(command, plan), onOutput }, reaper);
    const kill = () => process.signal("SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    const code = await process.exited;
    signal.removeEventListener("abort", kill);
    if (signal.aborted) return `command timed out: ${JSON.stringify(command)}`;
    return code === 0 ? undefined : output.slice(0, OUTPUT_LIMIT) || `exit code ${code}`;
  } catch (error) {
    if (error instanceof ContainerRefusal) return error.message;
    return messageOf(error);
  }
}

/** Runs the `preStop` hook, if there is one, within the time that the container has left. */
export async function runPreStop(
  { limitMs, signal, ...target }: ProbeTarget & {
    readonly limitMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const hook = target.container.lifecycle?.preStop;
  if (hook === undefined) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  if (hook.exec !== undefined) await tryCommand(hook.exec.command ?? [], target, limit);
  else if (hook.httpGet !== undefined) await tryHttp(hook.httpGet, target, limit);
  else if (hook.sleep !== undefined) await sleep(hook.sleep.seconds * 1000, limit);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
