/** The part that one pod has of a learner with several GPUs. */
import {
  DDP_ROLE_LABEL,
  GPU_PORT_PREFIX,
  MAIN_CONTAINER,
  MAIN_PORT,
  MASTER_PORT_NAME,
} from "../api/mod.ts";
import type { Container, EnvVar, Pod } from "../kube/mod.ts";

/** Which of a learner's GPUs a ddp learner has, and where it finds the first. */
export interface GpuShare {
  /** GPUs of the whole learner. */
  readonly worldSize: number;
  /** GPUs of this pod. */
  readonly gpus: number;
  /** GPUs of the pods before it: the rank of its first process. */
  readonly startRank: number;
  /** Name of the first pod; undefined for that pod itself. */
  readonly master?: string | undefined;
}

/** Where the processes of a learner meet, on the first of its pods. As in DI-orchestrator v0.1.0. */
export const MASTER_PORT = 10314;

const SHARE_VARIABLES = new Set(["WORLD_SIZE", "LOCAL_WORLD_SIZE", "START_RANK", "MASTER_ADDR"]);

/** The variables that PyTorch's launcher and DI-engine read, in a fixed order. */
export function environmentOf({ worldSize, gpus, startRank, master }: GpuShare): EnvVar[] {
  return [
    { name: "WORLD_SIZE", value: String(worldSize) },
    { name: "LOCAL_WORLD_SIZE", value: String(gpus) },
    { name: "START_RANK", value: String(startRank) },
    { name: "MASTER_ADDR", value: master ?? "localhost" },
    { name: "MASTER_PORT", value: String(MASTER_PORT) },
  ];
}

/** The label that tells the pods of a split learner apart; none on a learner of one pod. */
export function shareLabelsOf(share: GpuShare): Record<string, string> {
  if (share.gpus >= share.worldSize) return {};
  const role = share.master === undefined ? "ddp-learner-master" : "ddp-learner-worker";
  return { [DDP_ROLE_LABEL]: role };
}

/** True for the first pod of a split learner: the others come to it. */
export function isMaster(pod: Pod): boolean {
  return pod.metadata.labels?.[DDP_ROLE_LABEL] === "ddp-learner-master";
}

/** The share that a ddp learner was made with; undefined for a pod without one. */
export function shareOf(pod: Pod): GpuShare | undefined {
  const worldSize = numberIn(pod, "WORLD_SIZE");
  const gpus = numberIn(pod, "LOCAL_WORLD_SIZE");
  const startRank = numberIn(pod, "START_RANK");
  if (worldSize === undefined || gpus === undefined || startRank === undefined) return undefined;
  const address = variableOf(pod, "MASTER_ADDR");
  return { worldSize, gpus, startRank, master: address === "localhost" ? undefined : address };
}

/** The variables that {@link shareOf} reads: what a cache must keep of a container's. */
export function isShareVariable({ name }: EnvVar): boolean {
  return SHARE_VARIABLES.has(name);
}

/**
 * The ports of a ddp learner: DI-engine's process of rank r listens on the learner's port + r, so the
 * first of this pod on `base` + its start rank.
 *
 * @param base The learner's own port, which `LEARNER_PORT` says in each of its pods.
 * @see DI-engine v0.5.3 `ding/worker/learner/comm/flask_fs_learner.py`.
 */
export function sharePorts(share: GpuShare, base: number): NamedPort[] {
  const first = base + share.startRank;
  const others = Array.from({ length: Math.max(share.gpus - 1, 0) }, (_, index) => ({
    name: `${GPU_PORT_PREFIX}${index + 1}`,
    containerPort: first + index + 1,
  }));
  const meetsHere = share.master === undefined && share.gpus < share.worldSize;
  return [
    { name: MAIN_PORT, containerPort: first },
    ...others,
    ...(meetsHere ? [{ name: MASTER_PORT_NAME, containerPort: MASTER_PORT }] : []),
  ];
}

type NamedPort = Required<Pick<NonNullable<Container["ports"]>[number], "name" | "containerPort">>;

function numberIn(pod: Pod, name: string): number | undefined {
  const text = variableOf(pod, name);
  return text === undefined || !/^\d{1,9}$/.test(text) ? undefined : Number(text);
}

/** Of several with a name the last counts, as in Kubernetes. */
function variableOf({ spec }: Pod, name: string): string | undefined {
  const main = spec?.containers.find((container) => container.name === MAIN_CONTAINER) ??
    spec?.containers[0];
  return main?.env?.findLast((variable) => variable.name === name)?.value;
}
