/** A learner with several GPUs: an aggregator, and behind it ddp learners that each fit on a node. */
import { type DIJob, GROUP, MAIN_PORT, replicaName } from "../api/mod.ts";
import type { Pod, PodTemplateSpec } from "../kube/mod.ts";
import {
  buildPod,
  GPU_RESOURCE,
  type GpuShare,
  mainPortOf,
  MASTER_PORT,
  type Resources,
} from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { suffixOf } from "./names.ts";

/** Annotation of an aggregator: what its learner is made of, as JSON. */
const LEARNER_ANNOTATION = `${GROUP}/learner`;
const LAST_PORT = 65_535;

/** What a multi-GPU learner is made of; its aggregator carries it, so that it can be made anew. */
export interface LearnerGroup {
  /** GPUs of each ddp learner, in order of rank. */
  readonly gpus: readonly number[];
  /** Of each ddp learner, without GPUs. */
  readonly resources: Resources;
}

/** @returns The annotation by which {@link groupOf} finds `group` again. */
export function groupAnnotation(group: LearnerGroup): Record<string, string> {
  return { [LEARNER_ANNOTATION]: JSON.stringify(group) };
}

/** What the learner of an aggregator is made of; undefined for one that was not made by a server of ours. */
export function groupOf(aggregator: Pod): LearnerGroup | undefined {
  const text = aggregator.metadata.annotations?.[LEARNER_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isGroup(value) ? value : undefined;
  } catch {
    return undefined; // somebody has edited it
  }
}

function isGroup(value: unknown): value is LearnerGroup {
  if (typeof value !== "object" || value === null) return false;
  const { gpus, resources } = value as Partial<LearnerGroup>;
  return Array.isArray(gpus) && gpus.length > 0 && gpus.every((part) => Number.isInteger(part)) &&
    typeof resources === "object" && resources !== null;
}

/**
 * The share of each ddp learner, in order of rank.
 *
 * @param master Name of the first one's pod.
 */
export function sharesOf({ gpus }: LearnerGroup, master: string): GpuShare[] {
  const worldSize = gpus.reduce((sum, part) => sum + part, 0);
  let startRank = 0;
  return gpus.map((part, index) => {
    const share = {
      worldSize,
      gpus: part,
      startRank,
      master: index === 0 ? undefined : master,
    };
    startRank += part;
    return share;
  });
}

export interface DdpOrder {
  readonly job: DIJob;
  /** As stored: its uid is the owner. */
  readonly aggregator: Pod;
  readonly template: PodTemplateSpec;
  /** Without GPUs: these come from the share. */
  readonly resources: Resources;
  readonly share: GpuShare;
  /** What the name derives from, for doing it twice to make one pod. */
  readonly seed: string;
  /** 0, and one more each time that the name turns out to be a stranger's. */
  readonly attempt: number;
  readonly serverAddress: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One ddp learner. */
export function buildDdpLearner(order: DdpOrder): Pod {
  const { job, aggregator, template, resources, share, serverAddress, annotations } = order;
  return buildPod({
    job,
    type: "ddp-learner",
    name: replicaName(
      job.metadata.name ?? "",
      "ddp-learner",
      suffixOf(order.seed, order.attempt),
    ),
    template,
    serverAddress,
    resources: { ...resources, [GPU_RESOURCE]: String(share.gpus) },
    part: { aggregator, share },
    ...(annotations && { annotations }),
  });
}

/**
 * Passes a learner whose processes all find a port.
 *
 * @param gpus Whole GPUs of the learner: as many ports, from its `di-port` on.
 * @throws {AllocationError} `badRequest`, when they go past the last port or take the one where they meet.
 */
export function requirePorts(job: DIJob, template: PodTemplateSpec, gpus: number): void {
  const first = mainPortOf(template.spec?.containers ?? [], "learner");
  const last = first + gpus - 1;
  const problem = last > LAST_PORT
    ? `the last port is ${LAST_PORT}`
    : first <= MASTER_PORT && MASTER_PORT <= last
    ? `${MASTER_PORT} is where its processes meet`
    : undefined;
  if (problem === undefined) return;
  const { namespace, name } = job.metadata;
  throw new AllocationError(
    "badRequest",
    `a learner of ${gpus} GPUs takes the ports ${first} to ${last}, and ${problem}: ` +
      `give ${MAIN_PORT} another number in spec.learner.template of DIJob ${namespace}/${name}`,
  );
}
