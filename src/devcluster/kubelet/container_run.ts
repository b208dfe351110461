/** One run of a container: its process, and how that is brought to its end. */
import { sleep } from "../../lib/abort.ts";
import type { ProcessPlan } from "./container_start.ts";
import type { LogFile } from "./log_file.ts";
import { systemKills } from "./memory.ts";
import type { RunningProcess } from "./process.ts";
import { KILLED } from "./records.ts";

/** How a process is to be ended. */
export interface KillOrder {
  /** The time it has to end by itself; 0 kills it at once. */
  readonly graceMs: number;
  /** For the event. */
  readonly message: string;
  /** Resolves when those have ended that get to end before it. */
  readonly after: Promise<unknown>;
}

/** The process of one run, and what belongs to it. */
export interface Run {
  readonly process: RunningProcess;
  readonly plan: ProcessPlan;
  readonly log: LogFile;
  readonly messagePath: string;
  readonly startedAtMs: number;
  readonly containerId: string;
  /** Aborts when the process has ended. */
  readonly ended: AbortSignal;
  /** {@link systemKills} at its start. */
  readonly systemKills: number;
  stopProbes?: () => Promise<void>;
  /** Ends the wait of a kill that is under way. */
  kill?: AbortController;
  /** SIGKILL came from here. */
  isKilled?: boolean;
  isOverMemory?: boolean;
  hookFailure?: string;
}

/** Asks the process to end, and makes it after `graceMs`; 0 asks nothing. Leaves off when `stop` aborts. */
export async function endRun(run: Run, graceMs: number, stop: AbortSignal): Promise<void> {
  if (graceMs > 0) {
    run.process.signal("SIGTERM");
    await sleep(graceMs, stop);
  }
  if (!stop.aborted) killRun(run);
}

/** Ends the process at once. */
export function killRun(run: Run): void {
  run.isKilled = true;
  run.process.signal("SIGKILL");
}

/** Waits for `after`, but no longer than the time that is left. */
export async function waitTurn(
  after: Promise<unknown>,
  leftMs: number,
  stop: AbortSignal,
): Promise<void> {
  const called = new AbortController();
  const wait = sleep(Math.max(0, leftMs), AbortSignal.any([stop, called.signal]));
  await Promise.race([after, wait]);
  called.abort();
}

/** Why a process has ended. What the system killed while its memory ran out is told by its count. */
export function reasonOf(run: Run, exitCode: number): string {
  const isSystemKill = exitCode === KILLED && run.isKilled !== true &&
    systemKills() > run.systemKills;
  if (run.isOverMemory === true || isSystemKill) return "OOMKilled";
  return exitCode === 0 ? "Completed" : "Error";
}
