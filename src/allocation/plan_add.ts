/** Which replicas a request for more comes to. */
import type { DIJob } from "../api/mod.ts";
import type { PodTemplateSpec } from "../kube/mod.ts";
import type { Resources } from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { requireSingleGpu } from "./gpus.ts";

/** Roles that clients ask for by themselves. */
export type RequestedType = "collector" | "learner";

/** How many replicas of one role, and what each of them gets. */
export interface RoleRequest {
  readonly replicas: number;
  /** GPUs of each, rounded up to whole ones. */
  readonly gpus: number;
  /** By Kubernetes resource name, GPUs included; what is left out is as in the template. */
  readonly resources: Resources;
}

export interface AddRequest {
  readonly collectors: RoleRequest;
  readonly learners: RoleRequest;
}

/** One replica to be made. */
export interface AddOrder {
  readonly type: RequestedType;
  readonly template: PodTemplateSpec;
  readonly resources: Resources;
}

/**
 * One order for each replica: collectors first, then learners.
 *
 * @throws {AllocationError} `badRequest` when the job has no template for a role that is asked for,
 * `notImplemented` for a learner of several GPUs.
 */
export function planAdd(job: DIJob, { collectors, learners }: AddRequest): AddOrder[] {
  if (learners.replicas > 0) requireSingleGpu(learners.gpus);
  return [...ordersOf(job, "collector", collectors), ...ordersOf(job, "learner", learners)];
}

/**
 * The job's template of a role.
 *
 * @throws {AllocationError} `badRequest` when the job has none.
 */
export function templateOf(job: DIJob, type: RequestedType): PodTemplateSpec {
  const template = job.spec[type]?.template;
  if (template !== undefined) return template;
  const { namespace, name } = job.metadata;
  throw new AllocationError(
    "badRequest",
    `DIJob ${namespace}/${name} has no spec.${type}.template`,
  );
}

function ordersOf(job: DIJob, type: RequestedType, request: RoleRequest): AddOrder[] {
  if (request.replicas === 0) return [];
  const order = { type, template: templateOf(job, type), resources: request.resources };
  return Array.from({ length: request.replicas }, () => order);
}
