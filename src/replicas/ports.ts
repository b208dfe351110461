/** Which port a replica is reached by. */
import { MAIN_CONTAINER, MAIN_PORT, type ReplicaType } from "../api/mod.ts";
import type { Container, Pod } from "../kube/mod.ts";

/** Where DI-engine's programs listen when nothing else is said. */
const DEFAULT_PORT: Readonly<Record<ReplicaType, number>> = {
  collector: 22270,
  learner: 22271,
  "ddp-learner": 22271,
  aggregator: 22272,
  coordinator: 22273,
};

/** The port called `di-port` of `di-container`, else the role's default. */
export function mainPortOf(containers: readonly Container[], type: ReplicaType): number {
  const main = containers.find((container) => container.name === MAIN_CONTAINER);
  return main?.ports?.find((port) => port.name === MAIN_PORT)?.containerPort ?? DEFAULT_PORT[type];
}

/**
 * `<pod>.<namespace>:<port>`: how every client gets told of a replica. DI-engine splits it at `:` and
 * cuts the last dotted label to find the pod's name, so the form is fixed.
 */
export function addressOf(pod: Pod, type: ReplicaType): string {
  const { name = "", namespace = "" } = pod.metadata;
  return `${name}.${namespace}:${mainPortOf(pod.spec?.containers ?? [], type)}`;
}
