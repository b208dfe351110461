/** Where an unfinished job stands: what its spec and its clock say before its pods are looked at. */
import {
  coordinatorName,
  type DIJob,
  isFinished,
  isManagedElsewhere,
  RESTART_ANNOTATION,
} from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import { workStateOf } from "../replicas/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";

export type Stage =
  /** The pods that it should have are made, and its phase is what its coordinator says. */
  | { readonly kind: "underWay" }
  /** It has no coordinator, and the API server would not take the pods of its templates. */
  | { readonly kind: "refused" }
  /** It shall have no pods. */
  | { readonly kind: "suspended" }
  /** It has been active for longer than it may. */
  | { readonly kind: "expired" }
  /** Its coordinator has failed and may be started again: that is to be written down first. */
  | { readonly kind: "retried"; readonly coordinator: Pod }
  /** The pods of its last try, or from before it was suspended, have to go before the next begins. */
  | { readonly kind: "cleared" }
  /** Nothing is left of the last try; the next one waits. */
  | { readonly kind: "backedOff"; readonly ms: number };

/** Waits between the failure of a coordinator and the next try, as a Job of Kubernetes has them. */
export const RESTART_BACKOFF: BackoffPolicy = {
  initialMs: 10_000,
  maxMs: 360_000,
  factor: 2,
  jitter: 0,
};

/** True for a job that nothing is done for: another controller's, or one that is being deleted. */
export function isLeftAlone(job: DIJob): boolean {
  return isManagedElsewhere(job) || job.metadata.deletionTimestamp !== undefined;
}

/** True for a job that pods may have to be made for. */
export function mayStart(job: DIJob): boolean {
  return !isLeftAlone(job) && !isFinished(job.status?.phase) && !job.spec.suspend;
}

/** The first that applies. */
export function stageOf(snapshot: JobSnapshot, backoff: BackoffPolicy): Stage {
  const { job, now } = snapshot;
  if (job.spec.suspend) return { kind: "suspended" };
  if (msToDeadline(job, now) <= 0) return { kind: "expired" };
  const coordinator = coordinatorOf(snapshot);
  if (isToBeCleared(snapshot)) return { kind: "cleared" };
  const { restarts = 0, lastFailureTime, phase } = job.status ?? {};
  if (coordinator === undefined) {
    const isRetry = restarts > 0 && phase !== "Suspended";
    const ms = isRetry ? timeOf(lastFailureTime) + backoffMs(backoff, restarts) - now : 0;
    if (ms > 0) return { kind: "backedOff", ms };
    return { kind: snapshot.templates?.kind === "refused" ? "refused" : "underWay" };
  }
  const mayRestart = restarts < (job.spec.backoffLimit ?? 0);
  return mayRestart && workStateOf(coordinator) === "failed"
    ? { kind: "retried", coordinator }
    : { kind: "underWay" };
}

/** True while pods are there from before the job was suspended, or of a try before the one that is due. */
function isToBeCleared(snapshot: JobSnapshot): boolean {
  const { job: { status = {} }, pods } = snapshot;
  if (status.phase === "Suspended") return pods.length > 0;
  const { restarts = 0 } = status;
  const coordinator = coordinatorOf(snapshot);
  // What a coordinator has asked for goes with it; what it is to find was made for its try.
  return coordinator === undefined
    ? pods.some((pod) => restartsAt(pod) < restarts)
    : restartsAt(coordinator) < restarts;
}

/** Until the job has been active for too long, in ms; Infinity for one without a limit. */
export function msToDeadline({ spec, status }: DIJob, now: number): number {
  const { activeDeadlineSeconds } = spec;
  if (activeDeadlineSeconds === undefined || status?.startTime === undefined) return Infinity;
  return timeOf(status.startTime) + activeDeadlineSeconds * 1000 - now;
}

/** The coordinator's pod, also one that is on its way out. */
export function coordinatorOf({ job, pods }: JobSnapshot): Pod | undefined {
  const name = coordinatorName(job.metadata.name ?? "");
  return pods.find(({ metadata }) => metadata.name === name);
}

function restartsAt({ metadata }: Pod): number {
  return Number(metadata.annotations?.[RESTART_ANNOTATION] ?? 0);
}

function timeOf(text: string | undefined): number {
  return Date.parse(text ?? "") || 0;
}
