/** What a finished job leaves behind, and what goes. */
import { type CleanPodPolicy, cleanPodPolicyOf } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import type { Action } from "./plan.ts";
import type { JobSnapshot } from "./snapshot.ts";

/** The deletions that bring a finished job's pods to its policy. Services go whatever the policy says. */
export function planCleanup({ job, pods, services }: JobSnapshot): Action[] {
  const policy = cleanPodPolicyOf(job.spec);
  return pods.flatMap((pod): Action[] => {
    // A pod that goes takes its service along: the service is owned by it.
    if (pod.metadata.deletionTimestamp !== undefined) return [];
    if (isTaken(pod, policy)) return [{ kind: "deletePod", pod }];
    const service = services.get(pod.metadata.name ?? "");
    return service === undefined ? [] : [{ kind: "deleteService", service }];
  });
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

/** Pods that ended, also only in part, or that keep crashing stay: their logs tell why. */
function isLive(pod: Pod): boolean {
  const { phase, containerStatuses = [] } = pod.status ?? {};
  return (phase === "Running" || phase === "Pending" || phase === undefined) &&
    !containerStatuses.some(({ state }) =>
      state?.terminated !== undefined || state?.waiting?.reason === "CrashLoopBackOff"
    );
}
