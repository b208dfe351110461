/** The pods that the operator itself keeps: coordinator and, where configured, the job's aggregator. */
import {
  type AggregatorConfig,
  coordinatorName,
  type DIJob,
  isFinished,
  jobAggregatorName,
} from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { addressOf, buildCoordinator, buildJobAggregator } from "../replicas/mod.ts";
import { AGGREGATOR_VARIABLE, type JobSnapshot } from "./snapshot.ts";

/**
 * True when a pod may have to be made for whose shape the aggregator configuration counts. It is read
 * from the API server then, not from a cache: a job and its configuration are often applied in one go,
 * and the two come by different watches.
 */
export function needsAggregatorConfig({ job, pods }: JobSnapshot): boolean {
  if (isFinished(job.status?.phase) || job.metadata.deletionTimestamp !== undefined) return false;
  if (job.spec.suspend) return false;
  const coordinator = podNamed(pods, coordinatorName(job.metadata.name ?? ""));
  return coordinator === undefined ||
    (wantsAggregator(coordinator, job) && jobAggregator(job, pods) === undefined);
}

/**
 * The missing ones of coordinator and job aggregator. A pod that is on its way out still counts as
 * there: its successor has the same name and must wait.
 */
export function planPods(
  { job, pods, aggregatorConfig }: JobSnapshot,
  serverAddress: string,
): Pod[] {
  const coordinator = podNamed(pods, coordinatorName(job.metadata.name ?? ""));
  // A coordinator that runs keeps what it was started with, also when the configuration changes.
  const wanted = coordinator === undefined
    ? aggregatorConfig?.spec.provisioning === "PerJob"
    : wantsAggregator(coordinator, job);
  const aggregator = wanted ? buildAggregator(job, aggregatorConfig, serverAddress) : undefined;
  const missing: Pod[] = [];
  if (aggregator !== undefined && jobAggregator(job, pods) === undefined) missing.push(aggregator);
  if (coordinator === undefined) {
    missing.push(buildCoordinator(job, {
      serverAddress,
      restarts: job.status?.restarts ?? 0,
      aggregatorAddress: aggregator && addressOf(aggregator, "aggregator"),
    }));
  }
  return missing;
}

function buildAggregator(
  job: DIJob,
  config: AggregatorConfig | undefined,
  serverAddress: string,
): Pod | undefined {
  const template = config?.spec.aggregator.template;
  return template && buildJobAggregator(job, template, serverAddress);
}

function jobAggregator(job: DIJob, pods: readonly Pod[]): Pod | undefined {
  return podNamed(pods, jobAggregatorName(job.metadata.name ?? ""));
}

function podNamed(pods: readonly Pod[], name: string): Pod | undefined {
  return pods.find((pod) => pod.metadata.name === name);
}

/** True when the coordinator was told of the job's own aggregator; a template may name another one. */
function wantsAggregator(coordinator: Pod, { metadata }: DIJob): boolean {
  const own = `${jobAggregatorName(metadata.name ?? "")}.${metadata.namespace}:`;
  return coordinator.spec?.containers.some(({ env }) =>
    env?.some(({ name, value }) => name === AGGREGATOR_VARIABLE && value?.startsWith(own))
  ) ?? false;
}
