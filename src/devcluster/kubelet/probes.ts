/** Startup, liveness and readiness probes of a container that runs. */
import { sleep } from "../../lib/abort.ts";
import type { Probe } from "../../kube/mod.ts";
import { type ProbeOutcome, type ProbeTarget, tryProbe } from "./probe_try.ts";
import type { Unhealthy } from "./records.ts";

/** What a probe found; absent fields are as before. */
export interface ProbeChange {
  readonly started?: boolean;
  readonly ready?: boolean;
  /** The container is to be stopped. */
  readonly unhealthy?: Unhealthy;
}

export interface ProbeOptions extends ProbeTarget {
  readonly onChange: (change: ProbeChange) => void;
  /** One try failed; for an event. */
  readonly onFailure: (message: string) => void;
}

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
    if (!passed) return options.onChange({ unhealthy: unhealthy("startup probe", startupProbe) });
    options.onChange({ started: true });
  }
  const loops: Promise<void>[] = [];
  if (livenessProbe !== undefined) {
    loops.push(runProbe("Liveness", livenessProbe, options, signal, (passes) => {
      if (!passes) options.onChange({ unhealthy: unhealthy("liveness probe", livenessProbe) });
    }));
  }
  if (readinessProbe !== undefined) {
    loops.push(runProbe("Readiness", readinessProbe, options, signal, (ready) => {
      options.onChange({ ready });
    }));
  }
  await Promise.all(loops);
}

function unhealthy(
  cause: Unhealthy["cause"],
  { terminationGracePeriodSeconds: seconds }: Probe,
): Unhealthy {
  return { cause, ...(seconds !== undefined && { graceMs: seconds * 1000 }) };
}

/** What a real kubelet says of a try that did not pass. */
function failureText(name: string, outcome: Exclude<ProbeOutcome, { kind: "passed" }>): string {
  return outcome.kind === "failed"
    ? `${name} probe failed: ${outcome.message}`
    : `${name} probe errored and resulted in unknown state: ${outcome.message}`;
}

/** Tries a startup probe until it passes once, or fails too often. */
async function runUntilPassed(
  probe: Probe,
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<boolean> {
  await sleep((probe.initialDelaySeconds ?? 0) * 1000, signal);
  for (let failures = 0; !signal.aborted;) {
    const outcome = await tryProbe(probe, options, signal);
    if (signal.aborted) break;
    if (outcome.kind === "passed") return true;
    options.onFailure(failureText("Startup", outcome));
    if (outcome.kind === "failed" && ++failures >= (probe.failureThreshold ?? 3)) return false;
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
    const outcome = await tryProbe(probe, options, signal);
    if (signal.aborted) return;
    if (outcome.kind !== "passed") options.onFailure(failureText(name, outcome));
    if (outcome.kind !== "unknown") {
      const passes = outcome.kind === "passed";
      inARow = passes === last ? inARow + 1 : 1;
      last = passes;
      const needed = passes ? probe.successThreshold ?? 1 : probe.failureThreshold ?? 3;
      if (inARow >= needed && passes !== verdict) onVerdict(verdict = passes);
    }
    await sleep((probe.periodSeconds ?? 10) * 1000, signal);
  }
}
