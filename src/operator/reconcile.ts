/** The shell around the decisions: reads a snapshot, does the writes, reports them. */
import {
  type AggregatorConfig,
  type DIJob,
  DIJOBS,
  type DIJobStatus,
  isFinished,
} from "../api/mod.ts";
import {
  ApiError,
  controllerOf,
  ifFound,
  isAlreadyExists,
  isConflict,
  isNotFound,
  keyOf,
  type KubeClient,
  type KubeObject,
  type ObjectKey,
  type Pod,
  PODS,
  type Resource,
  type Service,
  SERVICES,
  type Status,
} from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";
import { mapLimited } from "../lib/parallel.ts";
import { buildService } from "../replicas/mod.ts";
import { type EventRecorder, type JobEvent, statusEvents } from "./events.ts";
import { type Action, type Plan, planJob, type PlanOptions } from "./plan.ts";
import { needsAggregatorConfig } from "./pods.ts";
import {
  type Caches,
  isOwnedBy,
  type JobSnapshot,
  snapshotOf,
  type TemplateVerdict,
  trimJob,
  trimPod,
  trimService,
} from "./snapshot.ts";
import { coordinatorOf, isLeftAlone } from "./stage.ts";
import { isSameStatus, withFailure, withoutFailure } from "./status.ts";
import { needsTemplateCheck } from "./templates.ts";

/** Garbage collection takes a moment, and its end is not worth a warning. */
const PREDECESSOR_WAIT_MS = 500;

/** Until the watch has told of a change that somebody else made, in ms. */
const CHANGED_WAIT_MS = 1000;

/** Writes of one pass that are at work at the same time: other jobs have theirs beside it. */
const WRITES_AT_ONCE = 16;

/**
 * A pass costs as much as the job has pods, and each of them that changes asks for one: so a job rests
 * after it, in ms for each pod and at most.
 */
const REST_MS_PER_POD = 0.2;
const REST_MAX_MS = 1000;

export interface ReconcileDeps {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly plan: PlanOptions;
  /** The one AggregatorConfig as it is now; undefined when there is none. */
  readonly readAggregatorConfig: () => Promise<AggregatorConfig | undefined>;
  /** What the API server says of the job's templates. */
  readonly checkTemplates: (job: DIJob) => Promise<TemplateVerdict | undefined>;
  readonly now: () => number;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Cuts off every request when the operator must end at once. */
  readonly signal: AbortSignal;
  /** Grace of pods that are taken away, in s; absent: each pod's own. */
  readonly cleanupGraceSeconds?: number | undefined;
  /** Told when a job runs for the first time, with the time since it was submitted, in s. */
  readonly onStart: (seconds: number) => void;
  /** Asks for another pass over this job after that many ms. */
  readonly again: (key: ObjectKey, ms: number) => void;
}

/** The same for the writes of one pass. */
interface PassDeps extends Omit<ReconcileDeps, "events"> {
  readonly events: Pick<EventRecorder, "record">;
}

/**
 * One pass over one job. Throws the first write that failed: the queue owns retry and back-off.
 *
 * @returns For how long the job needs no other pass, in ms: next to nothing unless it is very large.
 */
export async function reconcileJob(key: ObjectKey, deps: ReconcileDeps): Promise<number> {
  const cached = snapshotOf(deps.caches, key, deps.now());
  if (cached === undefined) return 0; // Deleted: owner references take the pods along.
  if (!await isCurrent(cached, deps)) return 0; // What is newer has put the key into the queue again.
  const { job, now } = cached;
  let plan: Plan | undefined;
  let failure: unknown;
  try {
    const [aggregatorConfig, templates] = await Promise.all([
      needsAggregatorConfig(cached) ? deps.readAggregatorConfig() : undefined,
      needsTemplateCheck(cached) ? deps.checkTemplates(job) : undefined,
    ]);
    plan = planJob({ ...cached, aggregatorConfig, templates }, deps.plan);
    await applyAll(plan.actions, job, deps);
  } catch (error) {
    failure = error;
  }
  plan ??= planJob(cached, deps.plan); // what it comes to without what could not be read
  // The status would be that of a job as it was; the change has put the key into the queue again.
  if (failure === undefined && isSuperseded(job, deps.caches)) return 0;
  if (plan.status !== undefined) {
    const status = failure === undefined
      ? withoutFailure(plan.status, now)
      : withFailure(plan.status, failureOf(failure), now);
    await writeStatus(job, status, deps).catch((error: unknown) => failure ??= error);
  }
  if (failure !== undefined) throw failure;
  if (plan.againInMs !== undefined) deps.again(key, plan.againInMs);
  return Math.min(cached.pods.length * REST_MS_PER_POD, REST_MAX_MS);
}

/**
 * Does them, several at once, and throws the first failure at the end. One that fails does not keep back the
 * others; but where as many have failed as are done at once, the next ones are likely to fail as well. Nothing
 * more is done for a job that has changed meanwhile: thousands of pods take a while, and may not be wanted now.
 */
async function applyAll(
  actions: readonly Action[],
  job: DIJob,
  deps: ReconcileDeps,
): Promise<void> {
  const failures: unknown[] = [];
  const passDeps = { ...deps, events: deps.events.forPass() };
  await mapLimited(actions, WRITES_AT_ONCE, async (action) => {
    if (failures.length >= WRITES_AT_ONCE || isSuperseded(job, deps.caches)) return;
    await apply(action, job, passDeps).catch((error: unknown) => void failures.push(error));
  });
  if (failures.length > 0) throw failures[0];
}

/** True once the watch has told that the job has another spec, is to be deleted, or is gone. */
function isSuperseded(job: DIJob, { jobs }: Caches): boolean {
  const { metadata } = jobs.get(keyOf(job)) ?? {};
  return metadata?.uid !== job.metadata.uid || metadata?.generation !== job.metadata.generation ||
    metadata?.deletionTimestamp !== undefined;
}

/**
 * Makes sure that a coordinator which seems to be missing is missed by the job as it is now: the watch of
 * jobs may be behind that of pods, and a finished job must never run again.
 */
async function isCurrent(
  snapshot: JobSnapshot,
  { client, caches, signal }: ReconcileDeps,
): Promise<boolean> {
  const { job } = snapshot;
  if (isLeftAlone(job) || isFinished(job.status?.phase)) return true; // nothing is started for it
  if (coordinatorOf(snapshot) !== undefined) return true;
  const now = await ifFound(client.get(DIJOBS, keyOf(job), { signal }));
  if (now === undefined) return false;
  if (now.metadata.resourceVersion === job.metadata.resourceVersion) return true;
  caches.jobs.observe(trimJob(now));
  return false;
}

async function apply(action: Action, job: DIJob, deps: PassDeps): Promise<void> {
  switch (action.kind) {
    case "createReplica": {
      const pod = await createPod(action.pod, job, deps);
      return pod && await createService(buildService(pod), job, deps);
    }
    case "createService":
      return await restoreService(action.service, job, deps);
    case "deletePod": {
      const left = await deleteOwn(PODS, action.pod, job, deps);
      // The end of one pod wakes the next pass before the watch has told of the others'.
      if (left !== undefined) deps.caches.pods.observe(trimPod(left));
      return;
    }
    case "deleteJob":
      return await deleteJob(job, deps);
    case "deleteService":
      return void await deleteOwn(SERVICES, action.service, job, deps);
  }
}

/** The pod as it is stored; undefined while its name is held by a pod that is on its way out. */
async function createPod(
  pod: Pod,
  job: DIJob,
  { client, caches, events, signal, again }: PassDeps,
): Promise<Pod | undefined> {
  try {
    const created = await client.create(PODS, pod, { signal });
    caches.pods.observe(trimPod(created));
    events.record(job, made("pod", created));
    return created;
  } catch (error) {
    // The cache lagged behind an earlier create of ours, unless somebody else has the name.
    const existing = isAlreadyExists(error)
      ? await client.get(PODS, keyOf(pod), { signal })
      : undefined;
    if (existing !== undefined && isOwnedBy(existing, [job])) {
      caches.pods.observe(trimPod(existing));
      return existing;
    }
    if (existing !== undefined && isLeaving(existing, job)) {
      again(keyOf(job), PREDECESSOR_WAIT_MS);
      return undefined;
    }
    events.record(job, failed("create", "pod", pod, error));
    throw error;
  }
}

/** True for a pod of a job that had this job's name before: garbage collection is about to take it. */
function isLeaving(pod: Pod, job: DIJob): boolean {
  const owner = controllerOf(pod);
  return pod.metadata.deletionTimestamp !== undefined ||
    (owner?.kind === DIJOBS.kind && owner.name === job.metadata.name);
}

async function createService(
  service: Service,
  job: DIJob,
  { client, caches, events, signal, again }: PassDeps,
): Promise<void> {
  try {
    const created = await client.create(SERVICES, service, { signal });
    caches.services.observe(trimService(created));
    events.record(job, made("service", created));
  } catch (error) {
    // The server was faster, unless the name is held by a stranger: then this fails until there is room.
    const existing = isAlreadyExists(error)
      ? await client.get(SERVICES, keyOf(service), { signal })
      : undefined;
    const pod = service.metadata.ownerReferences?.[0];
    const holder = existing?.metadata.ownerReferences?.find(({ name }) => name === pod?.name);
    const isOfPod = holder !== undefined && holder.uid === pod?.uid;
    // v0.2.2 had the job own the services: such a one outlives its pod, and serves the next one too.
    if (existing !== undefined && (isOfPod || isOwnedBy(existing, [job]))) {
      caches.services.observe(trimService(existing));
      return;
    }
    if (holder?.kind === "Pod") {
      // A pod of the same name was here before, and garbage collection is about to take its service.
      again(keyOf(job), PREDECESSOR_WAIT_MS);
      return;
    }
    events.record(job, failed("create", "service", service, error));
    throw error;
  }
}

/** A service often goes a moment before its pod is seen to go: one for a dead pod helps nobody. */
async function restoreService(service: Service, job: DIJob, deps: PassDeps): Promise<void> {
  const { client, caches, signal } = deps;
  try {
    const pod = await client.get(PODS, keyOf(service), { signal });
    caches.pods.observe(trimPod(pod));
    const isAlive = pod.metadata.deletionTimestamp === undefined && isOwnedBy(service, [pod]);
    if (isAlive) await createService(service, job, deps);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Deletes the job as it was read: one that has changed meanwhile is looked at anew. */
async function deleteJob(job: DIJob, { client, signal, again }: PassDeps): Promise<void> {
  const { uid = "", resourceVersion = "" } = job.metadata;
  try {
    await client.delete(DIJOBS, keyOf(job), {
      preconditions: { uid, resourceVersion },
      propagationPolicy: "Background",
      signal,
    });
  } catch (error) {
    if (isConflict(error)) return again(keyOf(job), CHANGED_WAIT_MS);
    if (!isNotFound(error)) throw error;
  }
}

/** The object as it is on its way out; undefined when it is gone. */
async function deleteOwn<T extends Pod | Service>(
  resource: Resource<T>,
  object: T,
  job: DIJob,
  { client, events, signal, cleanupGraceSeconds }: PassDeps,
): Promise<T | undefined> {
  const what = resource.kind === PODS.kind ? "pod" : "service";
  const { uid = "" } = object.metadata;
  const grace = what === "pod" && cleanupGraceSeconds !== undefined
    ? { gracePeriodSeconds: cleanupGraceSeconds }
    : {};
  try {
    const options = { preconditions: { uid }, ...grace, signal };
    const answer = await client.delete(resource, keyOf(object), options);
    events.record(job, removed(what, object));
    return isObject(answer) ? answer : undefined;
  } catch (error) {
    // Not there any more, or a namesake of another uid: either way the one meant is gone.
    if (isNotFound(error) || isConflict(error)) return undefined;
    events.record(job, failed("delete", what, object, error));
    throw error;
  }
}

/** An answer to a deletion that is the object as it still is, not word that it is gone. */
function isObject<T extends KubeObject>(answer: T | Status): answer is T {
  return answer.metadata !== undefined && "uid" in answer.metadata;
}

async function writeStatus(job: DIJob, status: DIJobStatus, deps: ReconcileDeps): Promise<void> {
  if (isSameStatus(status, job.status)) return;
  // Over the version that was read: a status decided on an older one must not win.
  const written = await deps.client.replace(DIJOBS, { ...job, status }, {
    subresource: "status",
    signal: deps.signal,
  });
  deps.caches.jobs.observe(trimJob(written));
  if (status.phase !== job.status?.phase) deps.log.info("Phase reached", { phase: status.phase });
  if (startsFirst(status, job.status)) {
    const createdAtMs = Date.parse(job.metadata.creationTimestamp ?? "");
    deps.onStart(Math.max(0, deps.now() - createdAtMs) / 1000);
  }
  for (const event of statusEvents(status, job.status)) {
    if (event.type === "Warning") deps.log.warning(event.reason, { message: event.message });
    deps.events.record(job, event);
  }
}

function startsFirst(after: DIJobStatus, before: DIJobStatus | undefined): boolean {
  return after.phase === "Running" &&
    !before?.conditions?.some(({ type }) => type === "Running");
}

type Written = "pod" | "service";

function made(what: Written, { metadata }: Pod | Service): JobEvent {
  const message = `Create ${what}: ${metadata.name}`;
  return { type: "Normal", reason: "SuccessfulCreate", message, subject: metadata.uid ?? "" };
}

function removed(what: Written, { metadata }: Pod | Service): JobEvent {
  const message = `Delete ${what}: ${metadata.name}`;
  return { type: "Normal", reason: "SuccessfulDelete", message, subject: metadata.uid ?? "" };
}

function failed(
  verb: "create" | "delete",
  what: Written,
  { metadata }: Pod | Service,
  error: unknown,
): JobEvent {
  const { reason, message } = failureOf(error);
  return {
    type: "Warning",
    reason: verb === "create" ? "FailedCreate" : "FailedDelete",
    message: `Failed to ${verb} ${what}: ${metadata.name} error: ${message}`,
    // Messages may hold counts, ports and request ids: each try must not be an event of its own.
    identity: [verb, what, metadata.name, reason].join("/"),
  };
}

function failureOf(error: unknown): { readonly reason: string; readonly message: string } {
  const reason = error instanceof ApiError ? error.reason : "";
  return {
    reason: reason === "" ? "WriteFailed" : reason,
    message: error instanceof Error ? error.message : String(error),
  };
}
