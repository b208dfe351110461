/** A pod's status as a real kubelet writes it, from what its worker knows. */
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from "../../kube/mod.ts";
import {
  containersOf,
  initContainersOf,
  isRestarted,
  isSidecar,
  type PodSnapshot,
  recordOf,
  restartDelayMs,
  restartPolicyOf,
  type Termination,
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

/** The whole status for the pod as it stands; fields of others are kept from the pod. */
export function buildPodStatus(snapshot: PodSnapshot): PodStatus {
  const { pod } = snapshot;
  const phase = isFinished(pod.status?.phase) ? pod.status?.phase : phaseOf(snapshot);
  const { reason: _reason, message: _message, ...kept } = pod.status ?? {};
  const { generation } = pod.metadata;
  const hasInit = initContainersOf(pod).length > 0;
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
    podIP: HOST_IP,
    podIPs: [{ ip: HOST_IP }],
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
    ? {
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    }
    : {};
}

/** `Pending`, `Running`, `Succeeded` or `Failed`, by a real kubelet's rules. */
function phaseOf(snapshot: PodSnapshot): Phase {
  const { pod } = snapshot;
  const leaving = pod.metadata.deletionTimestamp !== undefined || isPastDeadline(snapshot);
  for (const container of initContainersOf(pod)) {
    const { state, started } = recordOf(snapshot, container.name);
    if (isSidecar(container) ? started || leaving : false) continue;
    if (state.kind !== "terminated") return leaving && isIdle(snapshot) ? "Failed" : "Pending";
    if (state.exitCode === 0) continue;
    const again = isRestarted(restartPolicyOf(pod, container), state.exitCode);
    return again && !leaving ? "Pending" : "Failed";
  }
  let waiting = 0;
  let running = 0;
  let restarting = 0;
  let failed = 0;
  for (const container of containersOf(pod)) {
    const { state, last } = recordOf(snapshot, container.name);
    if (state.kind === "running") running++;
    else if (state.kind === "terminated") {
      if (isRestarted(restartPolicyOf(pod, container), state.exitCode)) restarting++;
      if (state.exitCode !== 0) failed++;
    } else if (last === undefined) waiting++;
    else restarting++;
  }
  if (leaving && isIdle(snapshot)) {
    return waiting + failed > 0 || isPastDeadline(snapshot) ? "Failed" : "Succeeded";
  }
  if (waiting > 0) return "Pending";
  if (running + restarting > 0) return "Running";
  return failed > 0 ? "Failed" : "Succeeded";
}

function isIdle({ records }: PodSnapshot): boolean {
  return [...records.values()].every(({ state }) =>
    state.kind !== "running" && state.kind !== "starting"
  );
}

/** One container's row of the status. */
function statusOf(
  container: Container,
  snapshot: PodSnapshot,
  phase: Phase | undefined,
): ContainerStatus {
  const record = recordOf(snapshot, container.name);
  const { state, last } = stateOf(container, snapshot, phase);
  const isInit = initContainersOf(snapshot.pod).includes(container) && !isSidecar(container);
  const done = record.state.kind === "terminated" && record.state.exitCode === 0;
  const id = record.state.kind === "running" || record.state.kind === "terminated"
    ? record.state.containerId
    : record.last?.containerId;
  return {
    name: container.name,
    state,
    lastState: last === undefined ? {} : { terminated: terminatedState(last) },
    ready: isInit ? done : record.ready && record.state.kind === "running" && !isFinished(phase),
    started: record.started && record.state.kind === "running",
    restartCount: record.restartCount,
    image: container.image ?? "",
    imageID: "",
    ...(id !== undefined && { containerID: id }),
  };
}

function stateOf(
  container: Container,
  snapshot: PodSnapshot,
  phase: Phase | undefined,
): { readonly state: ContainerState; readonly last: Termination | undefined } {
  const { pod, nowMs, timing } = snapshot;
  const { state, last, crashes } = recordOf(snapshot, container.name);
  switch (state.kind) {
    case "running":
      return { state: { running: { startedAt: timeText(state.startedAtMs) } }, last };
    case "terminated": {
      const leaving = pod.metadata.deletionTimestamp !== undefined || isPastDeadline(snapshot) ||
        isFinished(phase);
      const again = isRestarted(restartPolicyOf(pod, container), state.exitCode) && !leaving;
      const delayMs = restartDelayMs(crashes, timing);
      if (!again || nowMs >= state.finishedAtMs + delayMs || delayMs === 0) {
        return { state: { terminated: terminatedState(state) }, last };
      }
      const message = `back-off ${delayText(delayMs)} restarting failed ${
        describe(container, pod)
      }`;
      return { state: { waiting: { reason: "CrashLoopBackOff", message } }, last: state };
    }
    case "refused":
      return { state: { waiting: { reason: state.reason, message: state.message } }, last };
    default: {
      const initializing = initContainersOf(pod).length > 0 &&
        !initContainersOf(pod).includes(container) && !isInitialized(snapshot);
      const reason = initializing || (state.kind === "new" && isLaterInit(container, snapshot))
        ? "PodInitializing"
        : "ContainerCreating";
      return { state: { waiting: { reason } }, last };
    }
  }
}

/** True for an init container whose turn has not come. */
function isLaterInit(container: Container, { pod, records }: PodSnapshot): boolean {
  const at = initContainersOf(pod).indexOf(container);
  const before = initContainersOf(pod)[at - 1];
  if (before === undefined) return false;
  const record = records.get(before.name);
  return isSidecar(before)
    ? record?.started !== true
    : !(record?.state.kind === "terminated" && record.state.exitCode === 0);
}

/** `container=x pod=y_ns(uid)`: how a kubelet names a container in its messages. */
function describe(container: Container, { metadata }: Pod): string {
  return `container=${container.name} pod=${metadata.name}_${metadata.namespace}(${metadata.uid})`;
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

/** True once every init container has done its work and every sidecar has started. */
export function isInitialized(snapshot: PodSnapshot): boolean {
  return initContainersOf(snapshot.pod).every((container) => {
    const { state, started } = recordOf(snapshot, container.name);
    return isSidecar(container) ? started : state.kind === "terminated" && state.exitCode === 0;
  });
}

function ownConditions(snapshot: PodSnapshot, phase: Phase | undefined): PodCondition[] {
  const { pod, nowMs } = snapshot;
  const unready = [
    ...initContainersOf(pod).filter(isSidecar),
    ...containersOf(pod),
  ].filter(({ name }) => {
    const { state, ready } = recordOf(snapshot, name);
    return !(state.kind === "running" && ready);
  }).map(({ name }) => name);
  const ready: Partial<PodCondition> = phase === "Succeeded"
    ? { status: "False", reason: "PodCompleted" }
    : phase === "Failed"
    ? { status: "False", reason: "PodFailed" }
    : unready.length === 0
    ? { status: "True" }
    : {
      status: "False",
      reason: "ContainersNotReady",
      message: `containers with unready status: [${unready.join(" ")}]`,
    };
  const incomplete = initContainersOf(pod).filter((container) => {
    const { state, started } = recordOf(snapshot, container.name);
    return isSidecar(container) ? !started : !(state.kind === "terminated" && state.exitCode === 0);
  }).map(({ name }) => name);
  const initialized: Partial<PodCondition> = phase === "Succeeded" || incomplete.length === 0
    ? { status: "True", ...(phase === "Succeeded" && { reason: "PodCompleted" }) }
    : {
      status: "False",
      reason: "ContainersNotInitialized",
      message: `containers with incomplete status: [${incomplete.join(" ")}]`,
    };
  const prepared = snapshot.volumes.kind === "ready" && !isFinished(phase);
  return [
    condition("PodReadyToStartContainers", { status: prepared ? "True" : "False" }),
    condition("Initialized", initialized),
    condition("Ready", ready),
    condition("ContainersReady", ready),
    condition("PodScheduled", { status: "True" }),
  ];

  function condition(type: string, fields: Partial<PodCondition>): PodCondition {
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

/** A time as Kubernetes writes it: whole seconds, UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `10s`, `2m40s`, `5m0s`: as Go writes a duration. */
export function delayText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
