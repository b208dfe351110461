/** Which ports a replica is reached by. */
import {
  GPU_PORT_PREFIX,
  MAIN_CONTAINER,
  MAIN_PORT,
  MASTER_PORT_NAME,
  type ReplicaType,
} from "../api/mod.ts";
import type { Container, Pod } from "../kube/mod.ts";
import { shareOf, sharePorts } from "./gpu_share.ts";

/** Where DI-engine's programs listen when nothing else is said. */
const DEFAULT_PORT: Readonly<Record<ReplicaType, number>> = {
  collector: 22270,
  learner: 22271,
  "ddp-learner": 22271,
  aggregator: 22272,
  coordinator: 22273,
};

/** A port by which others reach a replica. */
export interface PublishedPort {
  readonly name: string;
  readonly port: number;
}

/** The port called `di-port` of `di-container`, else the role's default. */
export function mainPortOf(containers: readonly Container[], type: ReplicaType): number {
  const main = containers.find((container) => container.name === MAIN_CONTAINER);
  return main?.ports?.find((port) => port.name === MAIN_PORT)?.containerPort ?? DEFAULT_PORT[type];
}

/** The ports of a replica's service: `di-port` first, then those of a ddp learner's other GPUs. */
export function publishedPorts(pod: Pod, type: ReplicaType): PublishedPort[] {
  const containers = pod.spec?.containers ?? [];
  const share = type === "ddp-learner" ? shareOf(pod) : undefined;
  const main = containers.find((container) => container.name === MAIN_CONTAINER);
  if (share === undefined || main !== undefined) {
    const others = share === undefined ? [] : main?.ports?.filter(isOfGpus) ?? [];
    return [
      { name: MAIN_PORT, port: mainPortOf(containers, type) },
      ...others.map(({ name = "", containerPort }) => ({ name, port: containerPort })),
    ];
  }
  // Nothing declares them, and they are the same.
  return sharePorts(share, DEFAULT_PORT[type])
    .map(({ name, containerPort }) => ({ name, port: containerPort }));
}

function isOfGpus({ name = "" }: { readonly name?: string }): boolean {
  return name.startsWith(GPU_PORT_PREFIX) || name === MASTER_PORT_NAME;
}

/**
 * `<pod>.<namespace>:<port>`: how every client gets told of a replica. DI-engine splits it at `:` and
 * cuts the last dotted label to find the pod's name, so the form is fixed.
 */
export function addressOf(pod: Pod, type: ReplicaType): string {
  return addressAt(pod, publishedPorts(pod, type)[0]?.port ?? DEFAULT_PORT[type]);
}

/** The addresses of a ddp learner's GPUs, `di-port` first. */
export function gpuAddressesOf(pod: Pod): string[] {
  return publishedPorts(pod, "ddp-learner")
    .filter(({ name }) => name !== MASTER_PORT_NAME)
    .map(({ port }) => addressAt(pod, port));
}

function addressAt({ metadata: { name = "", namespace = "" } }: Pod, port: number): string {
  return `${name}.${namespace}:${port}`;
}
