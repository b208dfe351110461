/** Single writes to the API server that may be done twice, and hold through short troubles. */
import { AllocationError, type GpuAllocPolicy } from "../allocation/mod.ts";
import {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isNotFound,
  keyOf,
  keyText,
  type KubeClient,
  type ObjectKey,
  type Pod,
  PODS,
  SERVICES,
} from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Logger } from "../lib/logger.ts";
import { buildService } from "../replicas/mod.ts";
import { isPassing, textOf } from "./answers.ts";
import { RETRY, retryPassing, TRIES } from "./retry.ts";
import type { ClusterView } from "./view.ts";

/** What the writing half of the server works with. */
export interface WriteDeps {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly log: Logger;
  /** What replicas find in `KUBERNETES_SERVER_URL`. */
  readonly serverAddress: string;
  /** The AggregatorConfig that aggregators of multi-GPU learners are made from. */
  readonly agconfig: ObjectKey;
  readonly gpuAllocPolicy: GpuAllocPolicy;
  /** Aborts when the server stops. */
  readonly lifetime: AbortSignal;
}

/** Pods made or deleted at once for one request. */
export const WRITES_AT_ONCE = 16;
/** Multi-GPU learners worked on at once for one request, and pods of each of them. */
export const GROUPS_AT_ONCE = 4;
export const MEMBERS_AT_ONCE = WRITES_AT_ONCE / GROUPS_AT_ONCE;

/** Names tried for one replica. Even with 10,000 namesakes the first is free 999 times in 1000. */
const NAMES = 8;

/** What one replica is made from. */
export interface ReplicaPlan {
  /** The pod under its name number `attempt`, 0 or more. */
  readonly podAt: (attempt: number) => Pod;
  /** True for a pod that an earlier try of the same work has made. */
  readonly isOurs: (pod: Pod) => boolean;
}

/**
 * Makes a pod and its service, or finds them made.
 *
 * @throws {ApiError} When the API server refuses the pod or the service.
 * @throws {ConnectionError} When it gives no answer; the pod may exist all the same.
 */
export async function createReplica(
  deps: WriteDeps,
  plan: ReplicaPlan,
  onPod: (pod: Pod) => void,
  signal: AbortSignal,
): Promise<Pod> {
  const pod = await createPod(deps, plan, signal);
  onPod(pod);
  await createService(deps, pod, signal);
  return pod;
}

async function createPod(
  { client, view }: WriteDeps,
  { podAt, isOurs }: ReplicaPlan,
  signal: AbortSignal,
): Promise<Pod> {
  for (let attempt = 0; attempt < NAMES; attempt++) {
    const pod = podAt(attempt);
    const key = keyOf(pod);
    let holder = view.knownPod(key);
    if (holder === undefined) {
      try {
        const created = await retryPassing(() => client.create(PODS, pod, { signal }), signal);
        view.observe(created);
        return created;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        // Taken by chance, or by our own write whose answer was lost.
        holder = await view.livePod(key, signal);
      }
    }
    if (holder !== undefined && !isLeaving(holder) && isOurs(holder)) return holder;
  }
  throw new AllocationError("later", `no free name found in ${NAMES} tries`);
}

/**
 * The pod is what was asked for. A service that only passing trouble kept from being made is left to the
 * operator, which makes what is missing; one that is refused would leave a replica nobody can reach.
 */
async function createService(deps: WriteDeps, pod: Pod, signal: AbortSignal): Promise<void> {
  try {
    await deps.client.create(SERVICES, buildService(pod), { signal });
  } catch (error) {
    if (!isPassing(error) && !isAlreadyExists(error)) throw error;
    // A repeat of our own work finds its service there: nothing to tell.
    if (isAlreadyExists(error) && await isServiceOf(deps, pod, signal)) return;
    const service = keyText(keyOf(pod));
    deps.log.warning("Left a service to the operator", { service, error: textOf(error) });
  }
}

async function isServiceOf({ client }: WriteDeps, pod: Pod, signal: AbortSignal): Promise<boolean> {
  try {
    const { metadata } = await client.get(SERVICES, keyOf(pod), { signal });
    return metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
  } catch (error) {
    if (error instanceof ApiError || error instanceof ConnectionError) return false;
    throw error;
  }
}

/**
 * Deletes exactly this pod; one that is gone is fine.
 *
 * @param gracePeriodSeconds Absent: the pod's own, in which it may save its work.
 */
export async function deletePod(
  { client, view }: WriteDeps,
  pod: Pod,
  { signal, gracePeriodSeconds }: {
    readonly signal: AbortSignal;
    readonly gracePeriodSeconds?: number;
  },
): Promise<void> {
  const preconditions = { uid: pod.metadata.uid ?? "" };
  const options = {
    signal,
    preconditions,
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
  };
  try {
    await retryPassing(() => client.delete(PODS, keyOf(pod), options), signal, isOtherTrouble);
  } catch (error) {
    // Another pod has the name by now: ours is gone.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
  view.forget(pod);
}

/**
 * Deletes a pod that nobody else has begun to delete.
 *
 * @param known Trimmed, as the view has it.
 * @param mayBeOurs True when an earlier try may have done it: then a pod on its way out is our work.
 * @returns False when somebody else was faster, so that another pod must go in its place.
 */
export async function claimDeletion(
  { client, view }: WriteDeps,
  known: Pod,
  { signal, mayBeOurs: mayBe }: { readonly signal: AbortSignal; readonly mayBeOurs: boolean },
): Promise<boolean> {
  let pod = known;
  // Once an answer was lost, a pod on its way out is taken for our work.
  let mayBeOurs = mayBe;
  for (let tries = 1;; tries++) {
    const { uid = "", resourceVersion = "" } = pod.metadata;
    try {
      await client.delete(PODS, keyOf(pod), { signal, preconditions: { uid, resourceVersion } });
      view.forget(pod);
      return true;
    } catch (error) {
      if (!isNotFound(error) && !isPassing(error)) throw error;
      if (!isNotFound(error) && !isConflict(error)) {
        if (tries >= TRIES || signal.aborted) throw error;
        mayBeOurs ||= !(error instanceof ApiError && error.code === 429);
        await sleep(backoffMs(RETRY, tries), signal);
        continue;
      }
    }
    // Changed since it was cached: it may only have become ready.
    const live = await view.livePod(keyOf(pod), signal);
    if (live?.metadata.uid !== uid || isLeaving(live)) {
      view.forget(pod);
      return mayBeOurs;
    }
    if (tries >= TRIES) {
      throw new AllocationError("later", `pod ${keyText(keyOf(pod))} keeps changing`);
    }
    pod = live;
  }
}

function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** For deletes with a precondition: a conflict will not pass. */
function isOtherTrouble(error: unknown): boolean {
  return isPassing(error) && !isConflict(error);
}
