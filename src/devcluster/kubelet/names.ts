/** Which address of this machine stands for `<service>.<namespace>:<port>`. No I/O. */
import type { ObjectCache, Pod, Service, ServicePort } from "../../kube/mod.ts";
import { HOST_IP } from "./pod_status.ts";
import { isFinished } from "./records.ts";
import type { PodPorts } from "./ports.ts";

/** Some consecutive ports of a name, and where they are. */
export interface NameEntry {
  readonly port: number;
  readonly host: string;
  readonly hostPort: number;
  readonly size: number;
}

/** By `<service>.<namespace>`; a service that no pod stands behind has no entry in its list. */
export type NameTable = ReadonlyMap<string, readonly NameEntry[]>;

/** What became of a name and port. */
export type Resolution =
  | { readonly kind: "found"; readonly host: string; readonly port: number }
  /** No name of the cluster: somebody else knows it. */
  | { readonly kind: "external" }
  | { readonly kind: "refused"; readonly message: string };

/** The pods and services of the cluster, and what this node knows of them. */
export interface NameFacts {
  readonly services: Iterable<Service>;
  /** With index {@link LABEL_INDEX}. */
  readonly pods: ObjectCache<Pod>;
  /** The ports of a pod on this node, by uid. */
  readonly portsOf: (uid: string) => PodPorts | undefined;
  /** `<service>.<namespace>:<port>` to `host:port`; they go before services. */
  readonly routes: ReadonlyMap<string, string>;
}

/** The name of the index that finds pods by one label; see {@link labelIndex}. */
export const LABEL_INDEX = "label";

/** `namespace/key=value` for every label of a pod. */
export function labelIndex({ metadata }: Pod): string[] {
  return Object.entries(metadata.labels ?? {})
    .map(([key, value]) => labelText(metadata.namespace, key, value));
}

function labelText(namespace: string | undefined, key: string, value: string): string {
  return `${namespace ?? ""}/${key}=${value}`;
}

/** All names as they are now. */
export function buildNames(facts: NameFacts): Map<string, readonly NameEntry[]> {
  const table = new Map<string, readonly NameEntry[]>();
  for (const service of facts.services) {
    const { name, namespace } = service.metadata;
    table.set(`${name}.${namespace}`, entriesOf(service, facts));
  }
  for (const [address, target] of facts.routes) {
    const from = splitAddress(address);
    const to = splitAddress(target);
    const rest = (table.get(from.host) ?? []).filter(({ port }) => port !== from.port);
    const entry = { port: from.port, host: to.host, hostPort: to.port, size: 1 };
    table.set(from.host, [...rest, entry]);
  }
  return table;
}

function entriesOf(service: Service, { pods, portsOf }: NameFacts): NameEntry[] {
  const pod = podBehind(service, pods, portsOf);
  const ports = portsOf(pod?.metadata.uid ?? "");
  if (pod === undefined || ports === undefined) return [];
  // A headless service is the pod's own address: its ports are the pod's, whatever the service says.
  const isHeadless = service.spec?.clusterIP === "None";
  const entries = new Map<number, NameEntry>();
  const add = (port: number, containerPort: number) => {
    const { hostPort, size } = ports.blockAt(containerPort);
    entries.set(port, { port, host: HOST_IP, hostPort, size });
  };
  if (isHeadless) {
    for (const { containerPort } of ports.blocks) add(containerPort, containerPort);
  }
  for (const servicePort of service.spec?.ports ?? []) {
    const { port } = servicePort;
    add(port, isHeadless ? port : targetPortOf(servicePort, pod));
  }
  return [...entries.values()].sort((a, b) => a.port - b.port);
}

/** The pod that answers for a service: a ready one, else one that runs if the service allows it. */
function podBehind(
  { metadata, spec }: Service,
  pods: ObjectCache<Pod>,
  portsOf: NameFacts["portsOf"],
): Pod | undefined {
  const selector = Object.entries(spec?.selector ?? {});
  if (selector.length === 0) return undefined;
  const lists = selector.map(([key, value]) =>
    pods.byIndex(LABEL_INDEX, labelText(metadata.namespace, key, value))
  );
  const shortest = lists.reduce((best, list) => (list.length < best.length ? list : best));
  const candidates = shortest.filter((pod) =>
    selector.every(([key, value]) => pod.metadata.labels?.[key] === value) &&
    !isFinished(pod.status?.phase) && portsOf(pod.metadata.uid ?? "") !== undefined &&
    (isReady(pod) || spec?.publishNotReadyAddresses === true)
  );
  return candidates.sort((a, b) => rankOf(a) - rankOf(b) || (ageText(a) < ageText(b) ? -1 : 1))[0];
}

function rankOf(pod: Pod): number {
  return isReady(pod) ? 0 : pod.metadata.deletionTimestamp === undefined ? 1 : 2;
}

function ageText({ metadata }: Pod): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}

function isReady({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

function targetPortOf({ port, targetPort }: ServicePort, pod: Pod): number {
  if (targetPort === undefined) return port;
  if (/^\d+$/.test(String(targetPort))) return Number(targetPort);
  const ports = pod.spec?.containers.flatMap(({ ports }) => ports ?? []) ?? [];
  return ports.find(({ name }) => name === targetPort)?.containerPort ?? port;
}

/** `<service>.<namespace>` of a name that may have the cluster's suffix; lower case. */
export function plainName(host: string): { readonly name: string; readonly hasSuffix: boolean } {
  const lower = host.toLowerCase().replace(/\.$/, "");
  const name = lower.replace(/\.svc(\.cluster\.local)?$/, "");
  return { name, hasSuffix: name !== lower };
}

/** Finds a name and port. A port shortly after a known one is found when its pod's block reaches so far. */
export function resolveName(
  table: NameTable,
  namespaces: ReadonlySet<string>,
  host: string,
  port: number,
): Resolution {
  const { name, hasSuffix } = plainName(host);
  const entries = table.get(name);
  if (entries === undefined) {
    const [, namespace, ...more] = name.split(".");
    const isOurs = hasSuffix ||
      (namespace !== undefined && more.length === 0 && namespaces.has(namespace));
    return isOurs
      ? { kind: "refused", message: `there is no service "${name}" in this cluster` }
      : { kind: "external" };
  }
  if (entries.length === 0) {
    return { kind: "refused", message: `no running pod stands behind service "${name}"` };
  }
  const entry = entries.findLast((one) => one.port <= port && port < one.port + one.size);
  if (entry === undefined) {
    const known = entries.map((one) => one.port).join(", ");
    return { kind: "refused", message: `service "${name}" has no port ${port}, only ${known}` };
  }
  return { kind: "found", host: entry.host, port: entry.hostPort + port - entry.port };
}

/** `host:port` in two; the port of a text without one is NaN. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  const host = at === -1 ? text : text.slice(0, at);
  const port = at === -1 ? NaN : Number(text.slice(at + 1) || NaN);
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}
