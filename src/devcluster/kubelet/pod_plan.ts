/** What to do next for one pod: a function of what is known, without clock or client. */
import type { Container, Pod, PodStatus } from "../../kube/mod.ts";
import { buildPodStatus, hasBegun, isInitDone, outcomeOf } from "./pod_status.ts";
import {
  allContainersOf,
  containersOf,
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
  type RestartMark,
  startTimeMs,
  type Unhealthy,
} from "./records.ts";

/** One step. The worker takes them in order; a repeat does no harm. */
export type PodAction =
  | { readonly kind: "prepareVolumes" }
  | { readonly kind: "start"; readonly container: string; readonly restart?: RestartMark }
  /** The container waits for its next start: say so once. */
  | { readonly kind: "announceBackOff"; readonly container: string }
  | {
    readonly kind: "kill";
    readonly container: string;
    readonly graceMs: number;
    /** For the event. */
    readonly message: string;
    /** Containers that get to end before this one is asked to. */
    readonly after: readonly string[];
  }
  /** The pod's time is over: say so once. */
  | { readonly kind: "tellDeadline" }
  | { readonly kind: "report"; readonly status: PodStatus }
  /** All has ended and is reported: the pod object may go. */
  | { readonly kind: "remove" };

export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** When to plan again although nothing has happened. */
  readonly wakeAtMs?: number;
}

/** Everything that brings the pod nearer to its spec; no action once it has arrived. */
export function planPod(snapshot: PodSnapshot): PodPlan {
  const { pod, nowMs } = snapshot;
  const report = planReport(snapshot);
  if (isDeleted(pod)) {
    // Its last status is there before it goes: watchers learn from it how the pod ended.
    const isDone = isIdle(snapshot) && report.length === 0;
    const kills = planKills(snapshot, deletionGraceMs(pod));
    return { actions: [...kills, ...report, ...(isDone ? [{ kind: "remove" } as const] : [])] };
  }
  if (isFinished(pod.status?.phase) || isFinished(outcomeOf(snapshot))) {
    // Sidecars have nobody left to serve.
    return { actions: [...planKills(snapshot, graceMs(pod)), ...report] };
  }
  if (isPastDeadline(snapshot)) {
    const tell: PodAction[] = snapshot.isDeadlineTold === true ? [] : [{ kind: "tellDeadline" }];
    return { actions: [...tell, ...planKills(snapshot, graceMs(pod)), ...report] };
  }
  const wakes: number[] = [];
  const deadline = pod.spec?.activeDeadlineSeconds;
  if (deadline !== undefined) {
    wakes.push(startTimeMs(pod, snapshot.acceptedAtMs) + deadline * 1000);
  }
  const actions: PodAction[] = [...planUnhealthy(snapshot)];
  const { volumes } = snapshot;
  if (volumes.kind === "none" || (volumes.kind === "failed" && nowMs >= volumes.retryAtMs)) {
    actions.push({ kind: "prepareVolumes" });
  } else if (volumes.kind === "failed") wakes.push(volumes.retryAtMs);
  else if (volumes.kind === "ready") {
    for (const container of runnableContainers(snapshot)) {
      const step = planContainer(container, snapshot);
      actions.push(...step.actions);
      if (step.wakeAtMs !== undefined) wakes.push(step.wakeAtMs);
    }
  }
  actions.push(...report);
  return wakes.length === 0 ? { actions } : { actions, wakeAtMs: Math.min(...wakes) };
}

/** How long a process may take to end by itself once the pod is being deleted, in ms. */
function deletionGraceMs(pod: Pod): number {
  return (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
}

function graceMs(pod: Pod): number {
  return (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
}

/** The containers whose turn it is: init containers one after the other, then all the rest. */
function runnableContainers(snapshot: PodSnapshot): readonly Container[] {
  const { pod } = snapshot;
  const sidecars = initContainersOf(pod).filter(isSidecar);
  // Once they have been started, the main containers no longer wait for anybody.
  if (hasBegun(snapshot)) return [...sidecars, ...containersOf(pod)];
  const next = initContainersOf(pod)
    .findIndex((container) => !isInitDone(container, recordOf(snapshot, container.name)));
  if (next === -1) return [...sidecars, ...containersOf(pod)];
  return initContainersOf(pod).filter((container, at) =>
    at === next || (at < next && isSidecar(container))
  );
}

function planContainer(container: Container, snapshot: PodSnapshot): PodPlan {
  const { pod, nowMs, timing } = snapshot;
  const { name } = container;
  const record = recordOf(snapshot, name);
  const { state } = record;
  if (state.kind === "new") return { actions: [{ kind: "start", container: name }] };
  if (state.kind === "refused") {
    return nowMs >= state.retryAtMs
      ? { actions: [{ kind: "start", container: name }] }
      : { actions: [], wakeAtMs: state.retryAtMs };
  }
  if (state.kind !== "terminated") return { actions: [] };
  if (!isRestarted(pod, container, state.exitCode)) return { actions: [] };
  const startAtMs = state.finishedAtMs + restartDelayMs(record.crashes, timing);
  if (nowMs < startAtMs) {
    const actions: PodAction[] = state.backOffAnnounced
      ? []
      : [{ kind: "announceBackOff", container: name }];
    return { actions, wakeAtMs: startAtMs };
  }
  const { kind: _kind, backOffAnnounced: _announced, ...last } = state;
  const restart = { last, crashes: record.crashes + 1 };
  return { actions: [{ kind: "start", container: name, restart }] };
}

function planUnhealthy(snapshot: PodSnapshot): PodAction[] {
  const { pod } = snapshot;
  return allContainersOf(pod).flatMap((container): PodAction[] => {
    const { state } = recordOf(snapshot, container.name);
    if (state.kind !== "running" || state.unhealthy === undefined) return [];
    if (state.killAtMs !== undefined) return [];
    return [{
      kind: "kill",
      container: container.name,
      graceMs: state.unhealthy.graceMs ?? graceMs(pod),
      message: unhealthyMessage(pod, container, state.unhealthy),
      after: [],
    }];
  });
}

/** What a real kubelet says of the end of a container that it gives up. */
function unhealthyMessage(pod: Pod, container: Container, { cause }: Unhealthy): string {
  if (cause === "postStart hook") return "FailedPostStartHook";
  return isRestarted(pod, container, KILLED)
    ? `Container ${container.name} failed ${cause}, will be restarted`
    : stopMessage(container);
}

function stopMessage({ name }: Container): string {
  return `Stopping container ${name}`;
}

/** Ends what runs; a container that was asked before is asked again only when its time got shorter. */
function planKills(snapshot: PodSnapshot, limitMs: number): PodAction[] {
  return allContainersOf(snapshot.pod).flatMap((container): PodAction[] => {
    const { name } = container;
    const { state } = recordOf(snapshot, name);
    if (state.kind !== "running") return [];
    if (state.killAtMs !== undefined && state.killAtMs <= snapshot.nowMs + limitMs) return [];
    const after = endedBefore(container, snapshot.pod);
    return [{
      kind: "kill",
      container: name,
      graceMs: limitMs,
      message: stopMessage(container),
      after,
    }];
  });
}

/** Sidecars end after the main containers, the last one first. */
function endedBefore(container: Container, pod: Pod): readonly string[] {
  const init = initContainersOf(pod);
  if (!init.includes(container) || !isSidecar(container)) return [];
  const later = init.slice(init.indexOf(container) + 1);
  return [...containersOf(pod), ...later].map(({ name }) => name);
}

function planReport(snapshot: PodSnapshot): PodAction[] {
  const status = buildPodStatus(snapshot);
  return isSameStatus(status, snapshot.pod.status) ? [] : [{ kind: "report", status }];
}

/** Whether two statuses say the same; the order of fields says nothing. */
export function isSameStatus(one: unknown, other: unknown): boolean {
  return canonicalText(one) === canonicalText(other);
}

/** JSON with sorted keys and without what the API server leaves out: null, and empty lists and maps. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null) return undefined;
    if (typeof part !== "object" || Array.isArray(part)) return part;
    const entries = Object.entries(part).filter(([, one]) => one !== null && !isEmpty(one));
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isEmpty(value: unknown): boolean {
  return value === "" || (typeof value === "object" && value !== null &&
    Object.keys(value).length === 0);
}
