/** What this machine says of itself as a Node. */
import { isDeepStrictEqual } from "node:util";
import type { Node } from "../../kube/mod.ts";
import { timeText } from "./container_status.ts";
import { HOST_IP } from "./pod_status.ts";

export type NodeStatus = NonNullable<Node["status"]>;
type NodeCondition = NonNullable<NodeStatus["conditions"]>[number];

/** What a node says of itself. */
export interface NodeFacts {
  readonly name: string;
  /** Where the kubelet answers for logs. */
  readonly kubeletPort: number;
  /** PEM of the authority that signed the kubelet's certificate. */
  readonly caPem: string | undefined;
  /** How much it has for pods, as quantities by resource. */
  readonly resources: Readonly<Record<string, string>>;
  readonly info: NodeInfo;
}

export type NodeInfo = Pick<
  NonNullable<NodeStatus["nodeInfo"]>,
  "architecture" | "bootID" | "kernelVersion" | "machineID" | "operatingSystem" | "osImage"
>;

/** The annotation that tells an API server of ours whom to trust: base64 of a PEM certificate. */
const CA_ANNOTATION = "kubelet.di-orchestrator/ca";
/** A status that says nothing new is written again after this time, as a kubelet does. */
const REPORT_MS = 5 * 60_000;

/** The node as it is registered. */
export function buildNode({ name, caPem, info }: NodeFacts): Node {
  return {
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": info.operatingSystem,
        "kubernetes.io/arch": info.architecture,
      },
      annotations: caPem === undefined ? {} : { [CA_ANNOTATION]: btoa(caPem) },
    },
    spec: {},
  };
}

/** Labels and annotations that the held node lacks; undefined when it lacks nothing. */
export function metadataPatch(
  { metadata: { labels = {}, annotations = {} } }: Node,
  facts: NodeFacts,
): { readonly metadata: Pick<Node["metadata"], "labels" | "annotations"> } | undefined {
  const { metadata: { labels: ourLabels = {}, annotations: ourAnnotations = {} } } = buildNode(
    facts,
  );
  const lacks = (held: Readonly<Record<string, string>>, all: Readonly<Record<string, string>>) =>
    Object.entries(all).some(([key, value]) => held[key] !== value);
  return lacks(labels, ourLabels) || lacks(annotations, ourAnnotations)
    ? { metadata: { labels: ourLabels, annotations: ourAnnotations } }
    : undefined;
}

/** From 1.36 on kube-apiserver hands WebSockets to nodes that say this, and speaks SPDY to others. */
const DECLARED_FEATURES = ["ExtendWebSocketsToKubelet"];

/** The whole status of a node that runs pods; conditions of others are kept. */
export function buildNodeStatus(facts: NodeFacts, held: Node, nowMs: number): NodeStatus {
  return {
    ...held.status,
    capacity: { ...facts.resources },
    allocatable: { ...facts.resources },
    addresses: [
      { type: "InternalIP", address: HOST_IP },
      { type: "Hostname", address: facts.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } },
    declaredFeatures: DECLARED_FEATURES,
    conditions: withReady(held, nowMs, {
      status: "True",
      reason: "KubeletReady",
      message: "processes can be run",
    }),
    nodeInfo: {
      ...facts.info,
      containerRuntimeVersion: "process://1",
      kubeProxyVersion: "",
      kubeletVersion: "v1.36.0-di-orchestrator",
      systemUUID: "",
    },
  };
}

/** The conditions of a node whose kubelet ends. */
export function stoppedConditions(held: Node, nowMs: number): NodeCondition[] {
  return withReady(held, nowMs, {
    status: "False",
    reason: "KubeletNotReady",
    message: "node is shutting down",
  });
}

function withReady(
  { status }: Node,
  nowMs: number,
  ready: Pick<NodeCondition, "status" | "reason" | "message">,
): NodeCondition[] {
  const held = status?.conditions ?? [];
  const before = held.find(({ type }) => type === "Ready");
  const since = before?.status === ready.status ? before.lastTransitionTime : undefined;
  const condition = {
    type: "Ready",
    ...ready,
    lastHeartbeatTime: timeText(nowMs),
    lastTransitionTime: since ?? timeText(nowMs),
  };
  return [...held.filter(({ type }) => type !== "Ready"), condition];
}

/** Whether a status is worth a write: it says something new, or the last one is old. */
export function isNews(wanted: NodeStatus, held: NodeStatus | undefined, nowMs: number): boolean {
  const readyOf = (status: NodeStatus | undefined) =>
    status?.conditions?.find(({ type }) => type === "Ready");
  const before = readyOf(held);
  const age = nowMs - (Date.parse(before?.lastHeartbeatTime ?? "") || 0);
  return age >= REPORT_MS || before?.status !== readyOf(wanted)?.status ||
    OWN_FIELDS.some((field) => !isDeepStrictEqual(wanted[field], held?.[field]));
}

const OWN_FIELDS = ["capacity", "allocatable", "addresses", "daemonEndpoints", "nodeInfo"] as const;
