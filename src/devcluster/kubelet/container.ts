/** One container of a pod: its process, its log, its probes, and the record of all that. */
import type { Container, Pod } from "../../kube/mod.ts";
import { parseQuantity } from "../../lib/quantity.ts";
import { ContainerLogs } from "./container_logs.ts";
import { endRun, type KillOrder, killRun, reasonOf, type Run, waitTurn } from "./container_run.ts";
import {
  pathInVolume,
  planProcess,
  type PodPlace,
  type ProcessBase,
  type ProcessPlan,
} from "./container_start.ts";
import type { References } from "./environment.ts";
import type { EventNote } from "./events.ts";
import { runHook } from "./hooks.ts";
import type { LogFile } from "./log_file.ts";
import { type MemoryGuard, systemKills } from "./memory.ts";
import { type ProbeChange, startProbes } from "./probes.ts";
import { startProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";
import {
  type ContainerRecord,
  crashesAfter,
  initContainersOf,
  NEW_RECORD,
  type RestartMark,
  type RestartTiming,
} from "./records.ts";
import { ContainerRefusal } from "./refusal.ts";
import { MARK_VARIABLE } from "./strays.ts";
import { prepareMessageFile, TERMINATION_VARIABLE, terminationMessage } from "./termination.ts";

/** What containers need of the kubelet. */
export interface ContainerDeps {
  readonly base: ProcessBase;
  readonly references: References;
  readonly reaper: Reaper;
  readonly memory: MemoryGuard;
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

/** What a command beside a container's process is run with. */
export interface RunningPlace {
  readonly plan: ProcessPlan;
  /** Aborts when the process has ended. */
  readonly ended: AbortSignal;
}

export class PodContainer {
  readonly #options: ContainerOptions;
  readonly #deps: ContainerDeps;
  readonly #logs: ContainerLogs;
  #record: ContainerRecord;
  #run: Run | undefined;
  #isDoomed = false;
  /** Everything under way that must end before the container's folders may go. */
  readonly #tasks = new Set<Promise<void>>();

  constructor(options: ContainerOptions, deps: ContainerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#logs = new ContainerLogs(options.logFolder, deps.now, deps.logSizeLimit);
    this.#record = options.record ?? NEW_RECORD;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** The place of the process; undefined while there is none. */
  get running(): RunningPlace | undefined {
    if (this.#run === undefined) return undefined;
    const { plan, ended } = this.#run;
    return { plan, ended };
  }

  /** Resolves when the process that runs now has ended, at once when there is none. */
  get ended(): Promise<unknown> {
    return this.#run?.process.exited ?? Promise.resolve();
  }

  /** The log of the current or last run, or of the one before; undefined when there was none. */
  log(previous: boolean): LogFile | undefined {
    return previous ? this.#logs.previous : this.#logs.current;
  }

  /** Starts a run in the background; the record tells what becomes of it. */
  start(restart: RestartMark | undefined): void {
    this.#set({
      ...this.#record,
      state: { kind: "starting", ...(restart !== undefined && { restart }) },
    });
    this.#track(this.#startRun());
  }

  /** The wait before the next start has been told. */
  announceBackOff(): void {
    const { state } = this.#record;
    if (state.kind !== "terminated") return;
    this.#set({ ...this.#record, state: { ...state, backOffAnnounced: true } });
    this.#tell(
      "Warning",
      "BackOff",
      `Back-off restarting failed container ${this.#options.container.name} in pod ${this.#podText()}`,
    );
  }

  /** Asks the process to end, and makes it. A shorter time replaces a longer one. */
  kill(order: KillOrder): void {
    const run = this.#run;
    const { state } = this.#record;
    if (run === undefined || state.kind !== "running") return;
    const isFirst = run.kill === undefined;
    run.kill?.abort();
    run.kill = new AbortController();
    this.#set({ ...this.#record, state: { ...state, killAtMs: this.#deps.now() + order.graceMs } });
    if (isFirst) this.#tell("Normal", "Killing", order.message);
    const stop = AbortSignal.any([run.kill.signal, run.ended]);
    this.#track(this.#killRun(run, order, isFirst, stop));
  }

  /** Ends the process for good: nothing is started any more. Resolves when it is gone. */
  async end(graceMs: number): Promise<void> {
    this.#isDoomed = true;
    const message = `Stopping container ${this.#options.container.name}`;
    if (graceMs > 0) this.kill({ graceMs, message, after: Promise.resolve() });
    else if (this.#run !== undefined) killRun(this.#run);
    while (this.#tasks.size > 0) await Promise.allSettled([...this.#tasks]);
  }

  async #killRun(run: Run, order: KillOrder, isFirst: boolean, stop: AbortSignal): Promise<void> {
    const { now, timing } = this.#deps;
    const untilMs = now() + order.graceMs;
    if (isFirst && order.graceMs > 0) {
      await this.#runPreStop(run, order.graceMs, stop);
      await waitTurn(order.after, untilMs - now(), stop);
    }
    const leftMs = Math.max(timing.leastGraceMs, untilMs - now());
    await endRun(run, order.graceMs > 0 ? leftMs : 0, stop);
  }

  async #runPreStop(run: Run, limitMs: number, stop: AbortSignal): Promise<void> {
    const hook = this.#options.container.lifecycle?.preStop;
    if (hook === undefined) return;
    const limit = AbortSignal.any([stop, AbortSignal.timeout(limitMs)]);
    const failure = await runHook(hook, this.#podText(), this.#probeTarget(run.plan), limit);
    if (failure === undefined || stop.aborted) return;
    this.#tell("Warning", "FailedPreStopHook", "PreStopHook failed");
  }

  async #startRun(): Promise<void> {
    const { now, reaper } = this.#deps;
    const { container } = this.#options;
    const startedAtMs = now();
    let log: LogFile | undefined;
    try {
      this.#tell(
        "Normal",
        "Pulled",
        `Container image "${container.image ?? ""}" is not pulled: containers are processes of ` +
          "this machine",
      );
      const plan = await this.#plan();
      if (this.#isDoomed) return this.#refuse("CreateContainerError", "the pod is going away");
      log = await this.#logs.open();
      const output = log;
      const messagePath = plan.env[TERMINATION_VARIABLE] ?? "";
      await prepareMessageFile(messagePath);
      this.#tell("Normal", "Created", "Container created");
      const before = systemKills();
      const process = await startProcess(
        { ...plan, mark: plan.env[MARK_VARIABLE] ?? "", onOutput: (data) => output.write(data) },
        reaper,
      );
      const ended = new AbortController();
      void process.exited.then(() => ended.abort());
      await this.#follow({
        process,
        plan,
        log,
        messagePath,
        startedAtMs: now(),
        containerId: `process://${process.pid}`,
        ended: ended.signal,
        systemKills: before,
      });
    } catch (error) {
      await log?.close();
      this.#failStart(error, startedAtMs);
    }
  }

  async #plan(): Promise<ProcessPlan> {
    const { container, pod, place, logFolder } = this.#options;
    const { base, references, reaper } = this.#deps;
    const plan = await planProcess(pod(), container, place(), base, references);
    const wanted = container.terminationMessagePath ?? "";
    const messagePath = pathInVolume(wanted, container, place().volumes) ??
      `${logFolder}/termination-message`;
    const added = { [TERMINATION_VARIABLE]: messagePath, [MARK_VARIABLE]: reaper.nextMark() };
    return { ...plan, env: { ...plan.env, ...added } };
  }

  async #follow(run: Run): Promise<void> {
    const { container } = this.#options;
    const { startedAtMs, containerId } = run;
    const hook = container.lifecycle?.postStart;
    this.#run = run;
    const { restart, ...record } = this.#begun();
    this.#tell("Normal", "Started", "Container started");
    this.#watchMemory(run);
    this.#track(this.#awaitEnd(run));
    if (this.#isDoomed) killRun(run);
    const state = { kind: "running", startedAtMs, containerId } as const;
    if (hook !== undefined) {
      this.#set({
        ...record,
        state: { ...state, isInHook: true, ...(restart !== undefined && { restart }) },
      });
      const target = this.#probeTarget(run.plan);
      const failure = await runHook(hook, this.#podText(), target, run.ended);
      if (run.ended.aborted) return;
      if (failure !== undefined) return this.#failHook(run, failure);
    }
    const { state: now } = this.#record;
    const killAtMs = now.kind === "running" ? now.killAtMs : undefined;
    const hasStartup = container.startupProbe !== undefined;
    const hasReadiness = container.readinessProbe !== undefined;
    this.#set({
      ...record,
      state: { ...state, ...(killAtMs !== undefined && { killAtMs }) },
      started: !hasStartup,
      ready: !hasStartup && !hasReadiness,
    });
    const probes = startProbes({
      ...this.#probeTarget(run.plan),
      onChange: (change) => this.#probed(run, change),
      onFailure: (message) => this.#tell("Warning", "Unhealthy", message),
    });
    run.stopProbes = () => probes.stop();
  }

  /** The record of a container whose next run is about to be, and the mark of the last one. */
  #begun(): ContainerRecord & { readonly restart?: RestartMark } {
    const { state, ...record } = this.#record;
    const restart = state.kind === "starting" ? state.restart : undefined;
    if (restart === undefined) return { ...record, state };
    const { last, crashes } = restart;
    return { ...record, state, last, crashes, restartCount: record.restartCount + 1, restart };
  }

  #failHook(run: Run, failure: string): void {
    const { state } = this.#record;
    if (state.kind !== "running") return;
    run.hookFailure = failure;
    this.#tell("Warning", "FailedPostStartHook", "PostStartHook failed");
    this.#set({ ...this.#record, state: { ...state, unhealthy: { cause: "postStart hook" } } });
  }

  #watchMemory(run: Run): void {
    const limit = this.#options.container.resources?.limits?.memory;
    if (limit === undefined) return;
    const bytes = parseQuantity(String(limit));
    // No limit, as on a cluster.
    if (bytes === 0) return;
    this.#deps.memory.watch(run.process.pid, bytes, () => {
      run.isOverMemory = true;
      killRun(run);
    });
  }

  async #awaitEnd(run: Run): Promise<void> {
    const { now, memory, timing } = this.#deps;
    const exitCode = await run.process.exited;
    const finishedAtMs = now();
    memory.unwatch(run.process.pid);
    await run.stopProbes?.();
    await run.log.close();
    const { container } = this.#options;
    const message = await terminationMessage(container, exitCode, run.messagePath, run.log);
    this.#run = undefined;
    const { startedAtMs, containerId, hookFailure } = run;
    this.#set({
      ...this.#record,
      state: {
        kind: "terminated",
        backOffAnnounced: false,
        exitCode,
        reason: reasonOf(run, exitCode),
        ...(message !== "" && { message }),
        startedAtMs,
        finishedAtMs,
        containerId,
        ...(hookFailure !== undefined && {
          waiting: { reason: "PostStartHookError", message: hookFailure },
        }),
      },
      crashes: crashesAfter(this.#record.crashes, finishedAtMs - startedAtMs, timing),
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
    const message = error instanceof Error ? error.message : String(error);
    const reason = error instanceof ContainerRefusal ? error.reason : "CreateContainerError";
    this.#tell("Warning", "Failed", `Error: ${message}`);
    if (reason !== "StartError") return this.#refuse(reason, message);
    const { restart: _restart, ...record } = this.#begun();
    this.#set({
      ...record,
      state: {
        kind: "terminated",
        backOffAnnounced: false,
        exitCode: 128,
        reason,
        message,
        // It never was: a real kubelet's word for that.
        startedAtMs: 0,
        finishedAtMs: Math.max(startedAtMs, this.#deps.now()),
        containerId: "",
        waiting: { reason: "RunContainerError", message },
      },
    });
  }

  #refuse(reason: string, message: string): void {
    const retryAtMs = this.#deps.now() + this.#deps.timing.refusedRetryMs;
    const { restart: _restart, ...record } = this.#begun();
    this.#set({ ...record, state: { kind: "refused", reason, message, retryAtMs } });
  }

  #probeTarget(plan: ProcessPlan) {
    const { container, place } = this.#options;
    return { container, plan, ports: place().ports, reaper: this.#deps.reaper };
  }

  #podText(): string {
    const { name, namespace, uid } = this.#options.pod().metadata;
    return `${name}_${namespace}(${uid})`;
  }

  #tell(type: EventNote["type"], reason: string, message: string): void {
    const { container, pod, onEvent } = this.#options;
    const isInit = initContainersOf(pod()).some(({ name }) => name === container.name);
    const list = isInit ? "initContainers" : "containers";
    onEvent({ type, reason, message, fieldPath: `spec.${list}{${container.name}}` });
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
