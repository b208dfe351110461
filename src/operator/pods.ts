/** The pods that the operator makes: coordinator, the job's aggregator, and the replicas it is started with. */
import { type AggregatorConfig, type DIJob, jobAggregatorName, replicaName } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { addressOf, buildCoordinator, buildJobAggregator, buildPod } from "../replicas/mod.ts";
import { AGGREGATOR_VARIABLE, type JobSnapshot } from "./snapshot.ts";
import { coordinatorOf, mayStart } from "./stage.ts";

/**
 * True when a pod may have to be made for whose shape the aggregator configuration counts. It is read
 * from the API server then, not from a cache: a job and its configuration are often applied in one go,
 * and the two come by different watches.
 */
export function needsAggregatorConfig(snapshot: JobSnapshot): boolean {
  const { job, pods } = snapshot;
  if (!mayStart(job)) return false;
  const coordinator = coordinatorOf(snapshot);
  return coordinator === undefined ||
    (wantsAggregator(coordinator, job) && jobAggregator(job, pods) === undefined);
}

/**
 * The missing ones of coordinator, job aggregator and the replicas that the job is started with. A pod that
 * is on its way out still counts as there: its successor has the same name and must wait.
 */
export function planPods(snapshot: JobSnapshot, serverAddress: string): Pod[] {
  const { job, pods, aggregatorConfig } = snapshot;
  const coordinator = coordinatorOf(snapshot);
  // A coordinator that runs keeps what it was started with, also when the configuration changes.
  const wanted = coordinator === undefined
    ? aggregatorConfig?.spec.provisioning === "PerJob"
    : wantsAggregator(coordinator, job);
  const aggregator = wanted ? buildAggregator(job, aggregatorConfig, serverAddress) : undefined;
  const missing: Pod[] = [];
  if (aggregator !== undefined && jobAggregator(job, pods) === undefined) missing.push(aggregator);
  const first = coordinator === undefined ? planFirstReplicas(job, pods, serverAddress) : [];
  missing.push(...first);
  if (coordinator === undefined && first.length === 0) {
    missing.push(buildCoordinator(job, {
      serverAddress,
      aggregatorAddress: aggregator && addressOf(aggregator, "aggregator"),
    }));
  }
  return missing;
}

/**
 * The missing ones of the replicas that the job is started with. They come before the coordinator: once
 * that is there, what it gives back is not made again. Nor is it when a coordinator that ran is lost.
 */
function planFirstReplicas(job: DIJob, pods: readonly Pod[], serverAddress: string): Pod[] {
  if (job.status?.phase === "Running") return [];
  const present = new Set(pods.map(({ metadata }) => metadata.name));
  return (["collector", "learner"] as const).flatMap((type) => {
    const { replicas = 0, template } = job.spec[type] ?? {};
    if (template === undefined) return [];
    const names = Array.from(
      { length: replicas },
      (_, index) => replicaName(job.metadata.name ?? "", type, String(index)),
    );
    const restarts = job.status?.restarts ?? 0;
    return names.filter((name) => !present.has(name))
      .map((name) => buildPod({ job, type, name, template, serverAddress, restarts }));
  });
}

function buildAggregator(
  job: DIJob,
  config: AggregatorConfig | undefined,
  serverAddress: string,
): Pod | undefined {
  const template = config?.spec.aggregator.template;
  return template && buildJobAggregator(job, template, serverAddress);
}

function jobAggregator({ metadata: { name = "" } }: DIJob, pods: readonly Pod[]): Pod | undefined {
  return pods.find((pod) => pod.metadata.name === jobAggregatorName(name));
}

/** True when the coordinator was told of the job's own aggregator; a template may name another one. */
function wantsAggregator(coordinator: Pod, { metadata }: DIJob): boolean {
  const own = `${jobAggregatorName(metadata.name ?? "")}.${metadata.namespace}:`;
  return coordinator.spec?.containers.some(({ env }) =>
    env?.some(({ name, value }) => name === AGGREGATOR_VARIABLE && value?.startsWith(own))
  ) ?? false;
}
