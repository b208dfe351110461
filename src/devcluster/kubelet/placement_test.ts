import { strictEqual } from "node:assert/strict";
import type { Node, PodSpec } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { NodeUse, offerOf, reasonAgainst } from "./placement.ts";

const GPU = "nvidia.com/gpu";
const NODE: Node = {
  metadata: { name: "laptop", labels: { zone: "a", "gpu-count": "4" } },
  status: { allocatable: { cpu: "4", memory: "8Gi", pods: "10", [GPU]: "4" } },
};

/** A pod with one container that asks for these. */
function podAsking(requests: Record<string, string>, spec: Partial<PodSpec> = {}) {
  const containers = [aContainer({ resources: { requests } })];
  return aPod("pong", { spec: { containers, ...spec } });
}

/** What is against a pod on a node where others have taken 1 core, 4 GiB and 3 GPUs. */
function reasonOf(pod: ReturnType<typeof aPod>, node: Node = NODE): string | undefined {
  const used = new NodeUse();
  used.add(podAsking({ cpu: "1", memory: "4Gi", [GPU]: "3" }));
  return reasonAgainst(pod, offerOf(node), used);
}

Deno.test.each([
  { what: "nothing", requests: {}, reason: undefined },
  { what: "all that is left", requests: { cpu: "3", memory: "4Gi", [GPU]: "1" } },
  { what: "a little too much CPU", requests: { cpu: "3001m" }, reason: "1 Insufficient cpu." },
  {
    what: "too much of all",
    requests: { memory: "5Gi", [GPU]: "2", cpu: "3.5" },
    reason: `1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient ${GPU}.`,
  },
  {
    what: "more than the node ever has",
    requests: { cpu: "4500m", memory: "12Gi", [GPU]: "5" },
    reason: `1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient ${GPU}. ` +
      "The pod asks for cpu 4500m, node laptop has 4; --cpus lets it claim more. " +
      "The pod asks for memory 12Gi, node laptop has 8Gi; --memory lets it claim more. " +
      `The pod asks for ${GPU} 5, node laptop has 4; --gpus lets it claim more.`,
  },
  {
    what: "a device that nobody has",
    requests: { "example.com/tpu": "1" },
    reason: "1 Insufficient example.com/tpu.",
  },
])("reasonAgainst() a pod that asks for $what", ({ requests, reason }) => {
  strictEqual(reasonOf(podAsking(requests)), reason && `0/1 nodes are available: ${reason}`);
});

Deno.test("reasonAgainst() a pod on a node that is full", () => {
  const status = { allocatable: { cpu: "4", pods: "1" } };
  strictEqual(
    reasonOf(podAsking({ cpu: "4" }), { ...NODE, status }),
    "0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods.",
  );
});

type Terms = NonNullable<
  NonNullable<
    NonNullable<PodSpec["affinity"]>["nodeAffinity"]
  >["requiredDuringSchedulingIgnoredDuringExecution"]
>["nodeSelectorTerms"];
type Expression = NonNullable<Terms[number]["matchExpressions"]>[number];

function requiring(...nodeSelectorTerms: Terms): Partial<PodSpec> {
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms };
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } };
}

function expression(
  key: string,
  operator: Expression["operator"],
  ...values: string[]
): Expression {
  return { key, operator, values };
}

const SELECTIONS: readonly { what: string; spec: Partial<PodSpec>; fits: boolean }[] = [
  { what: "a label", spec: { nodeSelector: { zone: "a" } }, fits: true },
  { what: "another label", spec: { nodeSelector: { zone: "a", disk: "x" } }, fits: false },
  ...([
    [expression("zone", "In", "b", "a"), true],
    [expression("zone", "In", "b"), false],
    [expression("none", "In", ""), false],
    [expression("zone", "NotIn", "a"), false],
    [expression("none", "NotIn", "a"), true],
    [expression("zone", "Exists"), true],
    [expression("none", "Exists"), false],
    [expression("zone", "DoesNotExist"), false],
    [expression("none", "DoesNotExist"), true],
    [expression("gpu-count", "Gt", "3"), true],
    [expression("gpu-count", "Gt", "4"), false],
    [expression("gpu-count", "Lt", "5"), true],
    [expression("zone", "Lt", "5"), false],
  ] satisfies [Expression, boolean][]).map(([one, fits]) => ({
    what: `${one.key} ${one.operator} ${one.values?.join(",")}`,
    spec: requiring({ matchExpressions: [one] }),
    fits,
  })),
  {
    what: "both of a term",
    spec: requiring({
      matchExpressions: [expression("zone", "Exists"), expression("none", "Exists")],
    }),
    fits: false,
  },
  {
    what: "one of two terms",
    spec: requiring({ matchExpressions: [expression("none", "Exists")] }, {
      matchFields: [expression("metadata.name", "In", "laptop")],
    }),
    fits: true,
  },
  {
    what: "another node",
    spec: requiring({ matchFields: [expression("metadata.name", "In", "other")] }),
    fits: false,
  },
  { what: "an empty term", spec: requiring({}), fits: false },
];

Deno.test.each(SELECTIONS)("reasonAgainst() a pod that requires $what: $fits", ({ spec, fits }) => {
  strictEqual(
    reasonOf(podAsking({}, spec)),
    fits
      ? undefined
      : "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  );
});

const CORDON = "node.kubernetes.io/unschedulable";
const UNTOLERATED = "0/1 nodes are available: 1 node(s) had untolerated taint(s).";
const CORDONED = "0/1 nodes are available: 1 node(s) were unschedulable.";
const TAINT = { key: "team", value: "rl", effect: "NoSchedule" } as const;
const MARKS: readonly {
  what: string;
  node: NonNullable<Node["spec"]>;
  tolerations?: PodSpec["tolerations"];
  reason?: string;
}[] = [
  { what: "a cordon", node: { unschedulable: true }, reason: CORDONED },
  {
    what: "a cordon that a control plane made a taint of",
    node: { unschedulable: true, taints: [{ key: CORDON, effect: "NoSchedule" }] },
    tolerations: [{ key: CORDON, operator: "Exists" }],
  },
  { what: "a taint", node: { taints: [TAINT] }, reason: UNTOLERATED },
  {
    what: "a taint for running pods too",
    node: { taints: [{ ...TAINT, effect: "NoExecute" }] },
    reason: UNTOLERATED,
  },
  { what: "a wish", node: { taints: [{ ...TAINT, effect: "PreferNoSchedule" }] } },
  {
    what: "silence",
    node: { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }] },
  },
  {
    what: "a tolerated taint",
    node: { taints: [TAINT] },
    tolerations: [{ key: "team", operator: "Equal", value: "rl", effect: "NoSchedule" }],
  },
  {
    what: "a taint whose key is tolerated",
    node: { taints: [TAINT] },
    tolerations: [{ key: "team", operator: "Exists" }],
  },
  {
    what: "a taint of another value",
    node: { taints: [TAINT] },
    tolerations: [{ key: "team", value: "cv" }],
    reason: UNTOLERATED,
  },
  {
    what: "a taint of another effect",
    node: { taints: [TAINT] },
    tolerations: [{ key: "team", operator: "Exists", effect: "NoExecute" }],
    reason: UNTOLERATED,
  },
  {
    what: "any taint tolerated",
    node: { taints: [TAINT, { key: "x", effect: "NoExecute" }], unschedulable: true },
    tolerations: [{ operator: "Exists" }],
  },
  {
    what: "one of two taints tolerated",
    node: { taints: [TAINT, { key: "x", effect: "NoExecute" }] },
    tolerations: [{ key: "x", operator: "Exists" }],
    reason: UNTOLERATED,
  },
];

Deno.test.each(MARKS)("reasonAgainst() a pod on a node with $what", (row) => {
  const { node: spec, tolerations, reason } = row;
  const pod = podAsking({}, tolerations === undefined ? {} : { tolerations });
  strictEqual(reasonOf(pod, { ...NODE, spec }), reason);
});

type Port = NonNullable<ReturnType<typeof aContainer>["ports"]>[number];
const TAKEN: Port = { containerPort: 80, hostPort: 8080 };
const PORTS: readonly { what: string; spec: Partial<PodSpec>; port: Port; fits: boolean }[] = [
  { what: "no host port", spec: {}, port: { containerPort: 8080 }, fits: true },
  { what: "the same", spec: {}, port: { containerPort: 1, hostPort: 8080 }, fits: false },
  { what: "another", spec: {}, port: { containerPort: 80, hostPort: 8081 }, fits: true },
  { what: "the same for UDP", spec: {}, port: { ...TAKEN, protocol: "UDP" }, fits: true },
  { what: "the same at one address", spec: {}, port: { ...TAKEN, hostIP: "::1" }, fits: false },
  {
    what: "the host's network",
    spec: { hostNetwork: true },
    port: { containerPort: 8080 },
    fits: false,
  },
];

Deno.test.each(PORTS)("reasonAgainst() a pod with $what beside a host port", (row) => {
  const used = new NodeUse();
  used.add(aPod("one", { spec: { containers: [aContainer({ ports: [TAKEN] })] } }));
  const spec = { containers: [aContainer({ ports: [row.port] })], ...row.spec };
  strictEqual(
    reasonAgainst(aPod("two", { spec }), offerOf(NODE), used),
    row.fits
      ? undefined
      : "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  );
});
