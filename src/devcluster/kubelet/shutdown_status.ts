/** What is left of a pod whose node is shut down. */
import type { Pod, PodStatus } from "../../kube/mod.ts";
import { timeText } from "./container_status.ts";
import { buildPodStatus } from "./pod_status.ts";
import type { PodSnapshot } from "./records.ts";

const MESSAGE = "Pod was terminated in response to imminent node shutdown.";
const CONDITION = "DisruptionTarget";

/**
 * The status of a pod whose containers were ended because the node stops: `Failed`, with the reason that
 * a kubelet's graceful node shutdown gives.
 */
export function buildShutdownStatus(snapshot: PodSnapshot): PodStatus {
  const { pod, nowMs } = snapshot;
  const { generation } = pod.metadata;
  const others = pod.status?.conditions?.filter(({ type }) => type !== CONDITION) ?? [];
  const ended: Pod = {
    ...pod,
    status: {
      ...pod.status,
      phase: "Failed",
      reason: "Terminated",
      message: MESSAGE,
      conditions: [...others, {
        type: CONDITION,
        status: "True",
        reason: "TerminationByKubelet",
        message: MESSAGE,
        ...(generation !== undefined && { observedGeneration: generation }),
        lastTransitionTime: timeText(nowMs),
      }],
    },
  };
  return buildPodStatus({ ...snapshot, pod: ended });
}
