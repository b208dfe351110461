/** Makes replicas: a pod and its service each, and of a learner with several GPUs all that belongs to it. */
import {
  type AddOrder,
  buildDdpLearner,
  groupAnnotation,
  groupOf,
  type LearnerGroup,
  sharesOf,
  suffixOf,
} from "../allocation/mod.ts";
import { type DIJob, GROUP, replicaName } from "../api/mod.ts";
import type { Pod, PodTemplateSpec } from "../kube/mod.ts";
import { buildPod } from "../replicas/mod.ts";
import { mapLimited } from "../lib/parallel.ts";
import { createReplica, MEMBERS_AT_ONCE, type WriteDeps } from "./writes.ts";

/** Annotation of a replica: the call that it was made for. */
const REQUEST_ANNOTATION = `${GROUP}/request`;

/** A call that replicas are made for. */
export interface MakeCall {
  readonly job: DIJob;
  /** Names derive from it, and every pod carries it: that tells our pods from others of such a name. */
  readonly seed: string;
  /** Told of each pod that stands. */
  readonly onPod: (pod: Pod) => void;
}

/**
 * Makes the replica number `index` of a call, or finds it made.
 *
 * @returns The pod that clients are told of: of a learner with several GPUs its aggregator.
 */
export async function makeReplica(
  deps: WriteDeps,
  call: MakeCall,
  { type, template, resources, group }: AddOrder,
  index: number,
  signal: AbortSignal,
): Promise<Pod> {
  const { job, seed, onPod } = call;
  const role = group === undefined ? type : "aggregator";
  const podAt = (attempt: number) =>
    buildPod({
      job,
      type: role,
      name: replicaName(job.metadata.name ?? "", role, suffixOf(`${seed}/${index}`, attempt)),
      template: group?.aggregator ?? template,
      serverAddress: deps.serverAddress,
      ...(group === undefined && { resources }),
      annotations: {
        [REQUEST_ANNOTATION]: seed,
        ...(group && groupAnnotation(group.parts)),
      },
    });
  const isOurs = (pod: Pod) => isMadeFor(pod, seed);
  const pod = await createReplica(deps, { podAt, isOurs }, onPod, signal);
  if (group !== undefined) {
    const parts = groupOf(pod) ?? group.parts;
    await makeMembers(
      deps,
      { job, aggregator: pod, template, parts, annotationsOf: noneOf },
      signal,
    );
  }
  return pod;
}

/** True for what {@link makeReplica} has made for this call. Members go with their aggregator. */
export function isMadeFor(pod: Pod, seed: string): boolean {
  return pod.metadata.annotations?.[REQUEST_ANNOTATION] === seed;
}

/** The ddp learners to be made for one stored aggregator. */
export interface MembersOrder {
  readonly job: DIJob;
  readonly aggregator: Pod;
  readonly template: PodTemplateSpec;
  readonly parts: LearnerGroup;
  /** Annotations of the ddp learner of that number. */
  readonly annotationsOf: (index: number) => Readonly<Record<string, string>>;
}

function noneOf(): Record<string, string> {
  return {};
}

/** @returns The ddp learners in order of rank. Their names derive from the aggregator's uid. */
export async function makeMembers(
  deps: WriteDeps,
  { job, aggregator, template, parts, annotationsOf }: MembersOrder,
  signal: AbortSignal,
): Promise<Pod[]> {
  const { uid = "" } = aggregator.metadata;
  const make = (index: number, master: string) => {
    const share = sharesOf(parts, master)[index];
    if (share === undefined) throw new RangeError(`no ddp learner ${index}`);
    const podAt = (attempt: number) =>
      buildDdpLearner({
        job,
        aggregator,
        template,
        resources: parts.resources,
        share,
        seed: `${uid}/${index}`,
        attempt,
        serverAddress: deps.serverAddress,
        annotations: annotationsOf(index),
      });
    const isOurs = (pod: Pod) => pod.metadata.ownerReferences?.[0]?.uid === uid;
    return createReplica(deps, { podAt, isOurs }, () => {}, signal);
  };
  // The others are told the first one's name.
  const master = await make(0, "");
  const others = parts.gpus.slice(1).map((_, index) => index + 1);
  const workers = await mapLimited(
    others,
    MEMBERS_AT_ONCE,
    (index) => make(index, master.metadata.name ?? ""),
  );
  return [master, ...workers];
}
