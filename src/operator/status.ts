/** A job's status, out of what its pods say. */
import {
  cleanPodPolicyOf,
  type Condition,
  type DIJob,
  type DIJobStatus,
  isFinished,
  type Phase,
  PHASES,
  REPLICA_STATUS_KEYS,
  type ReplicaCounts,
  type ReplicaStatusKey,
  type ReplicaType,
} from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { failureTextOf, replicaTypeOf, workStateOf } from "../replicas/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { coordinatorOf, type Stage } from "./stage.ts";

/** Under which key a role is counted. */
const STATUS_KEY: Readonly<Record<ReplicaType, ReplicaStatusKey>> = {
  coordinator: "Coordinator",
  aggregator: "Aggregator",
  collector: "Collector",
  learner: "Learner",
  "ddp-learner": "DDPLearner",
};

/** Condition that says whether the operator gets its writes done; there only once one has failed. */
const PROGRESSING = "Progressing";
/** Reason of a job's failure when its time was up; as a Job of Kubernetes has it. */
export const DEADLINE_REASON = "DeadlineExceeded";
const RETRIED_REASON = "CoordinatorFailed";
/** Condition that says whether the API server would take the pods of the templates. */
export const ACCEPTED = "Accepted";
const INVALID_TEMPLATE = "InvalidTemplate";

/** A phase, and what its condition and its event say of it. */
interface Outcome {
  readonly phase: Phase;
  readonly reason: string;
  readonly message: string;
}

/** The status that this snapshot calls for. */
export function planStatus(snapshot: JobSnapshot, stage: Stage): DIJobStatus {
  const { job, pods, now } = snapshot;
  const outcome = outcomeOf(snapshot, stage);
  const { phase } = outcome;
  const before = withConditions(job.status?.conditions ?? [], acceptedConditions(snapshot), now);
  const name = job.metadata.name ?? "";
  // Also the phases that nobody was there to see: what is left does not tell of an operator's crash.
  const missed = phasesBefore(phase).filter((past) => !before.some(({ type }) => type === past));
  const reached = [...missed.map((past) => usualOutcome(past, name)), outcome].reduce(
    (conditions, each) => withPhase(conditions, each, now),
    before,
  );
  const { startTime: _, ...kept } = job.status ?? {};
  return {
    ...kept,
    ...retryOf(job, stage, now),
    phase,
    conditions: withConditions(reached, retriedConditions(stage), now),
    replicaStatus: settle(countReplicas(pods), phase, job),
    ...(job.metadata.generation !== undefined && { observedGeneration: job.metadata.generation }),
    ...timesOf(job, phase, now),
  };
}

/** What has become of the job. */
function outcomeOf(snapshot: JobSnapshot, stage: Stage): Outcome {
  const { job } = snapshot;
  const name = job.metadata.name ?? "";
  switch (stage.kind) {
    case "suspended":
      return usualOutcome("Suspended", name);
    case "expired":
      return {
        phase: "Failed",
        reason: DEADLINE_REASON,
        message: `DIJob ${name} failed because it was active for longer than ` +
          `${job.spec.activeDeadlineSeconds} s`,
      };
    case "retried":
    case "refused":
      return usualOutcome("Created", name);
    case "cleared":
    case "backedOff":
      return usualOutcome(job.status?.phase ?? "Created", name);
    case "underWay":
      return outcomeOfCoordinator(snapshot, name);
  }
}

/** The phase that the coordinator's pod stands for. Finished stays finished. */
function outcomeOfCoordinator(snapshot: JobSnapshot, name: string): Outcome {
  const { job } = snapshot;
  const before = job.status?.phase ?? "Created";
  const unchanged = usualOutcome(before === "Suspended" ? "Created" : before, name);
  const coordinator = coordinatorOf(snapshot);
  if (isFinished(before) || coordinator === undefined) return unchanged;
  switch (workStateOf(coordinator)) {
    case "active":
      return usualOutcome("Running", name);
    case "failed":
      return failureOf(job, coordinator);
    case "succeeded":
      return usualOutcome("Succeeded", name);
    case "waiting":
      return unchanged;
  }
}

function failureOf({ spec, metadata }: DIJob, coordinator: Pod): Outcome {
  const usual = usualOutcome("Failed", metadata.name ?? "");
  const why = failureTextOf(coordinator);
  const message = why === undefined ? usual.message : `${usual.message}: ${why}`;
  const hasTries = (spec.backoffLimit ?? 0) > 0;
  return { ...usual, message, ...(hasTries && { reason: "BackoffLimitExceeded" }) };
}

/** What a phase says of itself where there is nothing special to say. */
function usualOutcome(phase: Phase, job: string): Outcome {
  return { phase, reason: `DIJob${phase}`, message: usualMessage(phase, job) };
}

function usualMessage(phase: Phase, job: string): string {
  switch (phase) {
    case "Created":
      return `DIJob ${job} created`;
    case "Running":
      return `DIJob ${job} is running because its coordinator is running`;
    case "Suspended":
      return `DIJob ${job} is suspended`;
    case "Succeeded":
      return `DIJob ${job} succeeded because coordinator succeeded`;
    case "Failed":
      return `DIJob ${job} failed because coordinator failed`;
  }
}

/** A failed try is counted before anything of it goes. */
function retryOf({ status }: DIJob, stage: Stage, now: number): Partial<DIJobStatus> {
  return stage.kind === "retried"
    ? { restarts: (status?.restarts ?? 0) + 1, lastFailureTime: timeText(now) }
    : {};
}

function retriedConditions(stage: Stage): PlannedCondition[] {
  if (stage.kind !== "retried") return [];
  const why = failureTextOf(stage.coordinator);
  return [{
    type: "Running",
    status: "False",
    reason: RETRIED_REASON,
    message: why === undefined ? "the coordinator failed" : `the coordinator failed: ${why}`,
  }];
}

/** What was found out about the templates in this pass. */
function acceptedConditions({ templates, job }: JobSnapshot): PlannedCondition[] {
  switch (templates?.kind) {
    case undefined:
      return [];
    case "unknown":
      // What was said of an older spec does not hold for this one; of a new job there is nothing to say.
      return (job.status?.conditions ?? []).some(({ type }) => type === ACCEPTED)
        ? [{
          type: ACCEPTED,
          status: "Unknown",
          reason: "NotChecked",
          message: "the API server did not come to look at the templates",
        }]
        : [];
    case "accepted":
      return [{
        type: ACCEPTED,
        status: "True",
        reason: "TemplatesAccepted",
        message: `the API server takes the pods of DIJob ${job.metadata.name}`,
      }];
    case "refused":
      return [{
        type: ACCEPTED,
        status: "False",
        reason: INVALID_TEMPLATE,
        message: templates.message,
      }];
  }
}

/** When the job was taken up, and when it ended. A suspended job has not been taken up. */
function timesOf({ status, metadata }: DIJob, phase: Phase, now: number): Partial<DIJobStatus> {
  if (phase === "Suspended") return {};
  // Older versions of this operator wrote no times.
  const isNew = status?.phase === undefined || status.phase === "Suspended";
  const takenUp = isNew ? timeText(now) : metadata.creationTimestamp ?? timeText(now);
  const completionTime = status?.completionTime ?? timeText(now);
  return {
    startTime: status?.startTime ?? takenUp,
    ...(isFinished(phase) && { completionTime }),
  };
}

/** For how long a failure keeps the numbers and names that it was first told with, in ms. */
const SAME_FAILURE_MS = 60_000;

/**
 * `status` with the condition that a write was refused, for the API server's reason. Words that only differ
 * in counts, names or request ids are not taken over at each try: that change would ask for the next one.
 */
export function withFailure(
  status: DIJobStatus,
  failure: { readonly reason: string; readonly message: string },
  now: number,
): DIJobStatus {
  const before = status.conditions?.find(({ type }) => type === PROGRESSING);
  if (before?.status === "False" && isSameFailure(before, failure, now)) return status;
  const condition = { type: PROGRESSING, status: "False" as const, ...failure };
  return { ...status, conditions: setCondition(status.conditions ?? [], condition, now) };
}

function isSameFailure(
  before: Condition,
  failure: { readonly reason: string; readonly message: string },
  now: number,
): boolean {
  const wordsOf = (message = "") => message.replaceAll(/[\w.-]*\d[\w.-]*/g, "#");
  return before.reason === failure.reason && wordsOf(before.message) === wordsOf(failure.message) &&
    now - (Date.parse(before.lastUpdateTime ?? "") || 0) < SAME_FAILURE_MS;
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
    const entry = counts[key];
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
    case "Suspended":
    case "Failed":
      return ["Created"];
    case "Succeeded":
      return ["Created", "Running"];
  }
}

/** The phase's condition becomes True, and what the job has left behind False. */
function withPhase(
  conditions: readonly Condition[],
  { phase, reason, message }: Outcome,
  now: number,
): Condition[] {
  const left = conditions.map((condition) =>
    PHASES.some((past) => past === condition.type) && condition.type !== phase &&
      condition.status === "True"
      ? { ...condition, status: "False" as const, ...transitionTimes(now) }
      : condition
  );
  return setCondition(left, { type: phase, status: "True", reason, message }, now);
}

type PlannedCondition = Omit<Condition, "lastUpdateTime" | "lastTransitionTime">;

function withConditions(
  conditions: readonly Condition[],
  more: readonly PlannedCondition[],
  now: number,
): Condition[] {
  return more.reduce((all, each) => setCondition(all, each, now), [...conditions]);
}

/** Puts a condition in the place of the one of its type, or at the end. Times move only with content. */
function setCondition(
  conditions: readonly Condition[],
  condition: PlannedCondition,
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
  const time = timeText(now);
  return { lastUpdateTime: time, lastTransitionTime: time };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Compares by content: the API server sends maps back in an order of its own. */
export function isSameStatus(a: DIJobStatus, b: DIJobStatus | undefined): boolean {
  return b !== undefined && sortedText(a) === sortedText(b);
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
