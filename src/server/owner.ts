/** From the pod that a caller names to its job. */
import { AllocationError } from "../allocation/mod.ts";
import { type DIJob, isFinished } from "../api/mod.ts";
import { keyOf, keyText, type ObjectKey, type Pod } from "../kube/mod.ts";
import type { ClusterView, JobOwner } from "./view.ts";

/** A pod and the job that owns it. */
export interface OwnedPod {
  readonly pod: Pod;
  readonly job: DIJob;
}

/**
 * The pod of that name and its job. Asks the API server before it says that one is missing.
 *
 * @throws {AllocationError} `notFound`, with DI-orchestrator's texts.
 */
export async function findOwner(
  view: ClusterView,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<OwnedPod> {
  const pod = await view.findPod(key, signal);
  if (pod === undefined) throw unknownPod(key);
  return { pod, job: await findJobOf(view, pod, signal) };
}

/**
 * The job of a pod.
 *
 * @throws {AllocationError} As {@link findOwner}.
 */
export async function findJobOf(
  view: ClusterView,
  pod: Pod,
  signal: AbortSignal,
): Promise<DIJob> {
  const key = keyOf(pod);
  const reference = await requireReference(view, pod, signal);
  const job = await view.findJob({ namespace: key.namespace, name: reference.name }, signal);
  return job?.metadata.uid === reference.uid ? job : await findLiveJobOf(view, key, signal);
}

/** One cache may lag behind the other when a job is made anew: the API server knows. */
async function findLiveJobOf(
  view: ClusterView,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<DIJob> {
  const pod = await view.livePod(key, signal);
  if (pod === undefined) throw unknownPod(key);
  const reference = await requireReference(view, pod, signal);
  const jobKey = { namespace: key.namespace, name: reference.name };
  const job = await view.liveJob(jobKey, signal);
  if (job === undefined) throw unknownJob(jobKey);
  if (job.metadata.uid === reference.uid) return job;
  throw new AllocationError("notFound", `coordinator ${key.name} is owned by stale DIJob`);
}

async function requireReference(
  view: ClusterView,
  pod: Pod,
  signal: AbortSignal,
): Promise<JobOwner> {
  const reference = await view.ownerJobOf(pod, signal);
  if (reference !== undefined) return reference;
  throw new AllocationError("notFound", `module ${pod.metadata.name} is not owned by any DIJob`);
}

export function unknownPod(key: ObjectKey): AllocationError {
  return new AllocationError("notFound", `pod: ${keyText(key)} not exists in cache`);
}

export function unknownJob(key: ObjectKey): AllocationError {
  return new AllocationError("notFound", `DIJob: ${keyText(key)} not exists in cache`);
}

/** @throws {AllocationError} `later` when the job gets nothing any more. */
export function requireUnfinished({ metadata, spec, status }: DIJob): void {
  const state = metadata.deletionTimestamp !== undefined
    ? "is being deleted"
    : isFinished(status?.phase)
    ? `has finished (${status.phase})`
    : spec.suspend || status?.phase === "Suspended"
    ? "is suspended"
    : undefined;
  if (state === undefined) return;
  throw new AllocationError(
    "later",
    `DIJob ${metadata.namespace}/${metadata.name} ${state}: it gets no new replicas`,
  );
}
