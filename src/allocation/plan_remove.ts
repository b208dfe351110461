/** Which replicas go when a client gives some back. */
import type { DIJob } from "../api/mod.ts";
import { controllerOf, type Pod } from "../kube/mod.ts";
import { isOfType, isReady, workStateOf } from "../replicas/mod.ts";
import { byAge, replicaSetsOf } from "./replica_sets.ts";

/** How many of each role. */
export interface ReplicaCounts {
  readonly collectors: number;
  readonly learners: number;
}

/** The pods to delete, first one first. An aggregator takes its ddp learners along. */
export interface RemovalPlan {
  readonly collectors: readonly Pod[];
  readonly learners: readonly Pod[];
}

/**
 * Chooses what is missed least: failed replicas, then those that are not ready, then the youngest. Where
 * there are fewer than asked for, all of them. A learner with several GPUs is worth what the worst of its
 * pods is.
 *
 * @param pods All pods of the job, ddp learners included.
 */
export function planRemove(job: DIJob, pods: readonly Pod[], counts: ReplicaCounts): RemovalPlan {
  const { collectors, learners } = replicaSetsOf(job, pods);
  const worths = worthsOf(pods);
  const worthOf = (pod: Pod) => worths.get(pod.metadata.uid) ?? worthOfPod(pod);
  const byWorth = (a: Pod, b: Pod) => worthOf(a) - worthOf(b) || byAge(b, a);
  return {
    collectors: collectors.toSorted(byWorth).slice(0, counts.collectors),
    learners: learners.toSorted(byWorth).slice(0, counts.learners),
  };
}

/** By the uid of each pod, and of each aggregator with what stands behind it. */
function worthsOf(pods: readonly Pod[]): ReadonlyMap<string | undefined, number> {
  const worths = new Map(pods.map((pod) => [pod.metadata.uid, worthOfPod(pod)]));
  for (const pod of pods) {
    const aggregator = isOfType(pod, "ddp-learner") ? controllerOf(pod)?.uid : undefined;
    const worth = worths.get(aggregator);
    if (worth !== undefined) worths.set(aggregator, Math.min(worth, worthOfPod(pod)));
  }
  return worths;
}

function worthOfPod(pod: Pod): number {
  if (workStateOf(pod) === "failed") return 0;
  return isReady(pod) ? 2 : 1;
}
