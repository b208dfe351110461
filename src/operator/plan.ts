/** The operator's decisions: one snapshot in, writes out. */
import { type DIJobStatus, isFinished } from "../api/mod.ts";
import type { Pod, Service } from "../kube/mod.ts";
import { planCleanup } from "./cleanup.ts";
import { planPods } from "./pods.ts";
import { planServices } from "./services.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { planStatus } from "./status.ts";

/** One write. Doing it twice is harmless: the names come from the job, not from chance. */
export type Action =
  /** A pod and then its Service, which needs the uid that the pod is given. */
  | { readonly kind: "createReplica"; readonly pod: Pod }
  | { readonly kind: "createService"; readonly service: Service }
  | { readonly kind: "deletePod"; readonly pod: Pod }
  | { readonly kind: "deleteService"; readonly service: Service };

export interface Plan {
  /** Independent of each other: they may be done at once. */
  readonly actions: readonly Action[];
  /** What the status should be after the actions; absent: as it is. */
  readonly status?: DIJobStatus;
  /** When to look again although nothing may have happened, in ms. */
  readonly againInMs?: number;
}

/** Every write that brings the cluster nearer to the job's spec; no actions once it has arrived. */
export function planJob(snapshot: JobSnapshot, serverAddress: string): Plan {
  const { job } = snapshot;
  // Garbage collection takes everything along; what we made now would only hold it up.
  if (job.metadata.deletionTimestamp !== undefined) return { actions: [] };
  // Finished stays finished: its coordinator may be gone by now and must not start again.
  if (isFinished(job.status?.phase)) return { actions: planCleanup(snapshot) };

  const status = planStatus(snapshot);
  // The end is written down before the clean-up begins: whoever comes after a crash knows of it.
  if (isFinished(status.phase)) return { actions: [], status };

  const { missing, againInMs } = planServices(snapshot);
  const actions: Action[] = [
    ...planPods(snapshot, serverAddress).map((pod) => ({ kind: "createReplica" as const, pod })),
    ...missing.map((service) => ({ kind: "createService" as const, service })),
  ];
  return { actions, status, ...(againInMs !== undefined && { againInMs }) };
}
