/** What a pod's worker knows of its containers, and the facts the planner and the status read. */
import type { Container, Pod } from "../../kube/mod.ts";

/** The end of one run of a container. */
export interface Termination {
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`. */
  readonly reason: string;
  readonly message?: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly containerId: string;
  /** Why the run was no proper one; shown until the wait for the next start has begun. */
  readonly waiting?: { readonly reason: string; readonly message: string };
}

/** What a start leaves in the record of a container that ran before. */
export interface RestartMark {
  readonly last: Termination;
  readonly crashes: number;
}

/** Why a container that runs is to be stopped and, if its policy says so, started again. */
export interface Unhealthy {
  readonly cause: "liveness probe" | "startup probe" | "postStart hook";
  /** The time to end by itself, where it is not the pod's. */
  readonly graceMs?: number;
}

/** Where one container stands. */
export type RunState =
  | { readonly kind: "new" }
  /** With a mark: again. The status shows the last run until this one has started. */
  | { readonly kind: "starting"; readonly restart?: RestartMark }
  /** It could not be made; the planner tries again at `retryAtMs`. */
  | {
    readonly kind: "refused";
    readonly reason: string;
    readonly message: string;
    readonly retryAtMs: number;
  }
  | {
    readonly kind: "running";
    readonly startedAtMs: number;
    readonly containerId: string;
    /** Its `postStart` hook is under way: the container does not count as running before. */
    readonly isInHook?: boolean;
    /** The last run, shown while the hook is under way. */
    readonly restart?: RestartMark;
    readonly unhealthy?: Unhealthy;
    /** When SIGKILL comes; set once it was asked to end. */
    readonly killAtMs?: number;
  }
  | ({ readonly kind: "terminated"; readonly backOffAnnounced: boolean } & Termination);

export interface ContainerRecord {
  readonly state: RunState;
  readonly last?: Termination;
  readonly restartCount: number;
  /** Restarts in a row without a long calm run between them: the length of the next back-off. */
  readonly crashes: number;
  /** The startup probe has passed, or there is none and it runs. */
  readonly started: boolean;
  /** The readiness probe passes, or there is none and it runs. */
  readonly ready: boolean;
}

/** The exit code of what SIGKILL has ended. */
export const KILLED = 137;

export const NEW_RECORD: ContainerRecord = {
  state: { kind: "new" },
  restartCount: 0,
  crashes: 0,
  started: false,
  ready: false,
};

/** How long restarts and ends wait; all in ms. */
export interface RestartTiming {
  /** The wait before the second restart in a row; it doubles from then on. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** A run as long as this makes the next restart a first one again. */
  readonly resetMs: number;
  /** The wait before a container that could not be made is tried again. */
  readonly refusedRetryMs: number;
  /** The least time between SIGTERM and SIGKILL, however long what came before it took. */
  readonly leastGraceMs: number;
}

/** The values of a real kubelet. */
export const RESTART_TIMING: RestartTiming = {
  initialMs: 10_000,
  maxMs: 300_000,
  resetMs: 600_000,
  refusedRetryMs: 5_000,
  leastGraceMs: 2_000,
};

/** Everything that decides what happens next to one pod. */
export interface PodSnapshot {
  readonly pod: Pod;
  /** By container name; init containers too. A container without a row is new. */
  readonly records: ReadonlyMap<string, ContainerRecord>;
  readonly volumes: VolumesState;
  /** When this kubelet took the pod in. */
  readonly acceptedAtMs: number;
  /** The event about its deadline has been written. */
  readonly isDeadlineTold?: boolean;
  readonly nowMs: number;
  readonly timing: RestartTiming;
}
export type VolumesState =
  | { readonly kind: "none" | "preparing" | "ready" }
  | { readonly kind: "failed"; readonly message: string; readonly retryAtMs: number };

export function recordOf(snapshot: PodSnapshot, name: string): ContainerRecord {
  return snapshot.records.get(name) ?? NEW_RECORD;
}

export function initContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.initContainers ?? [];
}

export function containersOf(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? [];
}

/** Init containers first, in the order in which they start. */
export function allContainersOf(pod: Pod): readonly Container[] {
  return [...initContainersOf(pod), ...containersOf(pod)];
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Whether a container of this pod that ended with `exitCode` is to run again. */
export function isRestarted(pod: Pod, container: Container, exitCode: number): boolean {
  for (const { action, exitCodes } of container.restartPolicyRules ?? []) {
    const isListed = exitCodes?.values?.includes(exitCode) ?? false;
    if (isListed === (exitCodes?.operator === "In") && action === "Restart") return true;
  }
  const policy = container.restartPolicy ?? pod.spec?.restartPolicy ?? "Always";
  // An init container that has done its work is never repeated, but for a sidecar.
  const isRepeated = container.restartPolicy === "Always" ||
    !initContainersOf(pod).includes(container);
  return exitCode === 0 ? policy === "Always" && isRepeated : policy !== "Never";
}

/** How long after its end a container with that many crashes in a row stays down, in ms. */
export function restartDelayMs(crashes: number, timing: RestartTiming): number {
  return crashes === 0 ? 0 : Math.min(timing.maxMs, timing.initialMs * 2 ** (crashes - 1));
}

/** The crash count that a run leaves behind: a long one counts as calm. */
export function crashesAfter(crashes: number, ranMs: number, timing: RestartTiming): number {
  return ranMs >= timing.resetMs ? 0 : crashes;
}

export function isRunning(record: ContainerRecord): boolean {
  return record.state.kind === "running" || record.state.kind === "starting";
}

/** True once no container will ever run again. */
export function isFinished(phase: string | undefined): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** True once the pod has been running for longer than its `activeDeadlineSeconds`. */
export function isPastDeadline({ pod, acceptedAtMs, nowMs }: PodSnapshot): boolean {
  const limit = pod.spec?.activeDeadlineSeconds;
  return limit !== undefined && nowMs - startTimeMs(pod, acceptedAtMs) >= limit * 1000;
}

/** When the pod came to this node, by its status or by our own clock. */
export function startTimeMs(pod: Pod, acceptedAtMs: number): number {
  return Date.parse(pod.status?.startTime ?? "") || acceptedAtMs;
}

/** True once somebody has asked for its deletion. */
export function isDeleted({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** True while no container of the pod runs. */
export function isIdle(snapshot: PodSnapshot): boolean {
  return allContainersOf(snapshot.pod).every(({ name }) => !isRunning(recordOf(snapshot, name)));
}
