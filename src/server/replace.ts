/** POST `/v1alpha1/replicas/failed`: puts new replicas in the place of failed ones. */
import {
  buildReplacement,
  buildReplacementAggregator,
  buildReplacementMember,
  firstOf,
  groupOf,
  isReplacementOf,
  type Member,
  planReplace,
  type Replacement,
  replacesAnnotations,
  sharesOf,
  templateOf,
} from "../allocation/mod.ts";
import type { DIJob } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { isOfType } from "../replicas/mod.ts";
import { type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import { dealGpus, readAggregatorTemplate } from "./create.ts";
import { addressOfReplica } from "./list.ts";
import { makeMembers } from "./make.ts";
import { unknownPod } from "./owner.ts";
import { mapLimited } from "../lib/parallel.ts";
import type { FailedRequest } from "./requests.ts";
import { podsOfJob } from "./view.ts";
import {
  createReplica,
  deletePod,
  GROUPS_AT_ONCE,
  MEMBERS_AT_ONCE,
  type WriteDeps,
  WRITES_AT_ONCE,
} from "./writes.ts";

/** The pod in the place of each reported one, by that one's name. */
type Places = Map<string, Pod>;

/**
 * Replaces the named pods. Doing it again gives the same replacements: their names derive from the uids
 * of the old ones, which are the last to go.
 *
 * @returns The new addresses in the order of the names, `null` for a list that had none.
 */
export async function replaceFailed(
  deps: WriteDeps,
  job: DIJob,
  request: FailedRequest,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { namespace, coordinator } = request;
  const names = [...new Set([...request.collectors, ...request.learners])];
  const places: Places = new Map();
  // All are found before any is touched: a client that is refused can send the same names again.
  const found = await mapLimited(
    names,
    WRITES_AT_ONCE,
    (name) => findReported(deps, job, name, places, signal),
  );
  const reported = found.filter((pod) => pod !== undefined);
  // Of a learner with several GPUs all pods must be known: those that another copy made just now, too.
  const pods = reported.some((pod) => isOfType(pod, "aggregator") || isOfType(pod, "ddp-learner"))
    ? await deps.view.livePodsOf(job, signal)
    : podsOfJob(await deps.view.podsOf(namespace, signal), job);
  const plan = planReplace(job, reported, pods);
  const addressesOf = (list: readonly string[]) =>
    list.length === 0 ? null : list.flatMap((name) => {
      const pod = places.get(name);
      return pod === undefined ? [] : [addressOfReplica(pod)];
    });
  const replaced = () => ({
    namespace,
    coordinator,
    collectors: addressesOf(request.collectors),
    learners: addressesOf(request.learners),
  });
  try {
    await mapLimited(
      plan,
      plan.every(({ kind }) => kind === "replica") ? WRITES_AT_ONCE : GROUPS_AT_ONCE,
      (replacement) => replace(deps, job, replacement, places, signal),
    );
    return replaced();
  } catch (error) {
    throw new UnfinishedError(textOf(error), replaced(), error);
  }
}

/** @returns The pod, or undefined for one that is gone and whose replacement is in `places`. */
async function findReported(
  { view }: WriteDeps,
  job: DIJob,
  name: string,
  places: Places,
  signal: AbortSignal,
): Promise<Pod | undefined> {
  const key = { namespace: job.metadata.namespace ?? "", name };
  const old = await view.findPod(key, signal);
  // A pod of another job does not exist for this caller.
  if (old !== undefined) {
    if (!await view.isOfJob(old, job, signal)) throw unknownPod(key);
    return old;
  }
  const by = await view.findReplacement(job, name, signal);
  if (by === undefined) throw unknownPod(key);
  places.set(name, by);
  return undefined;
}

function replace(
  deps: WriteDeps,
  job: DIJob,
  replacement: Replacement,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  switch (replacement.kind) {
    case "replica":
      return replaceReplica(deps, job, replacement, places, signal);
    case "members":
      return replaceMembers(deps, job, replacement, places, signal);
    case "group":
      return replaceGroup(deps, job, replacement, places, signal);
  }
}

/** The new one comes before the old one goes, so that a crash in between loses nothing. */
async function replaceReplica(
  deps: WriteDeps,
  job: DIJob,
  { old, type }: Extract<Replacement, { kind: "replica" }>,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  const podAt = (attempt: number) => buildReplacement(job, old, type, partsOf(deps, attempt));
  places.set(old.metadata.name ?? "", await makeInPlaceOf(deps, old, podAt, signal));
  await remove(deps, old, signal);
}

/** The first goes last: while it stands, a repeat knows that the others may still tell its old name. */
async function replaceMembers(
  deps: WriteDeps,
  job: DIJob,
  { olds, aggregator, master }: Extract<Replacement, { kind: "members" }>,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  const make = async (member: Member, master: string | undefined) => {
    const podAt = (attempt: number) =>
      buildReplacementMember(job, member, aggregator, master, partsOf(deps, attempt));
    const pod = await makeInPlaceOf(deps, member.pod, podAt, signal);
    places.set(member.pod.metadata.name ?? "", pod);
    return pod;
  };
  const first = master === undefined ? firstOf(olds) : undefined;
  const masterNow = first === undefined ? master : (await make(first, undefined)).metadata.name;
  // Those that an earlier try has made know the new name already.
  const others = olds.filter(({ pod, share }) =>
    pod !== first?.pod && (first === undefined ||
      (pod.metadata.name !== masterNow && share.master !== masterNow))
  );
  await mapLimited(others, MEMBERS_AT_ONCE, async (member) => {
    await make(member, masterNow);
    await remove(deps, member.pod, signal);
  });
  if (first !== undefined) await remove(deps, first.pod, signal);
}

/** The old aggregator goes last: while it stands, a repeat finds all that is to be done. */
async function replaceGroup(
  deps: WriteDeps,
  job: DIJob,
  { old, members, gpus, resources }: Extract<Replacement, { kind: "group" }>,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  const learner = templateOf(job, "learner");
  const template = await readAggregatorTemplate(deps, signal);
  const parts = { gpus: await dealGpus(deps, learner, gpus, signal), resources };
  const podAt = (attempt: number) =>
    buildReplacementAggregator(job, old, template, parts, partsOf(deps, attempt));
  const aggregator = await makeInPlaceOf(deps, old, podAt, signal);
  // An earlier try may have dealt the GPUs out otherwise.
  const standing = groupOf(aggregator) ?? parts;
  const ranks = sharesOf(standing, "").map(({ startRank }) => startRank);
  const made = await makeMembers(deps, {
    job,
    aggregator,
    template: learner,
    parts: standing,
    annotationsOf: (index) => {
      const old = members.find(({ share }) => share.startRank === ranks[index]);
      return old === undefined ? {} : replacesAnnotations(old.pod);
    },
  }, signal);
  places.set(old.metadata.name ?? "", aggregator);
  for (const { pod, share } of members) {
    const by = made[ranks.findLastIndex((rank) => rank <= share.startRank)];
    if (by !== undefined) places.set(pod.metadata.name ?? "", by);
  }
  await mapLimited(members, MEMBERS_AT_ONCE, ({ pod }) => remove(deps, pod, signal));
  await remove(deps, old, signal);
}

function makeInPlaceOf(
  deps: WriteDeps,
  old: Pod,
  podAt: (attempt: number) => Pod,
  signal: AbortSignal,
): Promise<Pod> {
  const isOurs = (pod: Pod) => isReplacementOf(pod, old.metadata.uid ?? "");
  return createReplica(deps, { podAt, isOurs }, () => {}, signal);
}

function remove(deps: WriteDeps, pod: Pod, signal: AbortSignal): Promise<void> {
  return deletePod(deps, pod, { signal, gracePeriodSeconds: 0 });
}

function partsOf({ serverAddress }: WriteDeps, attempt: number) {
  return { serverAddress, attempt };
}
