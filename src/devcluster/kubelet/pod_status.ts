/** A pod's status as a real kubelet writes it, from what its worker knows. */
import type { Container, Pod, PodCondition, PodStatus } from "../../kube/mod.ts";
import { statusOf, timeText } from "./container_status.ts";
import {
  type ContainerRecord,
  containersOf,
  initContainersOf,
  isDeleted,
  isFinished,
  isIdle,
  isPastDeadline,
  isRestarted,
  isSidecar,
  type PodSnapshot,
  recordOf,
  startTimeMs,
} from "./records.ts";

/** The node's address; every process listens on it. */
export const HOST_IP = "127.0.0.1";

type Phase = NonNullable<PodStatus["phase"]>;

/** Conditions this kubelet writes; others belong to somebody else and are kept. */
const OWN_CONDITIONS = [
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
];

/** What a status says of a pod that was active for too long. */
export const DEADLINE_REASON = "DeadlineExceeded";
export const DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline";

/** The whole status for the pod as it stands; fields of others are kept from the pod. */
export function buildPodStatus(snapshot: PodSnapshot): PodStatus {
  const { pod } = snapshot;
  const phase = isFinished(pod.status?.phase) ? pod.status?.phase : phaseOf(snapshot);
  const { reason: _reason, message: _message, ...kept } = pod.status ?? {};
  const { generation } = pod.metadata;
  const hasInit = initContainersOf(pod).length > 0;
  const isPlaced = snapshot.volumes.kind === "ready" || kept.podIP !== undefined;
  return {
    ...kept,
    ...(phase !== undefined && { phase }),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...reasonOf(snapshot, phase),
    conditions: [
      ...ownConditions(snapshot, phase),
      ...(pod.status?.conditions ?? []).filter(({ type }) => !OWN_CONDITIONS.includes(type)),
    ],
    hostIP: HOST_IP,
    hostIPs: [{ ip: HOST_IP }],
    ...(isPlaced && { podIP: HOST_IP, podIPs: [{ ip: HOST_IP }] }),
    startTime: timeText(startTimeMs(pod, snapshot.acceptedAtMs)),
    ...(hasInit && {
      initContainerStatuses: initContainersOf(pod).map((one) => statusOf(one, snapshot, phase)),
    }),
    containerStatuses: containersOf(pod).map((one) => statusOf(one, snapshot, phase)),
  };
}

function reasonOf(
  snapshot: PodSnapshot,
  phase: Phase | undefined,
): Pick<PodStatus, "reason" | "message"> {
  const { reason, message } = snapshot.pod.status ?? {};
  if (isFinished(snapshot.pod.status?.phase)) {
    return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
  }
  return phase === "Failed" && isPastDeadline(snapshot)
    ? { reason: DEADLINE_REASON, message: DEADLINE_MESSAGE }
    : {};
}

/** `Pending`, `Running`, `Succeeded` or `Failed`, by a real kubelet's rules. */
function phaseOf(snapshot: PodSnapshot): Phase {
  const outcome = outcomeOf(snapshot);
  if (!isFinished(outcome) || isIdle(snapshot)) return outcome;
  // What still runs are sidecars, or containers that were asked to end.
  return hasBegun(snapshot) ? "Running" : "Pending";
}

/** The phase that the pod has, or will have once all that still runs beside it has ended. */
export function outcomeOf(snapshot: PodSnapshot): Phase {
  const { pod } = snapshot;
  const leaving = isDeleted(pod) || isPastDeadline(snapshot);
  for (const container of hasBegun(snapshot) ? [] : initContainersOf(pod)) {
    const { state, started } = recordOf(snapshot, container.name);
    if (isSidecar(container) ? started || leaving : false) continue;
    if (state.kind !== "terminated") return leaving && isIdle(snapshot) ? "Failed" : "Pending";
    if (state.exitCode === 0) continue;
    return isRestarted(pod, container, state.exitCode) && !leaving ? "Pending" : "Failed";
  }
  let waiting = 0;
  let running = 0;
  let restarting = 0;
  let failed = 0;
  for (const container of containersOf(pod)) {
    const { state, last } = recordOf(snapshot, container.name);
    if (state.kind === "running" && state.isInHook !== true) running++;
    else if (state.kind === "terminated") {
      if (isRestarted(pod, container, state.exitCode)) restarting++;
      if (state.exitCode !== 0) failed++;
    } else if (last === undefined && !("restart" in state)) waiting++;
    else restarting++;
  }
  if (leaving && isIdle(snapshot)) {
    return waiting + failed > 0 || isPastDeadline(snapshot) ? "Failed" : "Succeeded";
  }
  if (waiting > 0) return "Pending";
  if (running + restarting > 0) return "Running";
  return failed > 0 ? "Failed" : "Succeeded";
}

/** True once a main container has been started: the init containers have done their work. */
export function hasBegun(snapshot: PodSnapshot): boolean {
  return containersOf(snapshot.pod).some(({ name }) =>
    recordOf(snapshot, name).state.kind !== "new"
  );
}

/** The init containers that have their work before them; none once a main container was started. */
function incompleteOf(snapshot: PodSnapshot): readonly Container[] {
  if (hasBegun(snapshot)) return [];
  return initContainersOf(snapshot.pod).filter((container) =>
    !isInitDone(container, recordOf(snapshot, container.name))
  );
}

/** True once the next container may start: its work is done or, of a sidecar, it has started. */
export function isInitDone(container: Container, { state, started }: ContainerRecord): boolean {
  if (isSidecar(container)) return started && state.kind === "running";
  return state.kind === "terminated" && state.exitCode === 0;
}

type Verdict = Partial<PodCondition>;

function ownConditions(snapshot: PodSnapshot, phase: Phase | undefined): PodCondition[] {
  const { pod, nowMs } = snapshot;
  const incomplete = incompleteOf(snapshot).map(({ name }) => name);
  const initialized: Verdict = phase === "Succeeded" || incomplete.length === 0
    ? { status: "True", ...(phase === "Succeeded" && { reason: "PodCompleted" }) }
    : {
      status: "False",
      reason: "ContainersNotInitialized",
      message: `containers with incomplete status: [${incomplete.join(" ")}]`,
    };
  const containersReady = containersReadiness(snapshot, phase);
  const prepared = snapshot.volumes.kind === "ready" && !isFinished(phase);
  return [
    condition("PodReadyToStartContainers", { status: prepared ? "True" : "False" }),
    condition("Initialized", initialized),
    condition("Ready", podReadiness(pod, containersReady)),
    condition("ContainersReady", containersReady),
    condition("PodScheduled", { status: "True" }),
  ];

  function condition(type: string, fields: Verdict): PodCondition {
    const status = fields.status ?? "False";
    const held = pod.status?.conditions?.find((one) => one.type === type);
    const since = held?.status === status ? held.lastTransitionTime : undefined;
    const { generation } = pod.metadata;
    return {
      type,
      ...fields,
      status,
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: since ?? timeText(nowMs),
    };
  }
}

function containersReadiness(snapshot: PodSnapshot, phase: Phase | undefined): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed" || isPastDeadline(snapshot)) {
    return { status: "False", reason: "PodFailed" };
  }
  const { pod } = snapshot;
  const unready = [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)]
    .map(({ name }) => name)
    .filter((name) => {
      const { state, ready } = recordOf(snapshot, name);
      return !(state.kind === "running" && ready);
    });
  return unready.length === 0 ? { status: "True" } : {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${unready.join(" ")}]`,
  };
}

/** A pod is ready once its containers are, and every condition that its readiness gates name is true. */
function podReadiness({ spec, status }: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const missing = (spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const held = status?.conditions?.find(({ type }) => type === conditionType);
    if (held?.status === "True") return [];
    const what = held === undefined ? "does not exist" : `status is not "True"`;
    return [`corresponding condition of pod readiness gate "${conditionType}" ${what}.`];
  });
  return missing.length === 0 ? containersReady : {
    status: "False",
    reason: "ReadinessGatesNotReady",
    message: missing.join(", "),
  };
}
