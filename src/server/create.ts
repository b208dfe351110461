/** POST `/v1alpha1/replicas`: adds replicas, all that were asked for or none. */
import {
  type AddOrder,
  AllocationError,
  commonGpuCount,
  type GroupPlan,
  needsAggregator,
  offeredGpus,
  planAdd,
  requireGroupPorts,
  requirePodCount,
  splitGpus,
  templateOf,
} from "../allocation/mod.ts";
import { AGGREGATOR_CONFIGS, type DIJob } from "../api/mod.ts";
import { isNotFound, keyText, type Pod, type PodTemplateSpec } from "../kube/mod.ts";
import { isOfType } from "../replicas/mod.ts";
import { type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import type { Task } from "./ledger.ts";
import { addressOfReplica } from "./list.ts";
import { isMadeFor, makeReplica } from "./make.ts";
import { mapLimited } from "../lib/parallel.ts";
import type { JobReference, RecordedWork } from "./records.ts";
import type { ScaleRequest } from "./requests.ts";
import { deletePod, GROUPS_AT_ONCE, type WriteDeps, WRITES_AT_ONCE } from "./writes.ts";

/**
 * What the request comes to: a seed for the names, and how its learners' GPUs are dealt out.
 *
 * @param maxPods Pods that its learners may come to.
 * @throws {AllocationError} `badRequest` when the job cannot have such replicas, `notFound` when there is
 * no AggregatorConfig and an aggregator is asked for.
 */
export async function planAddition(
  deps: WriteDeps,
  job: DIJob,
  request: ScaleRequest,
  maxPods: number,
  signal: AbortSignal,
): Promise<RecordedWork> {
  const gpus = needsAggregator(request)
    ? await dealLearners(deps, job, request, maxPods, signal)
    : undefined;
  planAdd(job, request, await groupPlanOf(deps, request, gpus, signal));
  const seed = crypto.randomUUID();
  return { kind: "add", job: referenceTo(job), seed, ...(gpus && { gpus }) };
}

async function dealLearners(
  deps: WriteDeps,
  job: DIJob,
  request: ScaleRequest,
  maxPods: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  requireGroupPorts(job, request);
  const parts = await dealGpus(deps, templateOf(job, "learner"), request.learners.gpus, signal);
  requirePodCount(request, parts, maxPods);
  return parts;
}

/** GPUs of each ddp learner of a learner with `gpus`. */
export async function dealGpus(
  { view, gpuAllocPolicy }: WriteDeps,
  template: PodTemplateSpec,
  gpus: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const perNode = commonGpuCount(offeredGpus(await view.listNodes(signal), template));
  return splitGpus(gpuAllocPolicy, gpus, perNode);
}

/** @returns The addresses of the new replicas, in the order of the request. */
export async function performAddition(
  deps: WriteDeps,
  job: DIJob,
  request: ScaleRequest,
  { work, signal }: Task,
): Promise<ReplicaSet> {
  if (work.kind !== "add") throw new TypeError(`a POST was recorded as ${work.kind}`);
  const { namespace, coordinator } = request;
  const group = await groupPlanOf(deps, request, work.gpus, signal);
  const orders = planAdd(job, request, group);
  const made: Pod[] = [];
  const call = { job, seed: work.seed, onPod: (pod: Pod) => void made.push(pod) };
  try {
    const pods = await mapLimited(
      orders,
      group === undefined ? WRITES_AT_ONCE : GROUPS_AT_ONCE,
      (order, index) => makeReplica(deps, call, order, index, signal),
    );
    const addresses = pods.map(addressOfReplica);
    return {
      namespace,
      coordinator,
      collectors: addresses.slice(0, request.collectors.replicas),
      learners: addresses.slice(request.collectors.replicas),
    };
  } catch (error) {
    // They stay in sight until they are deleted: another copy may have taken the work over and keep them.
    const message = `${describeMissing(orders, made)}: ${textOf(error)}; nothing of it was kept`;
    const data = { namespace, coordinator, collectors: [], learners: [] };
    throw new UnfinishedError(message, data, error);
  }
}

/** Takes back what a POST has made, also what was never answered. */
export async function undoAddition(
  deps: WriteDeps,
  { job, seed }: Extract<RecordedWork, { kind: "add" }>,
  signal: AbortSignal,
): Promise<void> {
  const made = (await deps.view.livePodsLabelled(job, signal))
    .filter((pod) => isMadeFor(pod, seed));
  const options = { signal, gracePeriodSeconds: 0 };
  await mapLimited(made, WRITES_AT_ONCE, (pod) => deletePod(deps, pod, options));
}

export function referenceTo({ metadata }: DIJob): JobReference {
  const { namespace = "", name = "", uid = "" } = metadata;
  return { namespace, name, uid };
}

/** How learners with several GPUs are made; undefined where none is asked for. */
async function groupPlanOf(
  deps: WriteDeps,
  { namespace, coordinator }: ScaleRequest,
  gpus: readonly number[] | undefined,
  signal: AbortSignal,
): Promise<GroupPlan | undefined> {
  if (gpus === undefined) return undefined;
  try {
    return { aggregator: await readAggregatorTemplate(deps, signal), gpus };
  } catch (error) {
    const data = { namespace, coordinator, collectors: null, learners: null };
    throw error instanceof AllocationError
      ? new UnfinishedError(error.message, data, error)
      : error;
  }
}

/** @throws {AllocationError} `notFound`, with DI-orchestrator's text. */
export async function readAggregatorTemplate(
  { client, agconfig }: WriteDeps,
  signal: AbortSignal,
): Promise<PodTemplateSpec> {
  try {
    const { spec } = await client.get(AGGREGATOR_CONFIGS, agconfig, { signal });
    return spec.aggregator.template;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new AllocationError("notFound", `AGConfig: ${keyText(agconfig)} not exists in cache`);
  }
}

/** `created 1 of 2 collectors and 0 of 1 learners`. */
function describeMissing(orders: readonly AddOrder[], made: readonly Pod[]): string {
  const parts = (["collector", "learner"] as const).flatMap((type) => {
    const wanted = orders.filter((order) => order.type === type).length;
    const isOne = (pod: Pod) =>
      isOfType(pod, type) || (type === "learner" && isOfType(pod, "aggregator"));
    return wanted === 0 ? [] : [`${made.filter(isOne).length} of ${wanted} ${type}s`];
  });
  return `created ${parts.join(" and ")}`;
}
