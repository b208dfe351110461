/** Which replicas go when a client gives some back. */
import type { DIJob } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { isReady, workStateOf } from "../replicas/mod.ts";
import { byAge, replicaSetsOf } from "./replica_sets.ts";

/** How many of each role. */
export interface ReplicaCounts {
  readonly collectors: number;
  readonly learners: number;
}

/** The pods to delete, first one first. */
export interface RemovalPlan {
  readonly collectors: readonly Pod[];
  readonly learners: readonly Pod[];
}

/**
 * Chooses what is missed least: failed replicas, then those that are not ready, then the youngest. Where
 * there are fewer than asked for, all of them.
 *
 * @param pods All pods of the job.
 */
export function planRemove(job: DIJob, pods: readonly Pod[], counts: ReplicaCounts): RemovalPlan {
  const { collectors, learners } = replicaSetsOf(job, pods);
  return {
    collectors: collectors.toSorted(byWorth).slice(0, counts.collectors),
    learners: learners.toSorted(byWorth).slice(0, counts.learners),
  };
}

function byWorth(a: Pod, b: Pod): number {
  return worthOf(a) - worthOf(b) || byAge(b, a);
}

function worthOf(pod: Pod): number {
  if (workStateOf(pod) === "failed") return 0;
  return isReady(pod) ? 2 : 1;
}
