/** The fixed words of the API: group, labels, roles, and the names that derive from a job's name. */

export const GROUP = "diengine.opendilab.org";
export const VERSION = "v1alpha1";
export const API_VERSION = `${GROUP}/${VERSION}`;

/** A replica's role. ddp learners and their aggregators stand for one multi-GPU learner. */
export type ReplicaType = "coordinator" | "collector" | "learner" | "aggregator" | "ddp-learner";

/** Label keys on every pod and service of a job. */
export const LABEL = {
  group: "group-name",
  job: "dijob-name",
  controller: "controller-name",
  replicaType: "replica-type",
  pod: "pod-name",
} as const;
/** Label that tells the pods of a learner split over several apart: the first is the master. */
export const DDP_ROLE_LABEL = "ddp-learner-type";
/** Value of `controller-name`, also on what the server makes. */
export const CONTROLLER_NAME = "di-operator";
/** What pods and services are watched by, so that cost follows ours and not the cluster's. */
export const GROUP_SELECTOR = `${LABEL.group}=${GROUP}`;
/** Annotation of what the operator makes: how often the job's coordinator had been started again by then. */
export const RESTART_ANNOTATION = `${GROUP}/restart`;
/** Annotation of a replica made in place of a failed one: the uid of the pod it replaces. */
export const REPLACES_ANNOTATION = `${GROUP}/replaces`;

/** The container that a replica's work is done in. */
export const MAIN_CONTAINER = "di-container";
/** Name of the port that a replica is reached by. */
export const MAIN_PORT = "di-port";
/** Start of the names of the ports of a ddp learner's other GPUs: `gpu-port-1` and so on. */
export const GPU_PORT_PREFIX = "gpu-port-";
/** Name of the port where the pods of a split learner meet. */
export const MASTER_PORT_NAME = "master-port";

/**
 * Longest job name: the longest derived one, `<job>-ddp-learner-<5 characters>`, then has 63, the limit
 * of label values and service names.
 */
export const JOB_NAME_MAX = 45;

export function coordinatorName(job: string): string {
  return `${job}-coordinator`;
}

/** The aggregator that belongs to the whole job (`provisioning: PerJob`). */
export function jobAggregatorName(job: string): string {
  return `${job}-aggregator`;
}

/** Length of the random end of a replica's name. */
export const SUFFIX_LENGTH = 5;
/** Characters that spell no words and are not mistaken for each other; as in DI-orchestrator v0.1.0. */
export const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** `<job>-collector-<suffix>` and the like. */
export function replicaName(job: string, type: ReplicaType, suffix: string): string {
  return `${job}-${type}-${suffix}`;
}
