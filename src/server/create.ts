/** POST `/v1alpha1/replicas`: adds replicas, all that were asked for or none. */
import { type AddOrder, planAdd, suffixOf } from "../allocation/mod.ts";
import { type DIJob, GROUP, LABEL, replicaName } from "../api/mod.ts";
import { keyOf, keyText, type Pod, PODS } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import { buildPod, isOfType } from "../replicas/mod.ts";
import { isPassing, type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import { addressOfReplica } from "./list.ts";
import { findOwner, requireUnfinished } from "./owner.ts";
import { mapLimited } from "./parallel.ts";
import type { ScaleRequest } from "./requests.ts";
import { createReplica, deletePod, type WriteDeps, WRITES_AT_ONCE } from "./writes.ts";

/** Annotation of a replica: the call that it was made for. */
const REQUEST_ANNOTATION = `${GROUP}/request`;

/** How long an answer waits for what was made to be taken back, in ms. After it that goes on alone. */
const TAKE_BACK_WAIT_MS = 5000;
const TAKE_BACK_RETRY: BackoffPolicy = { initialMs: 500, maxMs: 15_000, factor: 2, jitter: 0.5 };
/** Tries before what was made is left where it is: about 4 min. */
const TAKE_BACK_TRIES = 16;
/** A write that was cut off may still arrive this much later, in ms. */
const LATE_WRITE_MS = 2000;

/** @returns The addresses of the new replicas, in the order of the request. */
export async function addReplicas(
  deps: WriteDeps,
  request: ScaleRequest,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { namespace, coordinator } = request;
  const { job } = await findOwner(deps.view, { namespace, name: coordinator }, signal);
  requireUnfinished(job);
  const call: Call = {
    job,
    orders: planAdd(job, request),
    seed: crypto.randomUUID(),
    made: [],
    isUnsure: false,
  };
  try {
    const pods = await mapLimited(
      call.orders,
      WRITES_AT_ONCE,
      (order, index) => addReplica(deps, call, order, index, signal),
    );
    const addresses = pods.map(addressOfReplica);
    return {
      namespace,
      coordinator,
      collectors: addresses.slice(0, request.collectors.replicas),
      learners: addresses.slice(request.collectors.replicas),
    };
  } catch (error) {
    const message = `${describeMissing(call)}: ${textOf(error)}; nothing of it was kept`;
    await takeBackInTime(deps, call);
    const data = { namespace, coordinator, collectors: [], learners: [] };
    throw new UnfinishedError(message, data, error);
  }
}

/** One POST on its way. */
interface Call {
  readonly job: DIJob;
  readonly orders: readonly AddOrder[];
  /** Names derive from it, and every pod carries it: that tells our pods from others of such a name. */
  readonly seed: string;
  readonly made: Pod[];
  /** True once a write has ended without an answer: it may still arrive. */
  isUnsure: boolean;
}

async function addReplica(
  deps: WriteDeps,
  call: Call,
  { type, template, resources }: AddOrder,
  index: number,
  signal: AbortSignal,
): Promise<Pod> {
  const { job, seed, made } = call;
  const podAt = (attempt: number) =>
    buildPod({
      job,
      type,
      name: replicaName(job.metadata.name ?? "", type, suffixOf(`${seed}/${index}`, attempt)),
      template,
      serverAddress: deps.serverAddress,
      resources,
      annotations: { [REQUEST_ANNOTATION]: seed },
    });
  const isOurs = (pod: Pod) => isMadeFor(pod, seed);
  try {
    return await createReplica(deps, { podAt, isOurs }, (pod) => made.push(pod), signal);
  } catch (error) {
    call.isUnsure ||= isPassing(error);
    throw error;
  }
}

function isMadeFor(pod: Pod, seed: string): boolean {
  return pod.metadata.annotations?.[REQUEST_ANNOTATION] === seed;
}

/** `created 1 of 2 collectors and 0 of 1 learners`. */
function describeMissing({ orders, made }: Call): string {
  const parts = (["collector", "learner"] as const).flatMap((type) => {
    const wanted = orders.filter((order) => order.type === type).length;
    const got = made.filter((pod) => isOfType(pod, type)).length;
    return wanted === 0 ? [] : [`${got} of ${wanted} ${type}s`];
  });
  return `created ${parts.join(" and ")}`;
}

/** Takes back, and waits for it, but not for ever. What is made is out of sight at once. */
async function takeBackInTime(deps: WriteDeps, call: Call): Promise<void> {
  for (const pod of call.made) deps.view.forget(pod);
  const enough = new AbortController();
  await Promise.race([takeBack(deps, call), sleep(TAKE_BACK_WAIT_MS, enough.signal)]);
  enough.abort();
}

/** Deletes the pods of a call until none is left, it is hopeless, or the server stops. Never rejects. */
async function takeBack(deps: WriteDeps, call: Call): Promise<void> {
  const signal = deps.lifetime;
  const untilMs = performance.now() + (call.isUnsure ? LATE_WRITE_MS : 0);
  const job = keyText(keyOf(call.job));
  for (let tries = 1; tries <= TAKE_BACK_TRIES && !signal.aborted; tries++) {
    try {
      await deleteAll(deps, call.made);
      await deleteAll(deps, await listMade(deps, call));
      if (performance.now() >= untilMs) return;
      await sleep(LATE_WRITE_MS, signal);
    } catch (error) {
      deps.log.warning("Could not take replicas back yet", { job, error: textOf(error) });
      await sleep(backoffMs(TAKE_BACK_RETRY, tries), signal);
    }
  }
  deps.log.error("Left replicas behind that were to be taken back", { job, request: call.seed });
}

async function deleteAll(deps: WriteDeps, pods: readonly Pod[]): Promise<void> {
  const options = { signal: deps.lifetime, gracePeriodSeconds: 0 };
  await mapLimited(pods, WRITES_AT_ONCE, (pod) => deletePod(deps, pod, options));
}

/** Also those pods whose creation was never answered. */
async function listMade({ client, lifetime }: WriteDeps, { job, seed }: Call): Promise<Pod[]> {
  const { namespace = "", name } = job.metadata;
  const labelSelector = `${LABEL.job}=${name}`;
  const { items } = await client.list(PODS, { namespace, labelSelector, signal: lifetime });
  return items.filter((pod) => isMadeFor(pod, seed));
}
