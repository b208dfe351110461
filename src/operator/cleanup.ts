/** What a finished job leaves behind, and what goes. */
import { type CleanPodPolicy, cleanPodPolicyOf, coordinatorName, type DIJob } from "../api/mod.ts";
import type { Pod, Service } from "../kube/mod.ts";
import type { Action } from "./plan.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { DEADLINE_REASON } from "./status.ts";

/** The deletions that bring a finished job's pods to its policy. Services go whatever the policy says. */
export function planCleanup({ job, pods, services }: JobSnapshot): Action[] {
  const policy = cleanPodPolicyOf(job.spec);
  return pods.flatMap((pod): Action[] => {
    const isLeaving = pod.metadata.deletionTimestamp !== undefined;
    const isDue = isTaken(pod, policy) || (isPastDeadline(job) && isLive(pod));
    const service = services.get(pod.metadata.name ?? "");
    const goesAlong = service === undefined || isOwnedAloneBy(service, pod);
    // One that does not go along goes first: nobody finds it once the pod is gone.
    if (service !== undefined && (!goesAlong || !(isLeaving || isDue))) {
      return [{ kind: "deleteService", service }];
    }
    return isDue && !isLeaving ? [{ kind: "deletePod", pod }] : [];
  });
}

/**
 * The deletions that take all pods of a job away, whatever the policy: the coordinator last, since others
 * report to it.
 */
export function planRemoval({ job, pods }: JobSnapshot): Action[] {
  const coordinator = coordinatorName(job.metadata.name ?? "");
  const isLast = ({ metadata }: Pod) => metadata.name === coordinator;
  const others = pods.filter((pod) => !isLast(pod));
  const next = others.length > 0 ? others : pods;
  return next.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((pod) => ({ kind: "deletePod", pod }));
}

/** True for what garbage collection takes with the pod. Older versions had the job own services as well. */
function isOwnedAloneBy(
  { metadata: { ownerReferences = [] } }: Service,
  { metadata }: Pod,
): boolean {
  return ownerReferences.every(({ uid }) => uid === metadata.uid);
}

function isTaken(pod: Pod, policy: CleanPodPolicy): boolean {
  switch (policy) {
    case "All":
      return true;
    case "None":
      return false;
    case "Running":
      return isLive(pod);
  }
}

/** The time of such a job is over: what still runs goes also under policy None. */
function isPastDeadline({ status }: DIJob): boolean {
  return status?.conditions?.some(({ type, reason }) =>
    type === "Failed" && reason === DEADLINE_REASON
  ) ?? false;
}

/** Pods that ended, also only in part, or that keep crashing stay: their logs tell why. */
function isLive(pod: Pod): boolean {
  const { phase, containerStatuses = [] } = pod.status ?? {};
  return (phase === "Running" || phase === "Pending" || phase === undefined) &&
    !containerStatuses.some(({ state }) =>
      state?.terminated !== undefined || state?.waiting?.reason === "CrashLoopBackOff"
    );
}
