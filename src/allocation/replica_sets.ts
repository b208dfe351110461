/** What counts as a job's collectors and learners. */
import { type DIJob, jobAggregatorName, type ReplicaType } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { isOfType } from "../replicas/mod.ts";

/** A job's replicas as clients see them, oldest first. */
export interface ReplicaSets {
  readonly collectors: readonly Pod[];
  /** Learners of one pod, then aggregators, each of which stands for a learner of several pods. */
  readonly learners: readonly Pod[];
}

/** @param pods All pods of the job. Those on their way out are no replicas any more. */
export function replicaSetsOf(job: DIJob, pods: readonly Pod[]): ReplicaSets {
  const present = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .toSorted(byAge);
  const ofType = (type: ReplicaType) => present.filter((pod) => isOfType(pod, type));
  const aggregators = ofType("aggregator").filter((pod) => !isJobAggregator(job, pod));
  return { collectors: ofType("collector"), learners: [...ofType("learner"), ...aggregators] };
}

/** True for the aggregator that belongs to the whole job: it is nobody's learner. */
export function isJobAggregator(job: DIJob, pod: Pod): boolean {
  return pod.metadata.name === jobAggregatorName(job.metadata.name ?? "");
}

/** Sorts by creation, then by name: the order of every answer. */
export function byAge(a: Pod, b: Pod): number {
  return compareTexts(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compareTexts(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compareTexts(a.metadata.name ?? "", b.metadata.name ?? "");
}

/** By code unit: the same in every locale. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
