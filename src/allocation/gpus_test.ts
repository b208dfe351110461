import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { commonGpuCount, splitGpus } from "./gpus.ts";

const EIGHTS = [8, 8, 0, 4];
const MIXED = [8, 8, 8, 8, 10, 10, 10, 6, 6, 6];
const TIED = [8, 8, 8, 8, 10, 10, 10, 10, 6, 6, 6];

Deno.test.each([
  { nodes: EIGHTS, common: 8 },
  { nodes: MIXED, common: 8 },
  { nodes: TIED, common: 10 },
  { nodes: [0, 0, 8, 8], common: 8 },
  { nodes: [0, 0, 0, 4], common: 4 },
  { nodes: [1, 2, 4], common: 4 },
  { nodes: [0, 0], common: 0 },
  { nodes: [], common: 0 },
])("commonGpuCount() of nodes with $nodes GPUs is $common", ({ nodes, common }) => {
  strictEqual(commonGpuCount(nodes), common);
});

Deno.test.each([
  { nodes: EIGHTS, gpus: 2, pods: [2] },
  { nodes: EIGHTS, gpus: 8, pods: [8] },
  { nodes: EIGHTS, gpus: 10, pods: [8, 2] },
  { nodes: EIGHTS, gpus: 20, pods: [8, 8, 4] },
  { nodes: MIXED, gpus: 12, pods: [8, 4] },
  { nodes: MIXED, gpus: 16, pods: [8, 8] },
  { nodes: TIED, gpus: 16, pods: [10, 6] },
  { nodes: TIED, gpus: 8, pods: [8] },
  { nodes: [0, 0, 8, 8], gpus: 12, pods: [8, 4] },
  { nodes: [0, 0, 0, 4], gpus: 6, pods: [4, 2] },
  { nodes: [1, 2, 4], gpus: 5, pods: [4, 1] },
  { nodes: [0, 0], gpus: 6, pods: [6] },
])("splitGpus() deals $gpus GPUs on nodes with $nodes out as $pods", ({ nodes, gpus, pods }) => {
  deepStrictEqual(splitGpus("simple", gpus, commonGpuCount(nodes)), pods);
});
