/** GET `/v1alpha1/replicas`: which replicas there are. */
import { AllocationError, byAge, replicaSetsOf } from "../allocation/mod.ts";
import { coordinatorName, type DIJob, MAIN_CONTAINER } from "../api/mod.ts";
import type { ObjectCache, Pod } from "../kube/mod.ts";
import { addressOf, isOfType, replicaTypeOf } from "../replicas/mod.ts";
import type { ReplicaSet } from "./answers.ts";
import { findJobOf, findOwner, unknownJob } from "./owner.ts";
import { mapLimited } from "./parallel.ts";
import type { ReplicaQuery } from "./requests.ts";
import { type ClusterView, coordinatorsIn, podsOwnedBy } from "./view.ts";

/** Owners looked up at once for a list. They are in the cache but for the newest. */
const LOOK_UPS = 16;

/** The `data` of the answer: one set, or one for each coordinator. */
export function listReplicas(
  view: ClusterView,
  query: ReplicaQuery,
  signal: AbortSignal,
): Promise<ReplicaSet | ReplicaSet[]> {
  switch (query.kind) {
    case "all":
      return listByCoordinators(view, "", signal);
    case "namespace":
      return listByCoordinators(view, query.namespace, signal);
    case "job":
      return listOfJob(view, query, signal);
    case "coordinator":
      return listOfCoordinator(view, query, signal);
    case "aggregator":
      return listOfAggregator(view, query, signal);
  }
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

async function listByCoordinators(
  view: ClusterView,
  namespace: string,
  signal: AbortSignal,
): Promise<ReplicaSet[]> {
  const pods = await view.podsOf(namespace, signal);
  const coordinators = coordinatorsIn(pods, namespace).toSorted(byAge);
  const sets = await mapLimited(coordinators, LOOK_UPS, async (pod) => {
    try {
      return buildSet(pods, await findJobOf(view, pod, signal), pod.metadata.name ?? "");
    } catch (error) {
      // A coordinator that outlives its job has nothing to list.
      if (error instanceof AllocationError && error.failure === "notFound") return undefined;
      throw error;
    }
  });
  return sets.filter((set) => set !== undefined);
}

async function listOfJob(view: ClusterView, key: Named, signal: AbortSignal): Promise<ReplicaSet> {
  const job = await view.findJob(key, signal);
  if (job === undefined) throw unknownJob(key);
  return buildSet(await view.podsOf(key.namespace, signal), job, coordinatorName(key.name));
}

async function listOfCoordinator(
  view: ClusterView,
  key: Named,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { job } = await findOwner(view, key, signal);
  return buildSet(await view.podsOf(key.namespace, signal), job, key.name);
}

async function listOfAggregator(
  view: ClusterView,
  key: Named,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { pod } = await findOwner(view, key, signal);
  const pods = await view.podsOf(key.namespace, signal);
  const learners = podsOwnedBy(pods, pod.metadata.uid)
    .filter((owned) => isOfType(owned, "ddp-learner"))
    .filter((owned) => owned.metadata.deletionTimestamp === undefined)
    .toSorted(byAge).flatMap(gpuAddressesOf);
  return { namespace: key.namespace, coordinator: key.name, collectors: null, learners };
}

function buildSet(pods: ObjectCache<Pod>, job: DIJob, coordinator: string): ReplicaSet {
  const { collectors, learners } = replicaSetsOf(job, podsOwnedBy(pods, job.metadata.uid));
  return {
    namespace: job.metadata.namespace ?? "",
    coordinator,
    collectors: collectors.map(addressOfReplica),
    learners: learners.map(addressOfReplica),
  };
}

/** The address that clients get of a replica. */
export function addressOfReplica(pod: Pod): string {
  return addressOf(pod, replicaTypeOf(pod));
}

/** A ddp learner serves each of its GPUs on a port of its own. */
function gpuAddressesOf(pod: Pod): string[] {
  const main = pod.spec?.containers.find(({ name }) => name === MAIN_CONTAINER);
  const gpuPorts = (main?.ports ?? []).filter(({ name }) => name?.startsWith("gpu-port"));
  const { namespace, name } = pod.metadata;
  return [
    addressOfReplica(pod),
    ...gpuPorts.map(({ containerPort }) => `${name}.${namespace}:${containerPort}`),
  ];
}
