/** What to do next for one pod: a function of what is known, without clock or client. */
import type { Container, Pod, PodStatus } from "../../kube/mod.ts";
import { buildPodStatus, isFinished, isInitialized, isPastDeadline } from "./pod_status.ts";
import {
  allContainersOf,
  type ContainerRecord,
  containersOf,
  initContainersOf,
  isRestarted,
  isRunning,
  isSidecar,
  type PodSnapshot,
  recordOf,
  restartDelayMs,
  restartPolicyOf,
  type RestartTiming,
  type Termination,
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
    readonly why: string;
  }
  | { readonly kind: "report"; readonly status: PodStatus }
  /** All has ended and is reported: the pod object may go. */
  | { readonly kind: "remove" };

/** What a start leaves in the record of a container that ran before. */
export interface RestartMark {
  readonly last: Termination;
  readonly crashes: number;
}

export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** When to plan again although nothing has happened. */
  readonly wakeAtMs?: number;
}

/** Everything that brings the pod nearer to its spec; no action once it has arrived. */
export function planPod(snapshot: PodSnapshot): PodPlan {
  const { pod, nowMs } = snapshot;
  const report = planReport(snapshot);
  if (pod.metadata.deletionTimestamp !== undefined) {
    const kills = planKills(snapshot, deletionGraceMs(pod), "it is being deleted");
    const ended = allContainersOf(pod).every(({ name }) => !isRunning(recordOf(snapshot, name)));
    // Its last status is there before it goes: watchers learn from it how the pod ended.
    const isDone = ended && report.length === 0;
    return { actions: [...kills, ...report, ...(isDone ? [{ kind: "remove" } as const] : [])] };
  }
  if (isFinished(buildPodStatus(snapshot).phase)) {
    // Sidecars have nobody left to serve.
    return { actions: [...planKills(snapshot, graceMs(pod), "the pod has finished"), ...report] };
  }
  if (isPastDeadline(snapshot)) {
    const why = "the pod was active longer than its deadline";
    return { actions: [...planKills(snapshot, graceMs(pod), why), ...report] };
  }
  const wakes: number[] = [];
  const deadline = pod.spec?.activeDeadlineSeconds;
  if (deadline !== undefined) {
    wakes.push(
      (Date.parse(pod.status?.startTime ?? "") || snapshot.acceptedAtMs) + deadline * 1000,
    );
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
  const turn: Container[] = [];
  for (const container of initContainersOf(pod)) {
    const { state, started } = recordOf(snapshot, container.name);
    if (isSidecar(container)) turn.push(container);
    if (isSidecar(container) ? started : state.kind === "terminated" && state.exitCode === 0) {
      continue;
    }
    return isSidecar(container) ? turn : [...turn, container];
  }
  // Once they have run, the main containers stay even while a sidecar restarts.
  return isInitialized(snapshot) ? [...turn, ...containersOf(pod)] : turn;
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
  if (!isRestarted(restartPolicyOf(pod, container), state.exitCode)) return { actions: [] };
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

/** The crash count that a run leaves behind: a long one counts as calm. */
export function crashesAfter(
  record: ContainerRecord,
  ranMs: number,
  timing: RestartTiming,
): number {
  return ranMs >= timing.resetMs ? 0 : record.crashes;
}

function planUnhealthy(snapshot: PodSnapshot): PodAction[] {
  return allContainersOf(snapshot.pod).flatMap((container): PodAction[] => {
    const { state } = recordOf(snapshot, container.name);
    if (state.kind !== "running" || state.unhealthy === undefined) return [];
    if (state.killAtMs !== undefined) return [];
    const seconds = container.livenessProbe?.terminationGracePeriodSeconds;
    const limitMs = seconds === undefined ? graceMs(snapshot.pod) : seconds * 1000;
    return [{ kind: "kill", container: container.name, graceMs: limitMs, why: state.unhealthy }];
  });
}

/** Ends what runs; a container that was asked before is asked again only when its time got shorter. */
function planKills(snapshot: PodSnapshot, limitMs: number, why: string): PodAction[] {
  return allContainersOf(snapshot.pod).flatMap((container): PodAction[] => {
    const { state } = recordOf(snapshot, container.name);
    if (state.kind !== "running") return [];
    if (state.killAtMs !== undefined && state.killAtMs <= snapshot.nowMs + limitMs) return [];
    return [{ kind: "kill", container: container.name, graceMs: limitMs, why }];
  });
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
