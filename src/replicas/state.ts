/** What a replica's pod says about its work. */
import { LABEL, MAIN_CONTAINER, type ReplicaType } from "../api/mod.ts";
import type { ContainerStatus, Pod } from "../kube/mod.ts";

/** `waiting`: neither at work nor done: pending, unknown, or on its way out. */
export type WorkState = "waiting" | "active" | "succeeded" | "failed";

/**
 * Whether a replica works or how its work ended. The main container decides, so that a side-car does
 * not keep a job alive; any exit code but 0 is a failure, whatever the reason.
 */
export function workStateOf(pod: Pod): WorkState {
  if (pod.metadata.deletionTimestamp !== undefined) return "waiting";
  switch (pod.status?.phase) {
    case "Succeeded":
      return "succeeded";
    case "Failed":
      return "failed";
    case "Running":
      return endOf(pod) ?? "active";
    case "Pending": // also while a side-car cannot start
      return endOf(pod) ?? "waiting";
    default:
      return "waiting";
  }
}

/** How the main container of a pod that will not start it again has ended. */
function endOf(pod: Pod): "succeeded" | "failed" | undefined {
  const exitCode = mainStatusOf(pod)?.state?.terminated?.exitCode;
  if (exitCode === undefined) return undefined;
  const policy = pod.spec?.restartPolicy;
  if (policy === "Never") return exitCode === 0 ? "succeeded" : "failed";
  return policy === "OnFailure" && exitCode === 0 ? "succeeded" : undefined;
}

/** How a replica has failed, for people: `di-container exited with 1 (Error)`; undefined: nothing is known. */
export function failureTextOf(pod: Pod): string | undefined {
  const statuses = pod.status?.containerStatuses ?? [];
  const hasFailed = ({ state }: ContainerStatus) => (state?.terminated?.exitCode ?? 0) !== 0;
  const main = mainStatusOf(pod);
  const failed = main && hasFailed(main) ? main : statuses.find(hasFailed);
  const { exitCode, reason, message } = failed?.state?.terminated ?? {};
  if (failed === undefined) return pod.status?.reason;
  // The words of a program that ran are its own; why one could not be started is the node's to say.
  const why = reason === START_ERROR && message ? `: ${message.slice(0, START_MESSAGE_MAX)}` : "";
  return `${failed.name} exited with ${exitCode}${reason ? ` (${reason}${why})` : ""}`;
}

/** Why a kubelet says that a program could not be started at all. */
const START_ERROR = "StartError";
const START_MESSAGE_MAX = 200;

/** Status of `di-container`, or of the first container where none has that name. */
function mainStatusOf(pod: Pod): ContainerStatus | undefined {
  const containers = pod.spec?.containers ?? [];
  const main = containers.find(({ name }) => name === MAIN_CONTAINER) ?? containers[0];
  return pod.status?.containerStatuses?.find(({ name }) => name === main?.name);
}

/** What {@link workStateOf} reads of a container's status; the rest, which the type asks for, is left empty. */
export function trimContainerStatus({ name, state }: ContainerStatus): ContainerStatus {
  const empty = { image: "", imageID: "", ready: false, restartCount: 0 };
  return { ...empty, name, ...(state && { state }) };
}

/** True when the pod's readiness condition holds. */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) =>
    type === "Ready" && status === "True"
  ) ??
    false;
}

/** True when the pod's label says that it is of this role. */
export function isOfType(pod: Pod, type: ReplicaType): boolean {
  return pod.metadata.labels?.[LABEL.replicaType] === type;
}
