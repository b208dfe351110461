import { deepStrictEqual } from "node:assert/strict";
import { aTemplate } from "../../tests/support/builders.ts";
import type { Node, PodSpec } from "../kube/mod.ts";
import { offeredGpus } from "./nodes.ts";

const READY = [{ type: "Ready", status: "True" }];

function aNode(spec: Node["spec"] = {}, status: Node["status"] = {}): Node {
  const allocatable = { "nvidia.com/gpu": "8" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n" },
    spec,
    status: { allocatable, conditions: READY, ...status },
  };
}

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];

function tainted(effect: Taint["effect"], value?: string): Node {
  return aNode({ taints: [{ key: "dedicated", effect, ...(value !== undefined && { value }) }] });
}

Deno.test.each<{ node: string; of: Node; offers: number[] }>([
  { node: "that is ready", of: aNode(), offers: [8] },
  { node: "without GPUs", of: aNode({}, { allocatable: { cpu: "4" } }), offers: [0] },
  { node: "without a status", of: { ...aNode(), status: {} }, offers: [] },
  {
    node: "that is not ready",
    of: aNode({}, { conditions: [{ type: "Ready", status: "Unknown" }] }),
    offers: [],
  },
  { node: "that is cordoned", of: aNode({ unschedulable: true }), offers: [] },
  { node: "tainted with NoSchedule", of: tainted("NoSchedule"), offers: [] },
  { node: "tainted with NoExecute", of: tainted("NoExecute"), offers: [] },
  { node: "tainted with PreferNoSchedule", of: tainted("PreferNoSchedule"), offers: [8] },
])("offeredGpus() of a node $node are $offers", ({ of, offers }) => {
  deepStrictEqual(offeredGpus([of], aTemplate()), offers);
});

Deno.test.each<{ toleration: NonNullable<PodSpec["tolerations"]>[number]; offers: number[] }>([
  { toleration: { operator: "Exists" }, offers: [8] },
  { toleration: { key: "dedicated", operator: "Exists" }, offers: [8] },
  { toleration: { key: "dedicated", operator: "Equal", value: "rl" }, offers: [8] },
  { toleration: { key: "dedicated", value: "rl", effect: "NoSchedule" }, offers: [8] },
  { toleration: { key: "dedicated", value: "rl", effect: "NoExecute" }, offers: [] },
  { toleration: { key: "dedicated", value: "web" }, offers: [] },
  { toleration: { key: "other", operator: "Exists" }, offers: [] },
])("offeredGpus() of a tainted node for a template with $toleration are $offers", (row) => {
  const template = aTemplate({ spec: { tolerations: [row.toleration] } });
  deepStrictEqual(offeredGpus([tainted("NoSchedule", "rl")], template), row.offers);
});
