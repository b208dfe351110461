/** What takes the place of failed replicas. */
import { type DIJob, GROUP, MAIN_CONTAINER, REPLACES_ANNOTATION, replicaName } from "../api/mod.ts";
import { controllerOf, type Pod, type PodTemplateSpec } from "../kube/mod.ts";
import {
  buildPod,
  type GpuShare,
  isMaster,
  isOfType,
  replicaTypeOf,
  type Resources,
  shareOf,
} from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { buildDdpLearner, groupAnnotation, groupOf, type LearnerGroup } from "./learner_group.ts";
import { suffixOf } from "./names.ts";
import { type RequestedType, templateOf } from "./plan_add.ts";
import { byAge, isJobAggregator } from "./replica_sets.ts";

/** Annotation of a replacement: the name of the pod it replaces, for repeats after that one is gone. */
export const REPLACES_NAME_ANNOTATION = `${GROUP}/replaces-name`;

/** One thing to do about reported replicas. */
export type Replacement =
  | { readonly kind: "replica"; readonly old: Pod; readonly type: RequestedType }
  /** ddp learners of one aggregator, in order of rank; where the master is among them, all there are. */
  | {
    readonly kind: "members";
    readonly aggregator: Pod;
    readonly olds: readonly Member[];
    /** Name of the master where that one stays. */
    readonly master: string | undefined;
  }
  /** An aggregator, and its ddp learners along with it. */
  | {
    readonly kind: "group";
    readonly old: Pod;
    readonly members: readonly Member[];
    /** GPUs of the whole learner. */
    readonly gpus: number;
    /** Of each ddp learner, without GPUs. */
    readonly resources: Resources;
  };

/** A ddp learner and its share. */
export interface Member {
  readonly pod: Pod;
  readonly share: GpuShare;
}

/**
 * What to do about the reported pods, each thing once.
 *
 * - A learner's aggregator brings all its ddp learners along.
 * - The master of a split learner has the others know its name: they are replaced with it.
 *
 * @param reported Pods of the job.
 * @param pods All pods of the job.
 * @throws {AllocationError} `badRequest` for the coordinator, the job's own aggregator, roles that the
 * job has no template for, and ddp learners without an aggregator or a share of the GPUs.
 */
export function planReplace(
  job: DIJob,
  reported: readonly Pod[],
  pods: readonly Pod[],
): Replacement[] {
  const plan: Replacement[] = [];
  /** uids of aggregators whose whole group goes. */
  const going = new Set<string | undefined>();
  const members = new Map<string, { readonly aggregator: Pod; readonly olds: Pod[] }>();
  for (const old of reported) {
    const type = requireReplaceable(job, old);
    if (type === "ddp-learner") {
      const aggregator = requireAggregator(old, pods);
      const { uid = "" } = aggregator.metadata;
      const group = members.get(uid) ?? { aggregator, olds: [] };
      group.olds.push(old);
      members.set(uid, group);
    } else if (type === "aggregator") {
      going.add(old.metadata.uid);
      plan.push(planGroup(old, membersOf(old, pods)));
    } else plan.push({ kind: "replica", old, type });
  }
  for (const [uid, { aggregator, olds }] of members) {
    if (!going.has(uid)) plan.push(planMembers(aggregator, olds, pods));
  }
  return plan;
}

function requireReplaceable(job: DIJob, pod: Pod): RequestedType | "aggregator" | "ddp-learner" {
  const type = replicaTypeOf(pod);
  if (type === "coordinator" || isJobAggregator(job, pod)) {
    const role = type === "coordinator" ? "coordinator" : "aggregator";
    throw refusal(pod, `is the ${role} of its job and cannot be replaced`);
  }
  templateOf(job, type === "collector" ? "collector" : "learner");
  return type;
}

function requireAggregator(pod: Pod, pods: readonly Pod[]): Pod {
  const uid = controllerOf(pod)?.uid;
  const aggregator = pods.find((other) => other.metadata.uid === uid);
  if (aggregator !== undefined && isOfType(aggregator, "aggregator")) return aggregator;
  throw refusal(pod, "has no aggregator and cannot be replaced");
}

function planGroup(old: Pod, members: readonly Member[]): Replacement {
  const known = groupOf(old);
  const [first] = members;
  const gpus = known?.gpus.reduce((sum, part) => sum + part, 0) ?? first?.share.worldSize;
  if (gpus === undefined) throw refusal(old, "does not say how many GPUs its learner has");
  const resources = known?.resources ?? (first === undefined ? {} : limitsOf(first.pod));
  return { kind: "group", old, members, gpus, resources };
}

function planMembers(
  aggregator: Pod,
  olds: readonly Pod[],
  pods: readonly Pod[],
): Replacement {
  const all = membersOf(aggregator, pods);
  const uids = new Set(olds.map(({ metadata }) => metadata.uid));
  const chosen = olds.some(isMaster) ? all : all.filter(({ pod }) => uids.has(pod.metadata.uid));
  for (const old of olds) {
    if (chosen.some(({ pod }) => pod.metadata.uid === old.metadata.uid)) continue;
    throw refusal(old, "does not say which share of its learner's GPUs it has");
  }
  const first = firstOf(all);
  const goes = first !== undefined && chosen.includes(first);
  const master = first?.pod.metadata.name ?? chosen[0]?.share.master;
  return { kind: "members", aggregator, olds: chosen, master: goes ? undefined : master };
}

/** The first pod of a split learner; of two the one in whose place the other was made. */
export function firstOf(members: readonly Member[]): Member | undefined {
  const firsts = members.filter(({ share }) => share.master === undefined);
  return firsts.find(({ pod }) =>
    !firsts.some((other) => isReplacementOf(pod, other.pod.metadata.uid ?? ""))
  );
}

/** The ddp learners of an aggregator in order of rank, the older first of two that have the same. */
function membersOf(aggregator: Pod, pods: readonly Pod[]): Member[] {
  const members = pods.toSorted(byAge).flatMap((pod): Member[] => {
    const share = isOfType(pod, "ddp-learner") ? shareOf(pod) : undefined;
    return share === undefined || controllerOf(pod)?.uid !== aggregator.metadata.uid
      ? []
      : [{ pod, share }];
  });
  return members.toSorted((a, b) => a.share.startRank - b.share.startRank);
}

/** How replacements are built. */
export interface ReplaceParts {
  readonly serverAddress: string;
  /** 0, and one more each time that the name turns out to be a stranger's. */
  readonly attempt: number;
}

/**
 * The pod made in place of a collector or a learner of one pod: from the job's template as it is now,
 * with the resources that `old` had. Its name derives from the uid of `old`, so that doing this twice
 * makes one pod.
 */
export function buildReplacement(
  job: DIJob,
  old: Pod,
  type: RequestedType,
  { serverAddress, attempt }: ReplaceParts,
): Pod {
  const pod = buildPod({
    job,
    type,
    name: nameInPlaceOf(job, old, type, attempt),
    template: templateOf(job, type),
    serverAddress,
    annotations: replacesAnnotations(old),
  });
  return withResourcesOf(pod, old);
}

/** The aggregator made in place of `old`. Its ddp learners follow once it is stored. */
export function buildReplacementAggregator(
  job: DIJob,
  old: Pod,
  template: PodTemplateSpec,
  group: LearnerGroup,
  { serverAddress, attempt }: ReplaceParts,
): Pod {
  return buildPod({
    job,
    type: "aggregator",
    name: nameInPlaceOf(job, old, "aggregator", attempt),
    template,
    serverAddress,
    annotations: { ...replacesAnnotations(old), ...groupAnnotation(group) },
  });
}

/**
 * The ddp learner made in place of one.
 *
 * @param master Name of the learner's first pod as it is now; undefined for that pod itself.
 */
export function buildReplacementMember(
  job: DIJob,
  { pod: old, share }: Member,
  aggregator: Pod,
  master: string | undefined,
  parts: ReplaceParts,
): Pod {
  const pod = buildDdpLearner({
    job,
    aggregator,
    template: templateOf(job, "learner"),
    resources: {},
    share: { ...share, master },
    seed: old.metadata.uid ?? "",
    annotations: replacesAnnotations(old),
    ...parts,
  });
  return withResourcesOf(pod, old);
}

/** The annotations by which a repeat finds what stands in the place of `old`. */
export function replacesAnnotations({ metadata: { name = "", uid = "" } }: Pod) {
  return { [REPLACES_ANNOTATION]: uid, [REPLACES_NAME_ANNOTATION]: name };
}

/** True when `pod` was made in place of the pod with this uid. */
export function isReplacementOf(pod: Pod, uid: string): boolean {
  return pod.metadata.annotations?.[REPLACES_ANNOTATION] === uid;
}

function nameInPlaceOf(
  job: DIJob,
  { metadata: { uid = "" } }: Pod,
  type: RequestedType | "aggregator",
  attempt: number,
): string {
  return replicaName(job.metadata.name ?? "", type, suffixOf(uid, attempt));
}

function refusal({ metadata }: Pod, what: string): AllocationError {
  return new AllocationError("badRequest", `pod ${metadata.namespace}/${metadata.name} ${what}`);
}

function limitsOf(pod: Pod): Resources {
  const { limits = {} } = mainResourcesOf(pod) ?? {};
  const { cpu, memory } = limits as Resources;
  return { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
}

function mainResourcesOf({ spec }: Pod) {
  return spec?.containers.find(({ name }) => name === MAIN_CONTAINER)?.resources;
}

/** Limits and requests may differ in a template, so each is taken over as it was. */
function withResourcesOf(pod: Pod, old: Pod): Pod {
  const resources = mainResourcesOf(old);
  if (resources === undefined || pod.spec === undefined) return pod;
  const containers = pod.spec.containers.map((container) =>
    container.name === MAIN_CONTAINER ? { ...container, resources } : container
  );
  return { ...pod, spec: { ...pod.spec, containers } };
}
