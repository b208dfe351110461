/** The columns of built-in kinds, by storage key. */
import { type ApiObject, isObject, listOf, objectOf, objectsOf, stringOf } from "../json.ts";
import { ageOf } from "./age.ts";
import { podGates, podReady, podRestarts, podStatus } from "./pod_cells.ts";
import type { Column } from "./table.ts";

type Cell = Column["cell"];
const text = (name: string, cell: Cell): Column => ({ name, type: "string", cell });
const wide = (name: string, cell: Cell): Column => ({ name, type: "string", priority: 1, cell });
const integer = (name: string, cell: Cell): Column => ({ name, type: "integer", cell });

const NAME: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace.",
  cell: ({ metadata }) => metadata.name ?? "",
};
const AGE = text("Age", ({ metadata }, nowMs) => ageOf(metadata.creationTimestamp, nowMs));
const CREATED: Column = {
  name: "Created At",
  type: "date",
  cell: ({ metadata }) => metadata.creationTimestamp ?? "",
};

const spec = ({ spec }: ApiObject) => objectOf(spec);
const status = ({ status }: ApiObject) => objectOf(status);
const orNone = (value: unknown) => stringOf(value) || "<none>";
const countOf = (value: unknown) =>
  Array.isArray(value) ? value.length : Object.keys(objectOf(value)).length;

/** `a=b,c in (d)`; `<none>` when it is empty. */
function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions, ...plain } = objectOf(selector);
  const labels = isObject(matchLabels) || matchExpressions !== undefined ? matchLabels : plain;
  const parts = Object.entries(objectOf(labels)).sort().map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values } of objectsOf(matchExpressions)) {
    const list = `(${listOf(values).toSorted().join(",")})`;
    if (operator === "Exists") parts.push(String(key));
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator === "In" ? "in" : "notin"} ${list}`);
  }
  return parts.length === 0 ? "<none>" : parts.join(",");
}

function servicePorts(service: ApiObject): string {
  const ports = objectsOf(spec(service).ports).map(({ port, nodePort, protocol }) =>
    `${port}${nodePort ? `:${nodePort}` : ""}/${protocol}`
  );
  return ports.length === 0 ? "<none>" : ports.join(",");
}
function externalAddress(service: ApiObject): string {
  const { type, externalName, externalIPs } = spec(service);
  if (type === "ExternalName") return stringOf(externalName);
  if (type === "LoadBalancer") {
    const ingress = objectsOf(objectOf(status(service).loadBalancer).ingress);
    return ingress.map(({ ip, hostname }) => ip ?? hostname).join(",") || "<pending>";
  }
  return listOf(externalIPs).join(",") || "<none>";
}

function nodeStatus(node: ApiObject): string {
  const ready = objectsOf(status(node).conditions).find(({ type }) => type === "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (spec(node).unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}
const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";
function nodeRoles({ metadata }: ApiObject): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return key.slice(ROLE_PREFIX.length);
    return key === ROLE_LABEL && value !== "" ? value : [];
  }).sort();
  return roles.join(",") || "<none>";
}
function nodeAddress(node: ApiObject, wanted: string): string {
  const found = objectsOf(status(node).addresses).find(({ type }) => type === wanted);
  return orNone(found?.address);
}
const nodeInfo = (node: ApiObject, key: string) =>
  stringOf(objectOf(status(node).nodeInfo)[key]) || "<unknown>";

function nodeKernel(node: ApiObject): string {
  const kernel = nodeInfo(node, "kernelVersion");
  const architecture = stringOf(objectOf(status(node).nodeInfo).architecture);
  return architecture === "" ? kernel : `${kernel} (${architecture})`;
}

function eventSource({ source, reportingComponent, reportingInstance }: ApiObject): string {
  const { component, host } = objectOf(source);
  const name = stringOf(component) || stringOf(reportingComponent);
  return [name, stringOf(host) || stringOf(reportingInstance)]
    .filter((part) => part !== "").join(", ");
}
function eventObject({ involvedObject }: ApiObject): string {
  const { kind, name } = objectOf(involvedObject);
  return [stringOf(kind).toLowerCase(), stringOf(name)].filter((part) => part !== "").join("/");
}
function lastSeen(event: ApiObject): unknown {
  const series = objectOf(event.series).lastObservedTime;
  return series ?? event.lastTimestamp ?? firstSeen(event);
}
const firstSeen = (event: ApiObject) => event.firstTimestamp ?? event.eventTime;

function endpointsText({ subsets }: ApiObject): string {
  const pairs = objectsOf(subsets).flatMap(({ addresses, ports }) =>
    objectsOf(addresses).flatMap(({ ip }) => objectsOf(ports).map(({ port }) => `${ip}:${port}`))
  );
  if (pairs.length === 0) return "<none>";
  return pairs.slice(0, 3).join(",") + (pairs.length > 3 ? ` + ${pairs.length - 3} more...` : "");
}

/** `NAME: USED/LIMIT` of the limits that are of the column. */
function quotaText(quota: ApiObject, isShown: (name: string) => boolean): string {
  const { hard, used } = status(quota);
  return Object.entries(objectOf(hard)).filter(([name]) => isShown(name)).sort()
    .map(([name, limit]) => `${name}: ${objectOf(used)[name] ?? 0}/${limit}`).join(", ");
}

const subjects = (kind: string): Cell => (binding) =>
  objectsOf(binding.subjects).filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => namespace === undefined ? name : `${namespace}/${name}`)
    .join(", ");
const containers = (field: string): Cell => (deployment) =>
  objectsOf(objectOf(objectOf(spec(deployment).template).spec).containers)
    .map((container) => container[field]).join(",");

const BINDING: readonly Column[] = [
  NAME,
  text("Role", ({ roleRef }) => `${objectOf(roleRef).kind}/${objectOf(roleRef).name}`),
  AGE,
  wide("Users", subjects("User")),
  wide("Groups", subjects("Group")),
  wide("ServiceAccounts", subjects("ServiceAccount")),
];
const WEBHOOKS: readonly Column[] = [
  NAME,
  integer("Webhooks", ({ webhooks }) => countOf(webhooks)),
  AGE,
];

export const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/pods": [
    NAME,
    text("Ready", podReady),
    text("Status", podStatus),
    text("Restarts", podRestarts),
    AGE,
    wide("IP", (pod) => orNone(status(pod).podIP)),
    wide("Node", (pod) => orNone(spec(pod).nodeName)),
    wide("Nominated Node", (pod) => orNone(status(pod).nominatedNodeName)),
    wide("Readiness Gates", podGates),
  ],
  "/services": [
    NAME,
    text("Type", (service) => spec(service).type),
    text("Cluster-IP", (service) => orNone(spec(service).clusterIP)),
    text("External-IP", externalAddress),
    text("Port(s)", servicePorts),
    AGE,
    wide("Selector", (service) => selectorText(spec(service).selector)),
  ],
  "/namespaces": [NAME, text("Status", (namespace) => status(namespace).phase), AGE],
  "/nodes": [
    NAME,
    text("Status", nodeStatus),
    text("Roles", nodeRoles),
    AGE,
    text("Version", (node) => stringOf(objectOf(status(node).nodeInfo).kubeletVersion)),
    wide("Internal-IP", (node) => nodeAddress(node, "InternalIP")),
    wide("External-IP", (node) => nodeAddress(node, "ExternalIP")),
    wide("OS-Image", (node) => nodeInfo(node, "osImage")),
    wide("Kernel-Version", nodeKernel),
    wide("Container-Runtime", (node) => nodeInfo(node, "containerRuntimeVersion")),
  ],
  "/events": [
    text("Last Seen", (event, nowMs) => ageOf(lastSeen(event), nowMs)),
    text("Type", (event) => event.type ?? ""),
    text("Reason", (event) => event.reason ?? ""),
    text("Object", eventObject),
    wide("Subobject", (event) => stringOf(objectOf(event.involvedObject).fieldPath)),
    wide("Source", eventSource),
    text("Message", (event) => stringOf(event.message).trim()),
    wide("First Seen", (event, nowMs) => ageOf(firstSeen(event), nowMs)),
    wide("Count", (event) => objectOf(event.series).count ?? event.count ?? 1),
    { ...NAME, priority: 1 },
  ],
  "/configmaps": [
    NAME,
    text("Data", ({ data, binaryData }) => countOf(data) + countOf(binaryData)),
    AGE,
  ],
  "/secrets": [
    NAME,
    text("Type", ({ type }) => type),
    text("Data", ({ data }) => countOf(data)),
    AGE,
  ],
  "/endpoints": [NAME, text("Endpoints", endpointsText), AGE],
  "/persistentvolumeclaims": [
    NAME,
    text("Status", (claim) => stringOf(status(claim).phase)),
    text("Volume", (claim) => stringOf(spec(claim).volumeName)),
    text("Capacity", (claim) => stringOf(objectOf(status(claim).capacity).storage)),
    text("Access Modes", (claim) => listOf(status(claim).accessModes).join(",")),
    text("StorageClass", (claim) => stringOf(spec(claim).storageClassName)),
    text(
      "VolumeAttributesClass",
      (claim) => stringOf(spec(claim).volumeAttributesClassName) || "<unset>",
    ),
    AGE,
    wide("VolumeMode", (claim) => spec(claim).volumeMode),
  ],
  "/resourcequotas": [
    NAME,
    text("Request", (quota) => quotaText(quota, (name) => !name.startsWith("limits."))),
    text("Limit", (quota) => quotaText(quota, (name) => name.startsWith("limits."))),
    AGE,
  ],
  "coordination.k8s.io/leases": [
    NAME,
    text("Holder", (lease) => stringOf(spec(lease).holderIdentity)),
    AGE,
  ],
  "apps/deployments": [
    NAME,
    text("Ready", (d) => `${status(d).readyReplicas ?? 0}/${spec(d).replicas ?? 0}`),
    text("Up-to-date", (d) => status(d).updatedReplicas ?? 0),
    text("Available", (d) => status(d).availableReplicas ?? 0),
    AGE,
    wide("Containers", containers("name")),
    wide("Images", containers("image")),
    wide("Selector", (d) => selectorText(spec(d).selector)),
  ],
  "apiextensions.k8s.io/customresourcedefinitions": [NAME, CREATED],
  "rbac.authorization.k8s.io/roles": [NAME, CREATED],
  "rbac.authorization.k8s.io/clusterroles": [NAME, CREATED],
  "rbac.authorization.k8s.io/rolebindings": BINDING,
  "rbac.authorization.k8s.io/clusterrolebindings": BINDING,
  "policy/poddisruptionbudgets": [
    NAME,
    text("Min Available", (budget) => String(spec(budget).minAvailable ?? "N/A")),
    text("Max Unavailable", (budget) => String(spec(budget).maxUnavailable ?? "N/A")),
    integer("Allowed Disruptions", (budget) => status(budget).disruptionsAllowed ?? 0),
    AGE,
  ],
  "networking.k8s.io/networkpolicies": [
    NAME,
    text("Pod-Selector", (policy) => selectorText(spec(policy).podSelector)),
    AGE,
  ],
  "scheduling.k8s.io/priorityclasses": [
    NAME,
    integer("Value", ({ value }) => value ?? 0),
    { name: "Global-Default", type: "boolean", cell: (c) => c.globalDefault === true },
    AGE,
    text("PreemptionPolicy", ({ preemptionPolicy }) => preemptionPolicy),
  ],
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": WEBHOOKS,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": WEBHOOKS,
};
