/** A job's status, out of what its pods say. */
import {
  cleanPodPolicyOf,
  type Condition,
  coordinatorName,
  type DIJob,
  type DIJobStatus,
  isFinished,
  type Phase,
  REPLICA_STATUS_KEYS,
  type ReplicaCounts,
  type ReplicaStatusKey,
  type ReplicaType,
} from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { replicaTypeOf, workStateOf } from "../replicas/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";

/** Under which key a role is counted. ddp learners are parts of one learner and have none. */
const STATUS_KEY: Readonly<Record<ReplicaType, ReplicaStatusKey | undefined>> = {
  coordinator: "Coordinator",
  aggregator: "Aggregator",
  collector: "Collector",
  learner: "Learner",
  "ddp-learner": undefined,
};

/** Condition that says whether the operator gets its writes done; there only once one has failed. */
const PROGRESSING = "Progressing";

/** What a phase says of itself, in its condition and its event. */
export function phaseReason(phase: Phase): string {
  return `DIJob${phase}`;
}

/** The sentence that goes with a phase. */
export function phaseMessage(phase: Phase, job: string): string {
  switch (phase) {
    case "Created":
      return `DIJob ${job} created`;
    case "Running":
      return `DIJob ${job} is running because its coordinator is running`;
    case "Succeeded":
      return `DIJob ${job} succeeded because coordinator succeeded`;
    case "Failed":
      return `DIJob ${job} failed because coordinator failed`;
  }
}

/** The status that this snapshot calls for. */
export function planStatus({ job, pods, now }: JobSnapshot): DIJobStatus {
  const phase = planPhase(job, pods);
  const name = job.metadata.name ?? "";
  const before = job.status?.conditions ?? [];
  // Also the phases that nobody was there to see: what is left does not tell of an operator's crash.
  const missed = phasesBefore(phase).filter((past) => !before.some(({ type }) => type === past));
  return {
    ...job.status,
    phase,
    conditions: [...missed, phase].reduce(
      (conditions, reached) => withPhase(conditions, reached, name, now),
      before,
    ),
    replicaStatus: settle(countReplicas(pods), phase, job),
  };
}

/** The phase that the coordinator's pod stands for. Finished stays finished. */
function planPhase(job: DIJob, pods: readonly Pod[]): Phase {
  const before = job.status?.phase ?? "Created";
  if (isFinished(before)) return before;
  const name = coordinatorName(job.metadata.name ?? "");
  const coordinator = pods.find((pod) => pod.metadata.name === name);
  if (coordinator === undefined) return before;
  switch (workStateOf(coordinator)) {
    case "active":
      return "Running";
    case "failed":
      return "Failed";
    case "succeeded":
      return "Succeeded";
    case "waiting":
      return before;
  }
}

/** `status` with the condition that a write was refused, for the API server's reason. */
export function withFailure(
  status: DIJobStatus,
  failure: { readonly reason: string; readonly message: string },
  now: number,
): DIJobStatus {
  const condition = { type: PROGRESSING, status: "False" as const, ...failure };
  return { ...status, conditions: setCondition(status.conditions ?? [], condition, now) };
}

/** `status` after writes that were all done: a failure that it told of is over. */
export function withoutFailure(status: DIJobStatus, now: number): DIJobStatus {
  const conditions = status.conditions ?? [];
  const failed = conditions.some(({ type, status }) => type === PROGRESSING && status === "False");
  if (!failed) return status;
  const recovered = {
    type: PROGRESSING,
    status: "True" as const,
    reason: "Recovered",
    message: "the write that had failed was done",
  };
  return { ...status, conditions: setCondition(conditions, recovered, now) };
}

/** Pods by role and state; a role without pods is `{}`. */
export function countReplicas(pods: readonly Pod[]): Record<string, ReplicaCounts> {
  const counts: Record<string, ReplicaCounts> = {};
  for (const key of REPLICA_STATUS_KEYS) counts[key] = {};
  for (const pod of pods) {
    const key = STATUS_KEY[replicaTypeOf(pod)];
    const state = workStateOf(pod);
    const entry = key === undefined ? undefined : counts[key];
    if (entry !== undefined && state !== "waiting") entry[state] = (entry[state] ?? 0) + 1;
  }
  return counts;
}

/**
 * The counts that a finished job keeps: its clean-up takes the pods that still work, so none stays
 * active. They have done their part when the job succeeded; when it failed they are neither.
 */
function settle(
  counts: Record<string, ReplicaCounts>,
  phase: Phase,
  job: DIJob,
): Record<string, ReplicaCounts> {
  if (!isFinished(phase) || cleanPodPolicyOf(job.spec) === "None") return counts;
  const settled = Object.entries(counts).map(([key, { active = 0, succeeded = 0, failed = 0 }]) => {
    const done = phase === "Succeeded" ? succeeded + active : succeeded;
    return [key, { ...(done > 0 && { succeeded: done }), ...(failed > 0 && { failed }) }];
  });
  return Object.fromEntries(settled);
}

/** The phases that a job has certainly been through; one that failed need not have run. */
function phasesBefore(phase: Phase): readonly Phase[] {
  switch (phase) {
    case "Created":
      return [];
    case "Running":
    case "Failed":
      return ["Created"];
    case "Succeeded":
      return ["Created", "Running"];
  }
}

/** The phase's condition becomes True, and what the job has left behind False. */
function withPhase(
  conditions: readonly Condition[],
  phase: Phase,
  job: string,
  now: number,
): Condition[] {
  const left = conditions.map((condition) =>
    condition.type !== phase && condition.type !== PROGRESSING && condition.status === "True"
      ? { ...condition, status: "False" as const, ...transitionTimes(now) }
      : condition
  );
  const reached = {
    type: phase,
    status: "True" as const,
    reason: phaseReason(phase),
    message: phaseMessage(phase, job),
  };
  return setCondition(left, reached, now);
}

/** Puts a condition in the place of the one of its type, or at the end. Times move only with content. */
function setCondition(
  conditions: readonly Condition[],
  condition: Condition,
  now: number,
): Condition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  if (
    before?.status === condition.status && before.reason === condition.reason &&
    before.message === condition.message
  ) return [...conditions];
  const times = transitionTimes(now);
  const after = before?.status === condition.status && before.lastTransitionTime !== undefined
    ? { ...condition, ...times, lastTransitionTime: before.lastTransitionTime }
    : { ...condition, ...times };
  return before === undefined
    ? [...conditions, after]
    : conditions.map((entry) => (entry === before ? after : entry));
}

function transitionTimes(now: number) {
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
  return { lastUpdateTime: time, lastTransitionTime: time };
}

/** Compares by content: the API server sends maps back in an order of its own. */
export function isSameStatus(a: DIJobStatus, b: DIJobStatus | undefined): boolean {
  return b !== undefined && a.phase === b.phase &&
    sortedText(a.conditions) === sortedText(b.conditions) &&
    sortedText(a.replicaStatus) === sortedText(b.replicaStatus);
}

function sortedText(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, entry) =>
      typeof entry === "object" && entry !== null && !Array.isArray(entry)
        ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
        : entry,
  ) ?? "";
}
