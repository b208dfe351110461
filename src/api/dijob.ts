/** The `DIJob` kind: one reinforcement-learning job. */
import * as z from "zod";
import type { KubeObject, Resource } from "../kube/mod.ts";
import { CONTROLLER_NAME, GROUP, VERSION } from "./names.ts";
import { POD_TEMPLATE, VOLUME } from "./pod_template.ts";

/** `ALL` is v0.1.0's spelling of `All`; the empty text is what old manifests leave in place of `Running`. */
const CLEAN_POD_POLICIES = ["Running", "All", "None", "ALL", ""] as const;
export type CleanPodPolicy = "Running" | "All" | "None";

export const PHASES = ["Created", "Running", "Suspended", "Succeeded", "Failed"] as const;
export type Phase = typeof PHASES[number];

export const REPLICA_STATUS_KEYS = [
  "Coordinator",
  "Aggregator",
  "Collector",
  "Learner",
  "DDPLearner",
] as const;
export type ReplicaStatusKey = typeof REPLICA_STATUS_KEYS[number];

/** Most replicas of a role that a job can be started with. */
const REPLICAS_MAX = 10_000;

/** Whoever reconciles a job that names nobody. */
export const OWN_MANAGER = `${GROUP}/${CONTROLLER_NAME}`;
const MANAGER_PATTERN =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const REPLICA = z.object({ template: POD_TEMPLATE });
/** A role that the coordinator asks the server for. */
const WORKER = z.object({
  replicas: z.int32().min(0).max(REPLICAS_MAX).default(0).describe(
    "How many are started before the coordinator, without its asking: JOB-ROLE-0, JOB-ROLE-1, …",
  ),
  template: POD_TEMPLATE,
});

export const DIJOB_SPEC = z.object({
  group: z.string().optional().describe("Free text for the user's own sorting; nothing reads it."),
  priorityClassName: z.string().optional()
    .describe("PriorityClass of every pod of the job; empty leaves what the templates say."),
  cleanPodPolicy: z.enum(CLEAN_POD_POLICIES).default("Running").describe(
    "Which pods go when the job has ended: Running (those that still run), All, or None. " +
      "ALL means All, and the empty text means Running.",
  ),
  volumes: z.array(VOLUME).optional().describe("Volumes added to every pod of the job."),
  ttlSecondsAfterFinished: z.int32().min(0).optional().describe(
    "Seconds after its end when the job and all of it is deleted; absent: never.",
  ),
  activeDeadlineSeconds: z.int32().min(1).optional().describe(
    "Seconds after startTime when a job that has not ended fails and its pods go; absent: no limit. " +
      "A suspended job's time stands still and begins anew.",
  ),
  backoffLimit: z.int32().min(0).default(0).describe(
    "How often a failed coordinator starts again, on fresh replicas, before the job fails.",
  ),
  suspend: z.boolean().default(false).describe(
    "While true the job has no pods; when it turns false the job starts anew.",
  ),
  managedBy: z.string().min(1).max(63).regex(MANAGER_PATTERN).optional().describe(
    `Who reconciles the job, as domain/name; another name than ${OWN_MANAGER} is left to that ` +
      "controller. Cannot be changed.",
  ),
  coordinator: REPLICA.describe("Hands out the work; the job ends when it ends."),
  collector: WORKER.optional().describe("Simulates and gathers data."),
  learner: WORKER.optional().describe("Trains."),
}).describe("What the user wants.");

export const REPLICA_COUNTS = z.object({
  active: z.int32().min(0).optional().describe("Pods that run."),
  succeeded: z.int32().min(0).optional().describe("Pods that ended well."),
  failed: z.int32().min(0).optional().describe("Pods that failed."),
});

export const CONDITION = z.object({
  type: z.string().describe("A phase, Accepted or Progressing."),
  status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
  reason: z.string().optional().describe("Why, in one word."),
  message: z.string().optional().describe("Why, for people."),
  lastUpdateTime: z.iso.datetime().optional().describe("When anything of it was changed."),
  lastTransitionTime: z.iso.datetime().optional().describe("When its status was changed."),
});

export const DIJOB_STATUS = z.object({
  phase: z.enum(PHASES).optional().describe("Where the job is in its life."),
  conditions: z.array(CONDITION).optional().describe("What holds of the job, and what has held."),
  replicaStatus: z.record(z.string(), REPLICA_COUNTS).optional()
    .describe("Pods by role: Coordinator, Aggregator, Collector, Learner, DDPLearner."),
  observedGeneration: z.int().min(0).optional().describe(
    "The spec's generation that this tells of.",
  ),
  startTime: z.iso.datetime().optional()
    .describe("When the job was taken up; anew when it was suspended and goes on."),
  completionTime: z.iso.datetime().optional().describe("When the job ended."),
  restarts: z.int32().min(0).optional()
    .describe("How often the coordinator has been started again after a failure."),
  lastFailureTime: z.iso.datetime().optional()
    .describe("When the coordinator failed last; the next try waits from then on."),
}).describe("What the operator has seen; written by it alone.");

export const DIJOB = z.object({ spec: DIJOB_SPEC, status: DIJOB_STATUS.optional() })
  .describe("A distributed reinforcement-learning job of DI-engine.");

/** The spec as it is written; the API server fills in the defaults. */
export type DIJobSpec = z.input<typeof DIJOB_SPEC>;
export type DIJobStatus = z.output<typeof DIJOB_STATUS>;
export type Condition = z.output<typeof CONDITION>;
export type ReplicaCounts = z.output<typeof REPLICA_COUNTS>;
export interface DIJob extends KubeObject {
  spec: DIJobSpec;
  status?: DIJobStatus;
}

export const DIJOBS: Resource<DIJob> = {
  group: GROUP,
  version: VERSION,
  kind: "DIJob",
  plural: "dijobs",
  namespaced: true,
};

/** True for a job that another controller reconciles. */
export function isManagedElsewhere({ spec }: DIJob): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== OWN_MANAGER;
}

/** Finished is for ever: nothing is started for the job again. */
export function isFinished(phase: Phase | undefined): phase is "Succeeded" | "Failed" {
  return phase === "Succeeded" || phase === "Failed";
}

/** The policy in force, old spellings resolved. */
export function cleanPodPolicyOf(spec: DIJobSpec): CleanPodPolicy {
  switch (spec.cleanPodPolicy) {
    case "ALL":
      return "All";
    case "":
    case undefined:
      return "Running";
    default:
      return spec.cleanPodPolicy;
  }
}
