/** Where an unfinished job stands: what its spec and its clock say before its pods are looked at. */
import { coordinatorName, type DIJob, RESTART_ANNOTATION } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import { workStateOf } from "../replicas/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";

export type Stage =
  /** The pods that it should have are made, and its phase is what its coordinator says. */
  | { readonly kind: "underWay" }
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

/** The first that applies. */
export function stageOf(snapshot: JobSnapshot, backoff: BackoffPolicy): Stage {
  const { job, pods, now } = snapshot;
  const { spec, status = {} } = job;
  if (spec.suspend) return { kind: "suspended" };
  if (msToDeadline(job, now) <= 0) return { kind: "expired" };
  if (status.phase === "Suspended") {
    return { kind: pods.length > 0 ? "cleared" : "underWay" };
  }
  const restarts = status.restarts ?? 0;
  const coordinator = coordinatorOf(snapshot);
  const isLastTry = coordinator === undefined ? restarts > 0 : restartsAt(coordinator) < restarts;
  if (isLastTry) {
    if (pods.length > 0) return { kind: "cleared" };
    const ms = timeOf(status.lastFailureTime) + backoffMs(backoff, restarts) - now;
    return ms > 0 ? { kind: "backedOff", ms } : { kind: "underWay" };
  }
  const mayRestart = restarts < (spec.backoffLimit ?? 0);
  return coordinator !== undefined && mayRestart && workStateOf(coordinator) === "failed"
    ? { kind: "retried", coordinator }
    : { kind: "underWay" };
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
