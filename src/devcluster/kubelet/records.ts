/** What a pod's worker knows of its containers, and the facts the planner and the status read. */
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from "../../kube/mod.ts";

/** The end of one run of a container. */
export interface Termination {
  readonly exitCode: number;
  /** `Completed`, `Error`, `StartError`, `ContainerStatusUnknown`. */
  readonly reason: string;
  readonly message?: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly containerId: string;
}

/** Where one container stands. */
export type RunState =
  | { readonly kind: "new" }
  | { readonly kind: "starting" }
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
    /** Why its probes want it gone, if they do. */
    readonly unhealthy?: string;
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

export const NEW_RECORD: ContainerRecord = {
  state: { kind: "new" },
  restartCount: 0,
  crashes: 0,
  started: false,
  ready: false,
};

/** How long restarts wait; all in ms. */
export interface RestartTiming {
  /** The wait before the second restart in a row; it doubles from then on. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** A run as long as this makes the next restart a first one again. */
  readonly resetMs: number;
  /** The wait before a container that could not be made is tried again. */
  readonly refusedRetryMs: number;
}

/** The values of a real kubelet. */
export const RESTART_TIMING: RestartTiming = {
  initialMs: 10_000,
  maxMs: 300_000,
  resetMs: 600_000,
  refusedRetryMs: 5_000,
};

/** Everything that decides what happens next to one pod. */
export interface PodSnapshot {
  readonly pod: Pod;
  /** By container name; init containers too. A container without a row is new. */
  readonly records: ReadonlyMap<string, ContainerRecord>;
  readonly volumes: VolumesState;
  /** When this kubelet took the pod in. */
  readonly acceptedAtMs: number;
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

/** `Always`, `OnFailure` or `Never`, as it applies to this container. */
export function restartPolicyOf(pod: Pod, container: Container): string {
  if (isSidecar(container)) return "Always";
  const policy = pod.spec?.restartPolicy ?? "Always";
  const isInit = initContainersOf(pod).includes(container);
  // An init container that has done its work is never repeated.
  return isInit && policy === "Always" ? "OnFailure" : policy;
}

/** Whether a container that ended with `exitCode` is to run again. */
export function isRestarted(policy: string, exitCode: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** How long after its end a container with that many crashes in a row stays down, in ms. */
export function restartDelayMs(crashes: number, timing: RestartTiming): number {
  return crashes === 0 ? 0 : Math.min(timing.maxMs, timing.initialMs * 2 ** (crashes - 1));
}

export function isRunning(record: ContainerRecord): boolean {
  return record.state.kind === "running" || record.state.kind === "starting";
}

/**
 * The records of a pod that an earlier run of this kubelet had: what ran then is gone now, and counts
 * as ended with code 137, as a real kubelet has it after its machine was restarted.
 */
export function recordsFromStatus(
  status: PodStatus | undefined,
  nowMs: number,
): Map<string, ContainerRecord> {
  const records = new Map<string, ContainerRecord>();
  const rows = [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []];
  for (const row of rows) {
    const record = recordFromStatus(row, nowMs);
    if (record !== undefined) records.set(row.name, record);
  }
  return records;
}

function recordFromStatus(row: ContainerStatus, nowMs: number): ContainerRecord | undefined {
  const last = terminationOf(row.lastState);
  const ended = terminationOf(row.state) ?? (row.state?.running && {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located: the kubelet that ran it has ended",
    startedAtMs: Date.parse(row.state.running.startedAt ?? "") || nowMs,
    finishedAtMs: nowMs,
    containerId: row.containerID ?? "",
  }) ?? last;
  if (ended === undefined) return undefined;
  return {
    ...NEW_RECORD,
    state: { kind: "terminated", backOffAnnounced: false, ...ended },
    ...(last !== undefined && { last }),
    restartCount: row.restartCount,
  };
}

function terminationOf(state: ContainerState | undefined): Termination | undefined {
  const end = state?.terminated;
  if (end === undefined) return undefined;
  return {
    exitCode: end.exitCode,
    reason: end.reason ?? "Error",
    ...(end.message !== undefined && { message: end.message }),
    startedAtMs: Date.parse(end.startedAt ?? "") || 0,
    finishedAtMs: Date.parse(end.finishedAt ?? "") || 0,
    containerId: end.containerID ?? "",
  };
}
