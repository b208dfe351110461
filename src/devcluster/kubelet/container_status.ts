/** One container's row in its pod's status, as a real kubelet writes it. */
import type { Container, ContainerState, ContainerStatus, Pod } from "../../kube/mod.ts";
import {
  initContainersOf,
  isDeleted,
  isFinished,
  isIdle,
  isPastDeadline,
  isRestarted,
  isSidecar,
  KILLED,
  type PodSnapshot,
  recordOf,
  restartDelayMs,
  type Termination,
} from "./records.ts";

/** The row of one container; `phase` is the one that the pod's status will have. */
export function statusOf(
  container: Container,
  snapshot: PodSnapshot,
  phase: string | undefined,
): ContainerStatus {
  const record = recordOf(snapshot, container.name);
  const { state, last } = stateOf(container, snapshot, phase);
  const isInit = initContainersOf(snapshot.pod).includes(container) && !isSidecar(container);
  const done = record.state.kind === "terminated" && record.state.exitCode === 0;
  const id = state.terminated?.containerID ??
    (record.state.kind === "running" ? record.state.containerId : last?.containerId);
  return {
    name: container.name,
    state,
    lastState: last === undefined ? {} : { terminated: terminatedState(last) },
    ready: isInit ? done : record.ready && record.state.kind === "running" && !isFinished(phase),
    started: record.started && record.state.kind === "running",
    restartCount: record.restartCount,
    image: container.image ?? "",
    imageID: "",
    ...(id !== undefined && id !== "" && { containerID: id }),
  };
}

interface ShownState {
  readonly state: ContainerState;
  readonly last: Termination | undefined;
}

function stateOf(
  container: Container,
  snapshot: PodSnapshot,
  phase: string | undefined,
): ShownState {
  const { state, last } = recordOf(snapshot, container.name);
  switch (state.kind) {
    case "running":
      if (state.isInHook !== true) {
        return { state: { running: { startedAt: timeText(state.startedAtMs) } }, last };
      }
      return shownStart(container, snapshot);
    case "starting":
      return shownStart(container, snapshot);
    case "terminated":
      return shownEnd(container, snapshot, phase, state);
    case "refused":
      if (isDeleted(snapshot.pod)) return shownStart(container, snapshot);
      return { state: { waiting: { reason: state.reason, message: state.message } }, last };
    case "new":
      return shownStart(container, snapshot);
  }
}

/** A container that has not started yet, or not again. */
function shownStart(container: Container, snapshot: PodSnapshot): ShownState {
  const { pod } = snapshot;
  const { state, last } = recordOf(snapshot, container.name);
  const restart = state.kind === "running" || state.kind === "starting" ? state.restart : undefined;
  if (restart !== undefined) {
    const crashes = restart.crashes - 1;
    return crashes > 0
      ? { state: { waiting: backOff(container, pod, crashes, snapshot) }, last: restart.last }
      : shownRestart(restart.last, last);
  }
  if (initContainersOf(pod).length > 0) {
    return { state: { waiting: { reason: "PodInitializing" } }, last };
  }
  if (isDeleted(pod) && isIdle(snapshot)) {
    return {
      state: {
        terminated: {
          exitCode: KILLED,
          reason: "ContainerStatusUnknown",
          message: "The container could not be located when the pod was terminated",
        },
      },
      last,
    };
  }
  return { state: { waiting: { reason: "ContainerCreating" } }, last };
}

/** A container that has ended, and may be waiting for its next start. */
function shownEnd(
  container: Container,
  snapshot: PodSnapshot,
  phase: string | undefined,
  end: Termination,
): ShownState {
  const { pod, nowMs, timing } = snapshot;
  const { last, crashes } = recordOf(snapshot, container.name);
  const again = isRestarted(pod, container, end.exitCode) && !isDeleted(pod) &&
    !isPastDeadline(snapshot) && !isFinished(phase);
  if (!again) return { state: { terminated: terminatedState(end) }, last };
  if (crashes > 0 && nowMs < end.finishedAtMs + restartDelayMs(crashes, timing)) {
    return { state: { waiting: backOff(container, pod, crashes, snapshot) }, last: end };
  }
  return shownRestart(end, last);
}

function shownRestart(end: Termination, last: Termination | undefined): ShownState {
  return end.waiting === undefined
    ? { state: { terminated: terminatedState(end) }, last }
    : { state: { waiting: end.waiting }, last: end };
}

function backOff(
  container: Container,
  { metadata }: Pod,
  crashes: number,
  { timing }: PodSnapshot,
): NonNullable<ContainerState["waiting"]> {
  const delay = delayText(restartDelayMs(crashes, timing));
  // As a kubelet names a container in its messages.
  const who =
    `container=${container.name} pod=${metadata.name}_${metadata.namespace}(${metadata.uid})`;
  return {
    reason: "CrashLoopBackOff",
    message: `back-off ${delay} restarting failed ${who}`,
  };
}

function terminatedState(end: Termination): NonNullable<ContainerState["terminated"]> {
  return {
    exitCode: end.exitCode,
    reason: end.reason,
    ...(end.message !== undefined && { message: end.message }),
    startedAt: timeText(end.startedAtMs),
    finishedAt: timeText(end.finishedAtMs),
    ...(end.containerId !== "" && { containerID: end.containerId }),
  };
}

/** A time as Kubernetes writes it: whole seconds, UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `10s`, `2m40s`, `5m0s`: as Go writes a duration. */
function delayText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
