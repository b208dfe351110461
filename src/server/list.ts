/** GET `/v1alpha1/replicas`: which replicas there are. */
import { AllocationError, byAge, replicaSetsOf } from "../allocation/mod.ts";
import { coordinatorName, type DIJob } from "../api/mod.ts";
import type { ObjectCache, Pod } from "../kube/mod.ts";
import { addressOf, gpuAddressesOf, isOfType, replicaTypeOf } from "../replicas/mod.ts";
import type { ReplicaSet } from "./answers.ts";
import type { Caller, CallerGuard } from "./caller.ts";
import { findJobOf, findOwner, unknownJob } from "./owner.ts";
import { mapLimited } from "../lib/parallel.ts";
import type { ReplicaQuery } from "./requests.ts";
import { type ClusterView, coordinatorsIn, podsOwnedBy } from "./view.ts";

/** Owners looked up at once for a list. They are in the cache but for the newest. */
const LOOK_UPS = 16;

/** Who asks, and who says whether it may. */
export interface Asking {
  readonly guard: CallerGuard;
  readonly caller: Caller;
}

/** The `data` of the answer: one set, or one for each coordinator. */
export async function listReplicas(
  view: ClusterView,
  asking: Asking,
  query: ReplicaQuery,
  signal: AbortSignal,
): Promise<ReplicaSet | ReplicaSet[]> {
  switch (query.kind) {
    case "all":
    case "namespace": {
      const namespace = query.kind === "all" ? "" : query.namespace;
      await asking.guard.passForNamespace(asking.caller, "list", namespace, signal);
      return await listByCoordinators(view, namespace, signal);
    }
    case "job":
      return await listOfJob(view, asking, query, signal);
    case "coordinator":
      return await listOfCoordinator(view, asking, query, signal);
    case "aggregator":
      return await listOfAggregator(view, asking, query, signal);
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

async function listOfJob(
  view: ClusterView,
  { guard, caller }: Asking,
  key: Named,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const job = await view.findJob(key, signal);
  if (job === undefined) throw unknownJob(key);
  const coordinator = coordinatorName(key.name);
  await guard.passForJob(caller, "get", { job, named: coordinator }, signal);
  return buildSet(await view.podsOf(key.namespace, signal), job, coordinator);
}

async function listOfCoordinator(
  view: ClusterView,
  { guard, caller }: Asking,
  key: Named,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { job } = await findOwner(view, key, signal);
  await guard.passForJob(caller, "get", { job, named: key.name }, signal);
  return buildSet(await view.podsOf(key.namespace, signal), job, key.name);
}

async function listOfAggregator(
  view: ClusterView,
  { guard, caller }: Asking,
  key: Named,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { pod, job } = await findOwner(view, key, signal);
  await guard.passForJob(caller, "get", { job, named: key.name }, signal);
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
