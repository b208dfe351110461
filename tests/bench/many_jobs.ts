/** How fast the operator starts many jobs, beside what the API server can do. */
import { PODS } from "../../src/kube/mod.ts";
import { mapLimited } from "../../src/lib/parallel.ts";
import { aTemplate } from "../support/builders.ts";
import { startOperatorProcess } from "./processes.ts";
import { Submitter } from "./submitter.ts";

export interface ManyJobsFigures {
  /** From the first submission until the last coordinator exists, in ms. */
  readonly allMs: number;
  readonly jobsPerSecond: number;
  /** Pods that the same API server makes in a second for clients that ask for nothing else. */
  readonly podsPerSecond: number;
}

export const JOBS_AT_ONCE = 100;
const PLAIN_PODS = 500;
const CLIENTS = 16;

/** One operator process, and all jobs at once. */
export async function measureManyJobs(kubeconfigPath: string): Promise<ManyJobsFigures> {
  const submitter = await Submitter.open(kubeconfigPath);
  const operator = startOperatorProcess(kubeconfigPath, []);
  try {
    await operator.untilReady();
    await submitter.start(); // The first one warms everything up.
    await createPods(submitter, "warm");
    const podsMs = await timed(() => createPods(submitter, "plain"));
    const jobs = Array.from({ length: JOBS_AT_ONCE });
    const allMs = await timed(() => Promise.all(jobs.map(() => submitter.start())));
    return {
      allMs,
      jobsPerSecond: JOBS_AT_ONCE / allMs * 1000,
      podsPerSecond: PLAIN_PODS / podsMs * 1000,
    };
  } finally {
    await operator.stop();
    await submitter.close();
  }
}

async function createPods({ client, namespace }: Submitter, prefix: string): Promise<void> {
  const { spec } = aTemplate();
  if (spec === undefined) throw new RangeError("A template without a spec");
  const names = Array.from({ length: PLAIN_PODS }, (_, index) => `${prefix}-${index}`);
  await mapLimited(names, CLIENTS, async (name) => {
    await client.create(PODS, { metadata: { name, namespace }, spec });
  });
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}
