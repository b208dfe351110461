/** How the GPUs of a learner are dealt out over pods that each fit on a node. */

/** Names that `--gpu-alloc-policy` may have. */
export const GPU_ALLOC_POLICIES = ["simple"] as const;
export type GpuAllocPolicy = typeof GPU_ALLOC_POLICIES[number];

/**
 * GPUs on the commonest kind of node.
 *
 * @param nodes GPUs of each node, 0 for one without.
 * @returns The most frequent number, the largest of several; the largest of all where most nodes have
 * none; 0 when no node has any.
 * @see DI-orchestrator v0.2.2, whose rule this is.
 */
export function commonGpuCount(nodes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const gpus of nodes) counts.set(gpus, (counts.get(gpus) ?? 0) + 1);
  const [common = 0] = [...counts].toSorted(([gpusA, a], [gpusB, b]) => b - a || gpusB - gpusA)
    .map(([gpus]) => gpus);
  return common > 0 ? common : nodes.reduce((most, gpus) => Math.max(most, gpus), 0);
}

/**
 * Splits one learner's GPUs over pods.
 *
 * @param gpus Whole GPUs that the learner asks for, 2 or more.
 * @param perNode Whole GPUs on the commonest kind of node; 0 when no node has any.
 * @returns GPUs of each pod, fullest first: `splitGpus("simple", 10, 8)` is `[8, 2]`. One pod takes them
 * all when they fit on a node, and when nothing is known of the nodes.
 */
export function splitGpus(policy: GpuAllocPolicy, gpus: number, perNode: number): number[] {
  return perNode <= 0 || gpus <= perNode ? [gpus] : SPLITS[policy](gpus, perNode);
}

const SPLITS: Readonly<Record<GpuAllocPolicy, (gpus: number, perNode: number) => number[]>> = {
  simple: (gpus, perNode) => {
    const full = Array.from({ length: Math.floor(gpus / perNode) }, () => perNode);
    return gpus % perNode === 0 ? full : [...full, gpus % perNode];
  },
};
