/** Which replicas a request for more comes to. */
import type { DIJob } from "../api/mod.ts";
import type { PodTemplateSpec } from "../kube/mod.ts";
import { GPU_RESOURCE, type Resources } from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { type LearnerGroup, requirePorts } from "./learner_group.ts";

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

/** How a learner with several GPUs is to be made. */
export interface GroupPlan {
  readonly aggregator: PodTemplateSpec;
  /** GPUs of each of its ddp learners, in order of rank. */
  readonly gpus: readonly number[];
}

/** One replica to be made, as clients count them. */
export interface AddOrder {
  readonly type: RequestedType;
  readonly template: PodTemplateSpec;
  readonly resources: Resources;
  /** Set for a learner that is made as an aggregator with ddp learners behind it. */
  readonly group?: { readonly aggregator: PodTemplateSpec; readonly parts: LearnerGroup };
}

/** True when the request can only be met with aggregators. */
export function needsAggregator({ learners }: AddRequest): boolean {
  return learners.replicas > 0 && learners.gpus > 1;
}

/**
 * One order for each replica: collectors first, then learners.
 *
 * @param group Where {@link needsAggregator}.
 * @throws {AllocationError} `badRequest` when the job has no template for a role that is asked for, and
 * when the ports of a learner's GPUs do not go.
 */
export function planAdd(job: DIJob, request: AddRequest, group?: GroupPlan): AddOrder[] {
  if (group !== undefined) requireGroupPorts(job, request);
  return [
    ...ordersOf(job, "collector", request.collectors),
    ...ordersOf(job, "learner", request.learners, group),
  ];
}

/**
 * Passes a request whose multi-GPU learners find their ports. To be asked before their GPUs are dealt
 * out: ports bound how many there can be.
 *
 * @throws {AllocationError} `badRequest`.
 */
export function requireGroupPorts(job: DIJob, { learners }: AddRequest): void {
  requirePorts(job, templateOf(job, "learner"), learners.gpus);
}

/**
 * Passes a request whose learners come to no more than `maxPods` pods: an aggregator and the ddp learners
 * of each.
 *
 * @throws {AllocationError} `badRequest`.
 */
export function requirePodCount(
  { learners: { replicas, gpus } }: AddRequest,
  parts: readonly number[],
  maxPods: number,
): void {
  const pods = replicas * (parts.length + 1);
  if (pods <= maxPods) return;
  throw new AllocationError(
    "badRequest",
    `${replicas} learners of ${gpus} GPUs come to ${pods} pods, and one call makes at most ${maxPods}`,
  );
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

function ordersOf(
  job: DIJob,
  type: RequestedType,
  { replicas, resources }: RoleRequest,
  plan?: GroupPlan,
): AddOrder[] {
  if (replicas === 0) return [];
  const template = templateOf(job, type);
  const group = plan && {
    aggregator: plan.aggregator,
    parts: { gpus: plan.gpus, resources: withoutGpus(resources) },
  };
  const order = { type, template, resources, ...(group && { group }) };
  return Array.from({ length: replicas }, () => order);
}

function withoutGpus({ [GPU_RESOURCE]: _, ...others }: Resources): Resources {
  return others;
}
