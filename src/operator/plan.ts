/** The operator's decisions: one snapshot in, writes out. */
import { type DIJobStatus, isFinished } from "../api/mod.ts";
import type { Pod, Service } from "../kube/mod.ts";
import type { BackoffPolicy } from "../lib/backoff.ts";
import { planCleanup, planRemoval } from "./cleanup.ts";
import { msToExpiry } from "./expiry.ts";
import { planPods } from "./pods.ts";
import { planServices } from "./services.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { isLeftAlone, msToDeadline, type Stage, stageOf } from "./stage.ts";
import { planStatus } from "./status.ts";
import { REFUSAL_MS } from "./templates.ts";

/** One write. Doing it twice is harmless: the names come from the job, not from chance. */
export type Action =
  /** A pod and then its Service, which needs the uid that the pod is given. */
  | { readonly kind: "createReplica"; readonly pod: Pod }
  | { readonly kind: "createService"; readonly service: Service }
  | { readonly kind: "deletePod"; readonly pod: Pod }
  | { readonly kind: "deleteService"; readonly service: Service }
  /** The job itself, and all of it. */
  | { readonly kind: "deleteJob" };

export interface Plan {
  /** Independent of each other: they may be done at once. */
  readonly actions: readonly Action[];
  /** What the status should be after the actions; absent: as it is. */
  readonly status?: DIJobStatus;
  /** When to look again although nothing may have happened, in ms. */
  readonly againInMs?: number;
}

export interface PlanOptions {
  /** `host:port` of the server as pods reach it. */
  readonly serverAddress: string;
  /** Waits before a failed coordinator is started again. */
  readonly restartBackoff: BackoffPolicy;
}

/** Clocks are set, and timers have an end: nobody sleeps for longer than this, in ms. */
const LOOK_AGAIN_MS = 12 * 3_600_000;

/** Every write that brings the cluster nearer to the job's spec; no actions once it has arrived. */
export function planJob(snapshot: JobSnapshot, options: PlanOptions): Plan {
  const { job } = snapshot;
  // Of a job in deletion garbage collection takes everything along; what we made now would only hold it up.
  if (isLeftAlone(job)) return { actions: [] };
  // Finished stays finished: its coordinator may be gone by now and must not start again.
  if (isFinished(job.status?.phase)) return planFinished(snapshot);

  const stage = stageOf(snapshot, options.restartBackoff);
  const status = planStatus(snapshot, stage);
  // The end, and a new try, are written down before anything goes: whoever comes after a crash knows of it.
  if (isFinished(status.phase) || stage.kind === "retried") return { actions: [], status };
  return { status, ...planWork(snapshot, stage, options) };
}

function planFinished(snapshot: JobSnapshot): Plan {
  const expiryMs = msToExpiry(snapshot.job, snapshot.now);
  if (expiryMs <= 0) return { actions: [{ kind: "deleteJob" }] };
  return { actions: planCleanup(snapshot), ...lookAgain(expiryMs) };
}

function planWork(
  snapshot: JobSnapshot,
  stage: Stage,
  { serverAddress }: PlanOptions,
): Pick<Plan, "actions" | "againInMs"> {
  const deadlineMs = msToDeadline(snapshot.job, snapshot.now);
  switch (stage.kind) {
    case "suspended":
    case "cleared":
      return { actions: planRemoval(snapshot), ...lookAgain(deadlineMs) };
    case "refused":
      // A mended template comes by the watch; a policy of the cluster that was mended does not.
      return { actions: [], ...lookAgain(Math.min(REFUSAL_MS, deadlineMs)) };
    case "backedOff":
      return { actions: [], ...lookAgain(Math.min(stage.ms, deadlineMs)) };
    default: {
      const { missing, againInMs = Infinity } = planServices(snapshot);
      const actions: Action[] = [
        ...planPods(snapshot, serverAddress).map((pod) => ({
          kind: "createReplica" as const,
          pod,
        })),
        ...missing.map((service) => ({ kind: "createService" as const, service })),
      ];
      return { actions, ...lookAgain(Math.min(againInMs, deadlineMs)) };
    }
  }
}

function lookAgain(ms: number): { againInMs?: number } {
  return ms === Infinity ? {} : { againInMs: Math.max(0, Math.min(ms, LOOK_AGAIN_MS)) };
}
