/** One container of a pod: its process, its log, its probes, and the record of all that. */
import { sleep } from "../../lib/abort.ts";
import type { Container, Pod } from "../../kube/mod.ts";
import {
  planProcess,
  type PodPlace,
  type ProcessBase,
  type ProcessPlan,
} from "./container_start.ts";
import type { References } from "./environment.ts";
import type { EventNote } from "./events.ts";
import { LogFile, rotatedPath } from "./log_file.ts";
import { crashesAfter, type RestartMark } from "./pod_plan.ts";
import { type ProbeChange, runPreStop, startProbes } from "./probes.ts";
import { type RunningProcess, startProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";
import { type ContainerRecord, NEW_RECORD, type RestartTiming } from "./records.ts";
import { ContainerRefusal } from "./refusal.ts";

/** What containers need of the kubelet. */
export interface ContainerDeps {
  readonly base: ProcessBase;
  readonly references: References;
  readonly reaper: Reaper;
  readonly timing: RestartTiming;
  /** Bytes after which a log begins a new file. */
  readonly logSizeLimit: number;
  readonly now: () => number;
}

export interface ContainerOptions {
  /** The newest state of the pod. */
  readonly pod: () => Pod;
  readonly container: Container;
  readonly place: () => PodPlace;
  /** Holds the container's logs; made when the first run starts. */
  readonly logFolder: string;
  /** What is known from an earlier run of this kubelet. */
  readonly record?: ContainerRecord;
  /** The record is not what it was. */
  readonly onChange: () => void;
  readonly onEvent: (note: EventNote) => void;
}

/** The process of one run, and what belongs to it. */
interface Run {
  readonly process: RunningProcess;
  readonly plan: ProcessPlan;
  readonly startedAtMs: number;
  readonly containerId: string;
  readonly stopProbes: () => Promise<void>;
  /** Ends the wait of a kill that is under way. */
  kill?: AbortController;
}

export class PodContainer {
  readonly #options: ContainerOptions;
  readonly #deps: ContainerDeps;
  #record: ContainerRecord;
  #run: Run | undefined;
  #isDoomed = false;
  /** The log of the last run, and of the one before it. */
  #logs: LogFile[] = [];
  #runs = 0;
  /** Everything under way that must end before the container's folders may go. */
  readonly #tasks = new Set<Promise<void>>();

  constructor(options: ContainerOptions, deps: ContainerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#record = options.record ?? NEW_RECORD;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** The log of the current or last run, or of the one before; undefined when there was none. */
  log(previous: boolean): LogFile | undefined {
    return previous ? this.#logs[1] : this.#logs[0];
  }

  /** Starts a run in the background; the record tells what becomes of it. */
  start(restart: RestartMark | undefined): void {
    const { restartCount } = this.#record;
    this.#set({
      ...this.#record,
      state: { kind: "starting" },
      ...(restart !== undefined && {
        last: restart.last,
        crashes: restart.crashes,
        restartCount: restartCount + 1,
      }),
    });
    this.#track(this.#startRun());
  }

  /** The wait before the next start has been told. */
  announceBackOff(): void {
    const { state } = this.#record;
    if (state.kind !== "terminated") return;
    this.#set({ ...this.#record, state: { ...state, backOffAnnounced: true } });
    const { container, pod } = this.#options;
    const { name, namespace, uid } = pod().metadata;
    this.#options.onEvent({
      type: "Warning",
      reason: "BackOff",
      message: `Back-off restarting failed container ${container.name} in pod ` +
        `${name}_${namespace}(${uid})`,
      fieldPath: fieldPathOf(this.#options),
    });
  }

  /** Asks the process to end, and makes it after `graceMs`. A shorter time replaces a longer one. */
  kill(graceMs: number, why: string): void {
    const run = this.#run;
    const { state } = this.#record;
    if (run === undefined || state.kind !== "running") return;
    const isFirst = run.kill === undefined;
    run.kill?.abort();
    run.kill = new AbortController();
    this.#set({ ...this.#record, state: { ...state, killAtMs: this.#deps.now() + graceMs } });
    if (isFirst) {
      const { name } = this.#options.container;
      this.#options.onEvent({
        type: "Normal",
        reason: "Killing",
        message: state.unhealthy === undefined
          ? `Stopping container ${name}`
          : `Container ${name} failed ${why}, will be restarted`,
        fieldPath: fieldPathOf(this.#options),
      });
    }
    this.#track(this.#killRun(run, graceMs, isFirst, run.kill.signal));
  }

  /** Ends the process for good: nothing is started any more. Resolves when it is gone. */
  async end(graceMs: number): Promise<void> {
    this.#isDoomed = true;
    if (graceMs > 0) this.kill(graceMs, "");
    else this.#run?.process.signal("SIGKILL");
    while (this.#tasks.size > 0) await Promise.allSettled([...this.#tasks]);
  }

  async #killRun(
    run: Run,
    graceMs: number,
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const until = this.#deps.now() + graceMs;
    const ended = new AbortController();
    void run.process.exited.then(() => ended.abort());
    const stop = AbortSignal.any([signal, ended.signal]);
    if (isFirst && graceMs > 0) {
      await runPreStop({ ...this.#probeTarget(run.plan), limitMs: graceMs, signal: stop });
    }
    if (graceMs > 0) run.process.signal("SIGTERM");
    await sleep(Math.max(0, until - this.#deps.now()), stop);
    if (!stop.aborted) run.process.signal("SIGKILL");
  }

  async #startRun(): Promise<void> {
    const { container, pod, place } = this.#options;
    const { base, references, now } = this.#deps;
    const startedAtMs = now();
    let log: LogFile | undefined;
    try {
      const plan = await planProcess(pod(), container, place(), base, references);
      if (this.#isDoomed) return this.#refuse("CreateContainerError", "the pod is going away");
      log = await this.#openLog();
      const output = log;
      const process = await startProcess(
        { ...plan, onOutput: (data) => output.write(data) },
        this.#deps.reaper,
      );
      this.#follow(process, plan, log, now());
    } catch (error) {
      await log?.close();
      this.#failStart(error, startedAtMs);
    }
  }

  #follow(process: RunningProcess, plan: ProcessPlan, log: LogFile, startedAtMs: number): void {
    const containerId = `process://${process.pid}`;
    const hasStartup = this.#options.container.startupProbe !== undefined;
    const hasReadiness = this.#options.container.readinessProbe !== undefined;
    const probes = startProbes({
      ...this.#probeTarget(plan),
      onChange: (change) => this.#probed(run, change),
      onFailure: (message) =>
        this.#options.onEvent({
          type: "Warning",
          reason: "Unhealthy",
          message,
          fieldPath: fieldPathOf(this.#options),
        }),
    });
    const run: Run = { process, plan, startedAtMs, containerId, stopProbes: () => probes.stop() };
    this.#run = run;
    this.#set({
      ...this.#record,
      state: { kind: "running", startedAtMs, containerId },
      started: !hasStartup,
      ready: !hasStartup && !hasReadiness,
    });
    this.#options.onEvent({
      type: "Normal",
      reason: "Started",
      message: `Started container ${this.#options.container.name}`,
      fieldPath: fieldPathOf(this.#options),
    });
    this.#track(this.#awaitEnd(run, log));
    if (this.#isDoomed) process.signal("SIGKILL");
  }

  async #awaitEnd(run: Run, log: LogFile): Promise<void> {
    const exitCode = await run.process.exited;
    const finishedAtMs = this.#deps.now();
    await run.stopProbes();
    await log.close();
    this.#run = undefined;
    const { startedAtMs, containerId } = run;
    this.#set({
      ...this.#record,
      state: {
        kind: "terminated",
        backOffAnnounced: false,
        exitCode,
        reason: exitCode === 0 ? "Completed" : "Error",
        startedAtMs,
        finishedAtMs,
        containerId,
      },
      crashes: crashesAfter(this.#record, finishedAtMs - startedAtMs, this.#deps.timing),
      started: false,
      ready: false,
    });
  }

  #probed(run: Run, change: ProbeChange): void {
    const { state } = this.#record;
    if (this.#run !== run || state.kind !== "running") return;
    const { unhealthy, started, ready } = change;
    const hasReadiness = this.#options.container.readinessProbe !== undefined;
    this.#set({
      ...this.#record,
      state: unhealthy === undefined ? state : { ...state, unhealthy },
      ...(started !== undefined && { started, ...(!hasReadiness && { ready: started }) }),
      ...(ready !== undefined && { ready }),
    });
  }

  #failStart(error: unknown, startedAtMs: number): void {
    const { onEvent } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    const reason = error instanceof ContainerRefusal ? error.reason : "CreateContainerError";
    onEvent({
      type: "Warning",
      reason: "Failed",
      message: `Error: ${message}`,
      fieldPath: fieldPathOf(this.#options),
    });
    if (reason !== "StartError") return this.#refuse(reason, message);
    this.#set({
      ...this.#record,
      state: {
        kind: "terminated",
        backOffAnnounced: false,
        exitCode: 128,
        reason,
        message,
        startedAtMs,
        finishedAtMs: this.#deps.now(),
        containerId: "",
      },
    });
  }

  #refuse(reason: string, message: string): void {
    const retryAtMs = this.#deps.now() + this.#deps.timing.refusedRetryMs;
    this.#set({ ...this.#record, state: { kind: "refused", reason, message, retryAtMs } });
  }

  #probeTarget(plan: ProcessPlan) {
    const { container, place } = this.#options;
    return { container, plan, ports: place().ports, reaper: this.#deps.reaper };
  }

  async #openLog(): Promise<LogFile> {
    const { logFolder } = this.#options;
    await Deno.mkdir(logFolder, { recursive: true, mode: 0o700 });
    const log = new LogFile(
      `${logFolder}/${this.#runs++}.log`,
      this.#deps.now,
      this.#deps.logSizeLimit,
    );
    const [, dropped] = this.#logs;
    this.#logs = [log, ...this.#logs].slice(0, 2);
    if (dropped !== undefined) {
      await Deno.remove(dropped.path).catch(() => {});
      await Deno.remove(rotatedPath(dropped.path)).catch(() => {});
    }
    return log;
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  #set(record: ContainerRecord): void {
    this.#record = record;
    this.#options.onChange();
  }
}

function fieldPathOf({ container, pod }: ContainerOptions): string {
  const isInit = pod().spec?.initContainers?.some(({ name }) => name === container.name);
  return `spec.${isInit ? "initContainers" : "containers"}{${container.name}}`;
}
