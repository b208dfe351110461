import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { PodSpec } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { isWaiting, reasonAgainst, requestsOf } from "./scheduler.ts";

const NODE = {
  name: "laptop",
  labels: { "kubernetes.io/hostname": "laptop" },
  allocatable: { "nvidia.com/gpu": 4 },
};

function podAsking(limits: Record<string, string>, spec: Partial<PodSpec> = {}) {
  return aPod("pong", { spec: { containers: [aContainer({ resources: { limits } })], ...spec } });
}

Deno.test.each([
  { what: "nothing", limits: {}, used: 4, reason: undefined },
  { what: "more cores than there are", limits: { cpu: "1000" }, used: 0, reason: undefined },
  { what: "the last GPU", limits: { "nvidia.com/gpu": "1" }, used: 3, reason: undefined },
  {
    what: "a GPU too many",
    limits: { "nvidia.com/gpu": "2" },
    used: 3,
    reason: "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
  },
  {
    what: "a device that nobody has",
    limits: { "example.com/tpu": "1" },
    used: 0,
    reason: "0/1 nodes are available: 1 Insufficient example.com/tpu.",
  },
])("reasonAgainst() a pod that asks for $what", ({ limits, used, reason }) => {
  strictEqual(reasonAgainst(podAsking(limits), NODE, new Map([["nvidia.com/gpu", used]])), reason);
});

Deno.test("reasonAgainst() a pod for another node", () => {
  const pod = podAsking({}, { nodeSelector: { "kubernetes.io/hostname": "other" } });
  strictEqual(
    reasonAgainst(pod, NODE, new Map()),
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  );
});

Deno.test("requestsOf() counts containers together, or the largest init container", () => {
  const gpus = (count: string) =>
    aContainer({ resources: { limits: { "nvidia.com/gpu": count } } });
  const spec = { containers: [gpus("1"), gpus("2")] };
  deepStrictEqual([...requestsOf(aPod("a", { spec }))], [["nvidia.com/gpu", 3]]);
  const withInit = { ...spec, initContainers: [gpus("5")] };
  deepStrictEqual([...requestsOf(aPod("a", { spec: withInit }))], [["nvidia.com/gpu", 5]]);
});

const PODS: readonly { what: string; spec: Partial<PodSpec>; waits: boolean }[] = [
  { what: "a new pod", spec: {}, waits: true },
  { what: "a pod with a node", spec: { nodeName: "x" }, waits: false },
  { what: "a pod of another scheduler", spec: { schedulerName: "mine" }, waits: false },
  { what: "a gated pod", spec: { schedulingGates: [{ name: "g" }] }, waits: false },
];
Deno.test.each(PODS)("isWaiting() of $what", ({ spec, waits }) => {
  strictEqual(isWaiting(aPod("pong", { spec })), waits);
});

Deno.test("isWaiting() of a pod that is being deleted", () => {
  strictEqual(isWaiting(aPod("pong", { deleting: true })), false);
});
