/** What a job with very many replicas costs jobs that are submitted beside it. */
import { DIJOBS, LABEL } from "../../src/api/mod.ts";
import { PODS } from "../../src/kube/mod.ts";
import { sleep } from "../../src/lib/abort.ts";
import { mapLimited } from "../../src/lib/parallel.ts";
import { aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { startOperatorProcess } from "./processes.ts";
import { type Start, type StartsBeside, Submitter } from "./submitter.ts";

export interface FairnessFigures {
  /** Fresh jobs while nothing else happens. */
  readonly calm: readonly Start[];
  /** Fresh jobs while the operator makes the many. */
  readonly whileMade: StartsBeside;
  /** Fresh jobs while the many turn Running. */
  readonly whileRunning: StartsBeside;
  /** From submit to coordinator of the job with the many, in ms. */
  readonly manyMs: number;
  /** From the first that turns Running until the job's status counts all of them, in ms. */
  readonly countedMs: number;
}

export const MANY_REPLICAS = 5000;
const CALM_JOBS = 20;
const CALM_PAUSE_MS = 250;
/** Pods that turn Running at the same time. */
const AT_ONCE = 16;
/** For the status to follow, in ms. */
const COUNT_LIMIT_MS = 120_000;

/** One operator process, with a job for 5,000 replicas and fresh small ones. */
export async function measureFairness(kubeconfigPath: string): Promise<FairnessFigures> {
  const submitter = await Submitter.open(kubeconfigPath);
  const operator = startOperatorProcess(kubeconfigPath, []);
  try {
    await operator.untilReady();
    await submitter.start(); // The first one warms everything up.
    const calm: Start[] = [];
    for (let count = 0; count < CALM_JOBS; count += 1) {
      calm.push(await submitter.start());
      await sleep(CALM_PAUSE_MS);
    }
    const template = aTemplate();
    const making = submitter.start({ collector: { replicas: MANY_REPLICAS, template } });
    const whileMade = await submitter.startBeside(making);
    const { pod, ms: manyMs } = await making;
    const job = pod.metadata.labels?.[LABEL.job] ?? "";
    const startedAt = performance.now();
    const whileRunning = await submitter.startBeside(runAll(submitter, job));
    return { calm, whileMade, manyMs, whileRunning, countedMs: performance.now() - startedAt };
  } finally {
    await operator.stop();
    await submitter.close();
  }
}

/** Has all collectors of the job run, as their kubelets would, and waits until its status says so. */
async function runAll({ client, namespace }: Submitter, job: string): Promise<void> {
  const { items } = await client.list(PODS, {
    namespace,
    labelSelector: `${LABEL.job}=${job},${LABEL.replicaType}=collector`,
  });
  await mapLimited(items, AT_ONCE, async ({ metadata }) => {
    await client.patch(PODS, { namespace, name: metadata.name ?? "" }, {
      status: { phase: "Running" },
    }, { subresource: "status" });
  });
  await eventually("the status to count all", async () => {
    const { status } = await client.get(DIJOBS, { namespace, name: job });
    return status?.replicaStatus?.["Collector"]?.active === MANY_REPLICAS;
  }, { timeoutMs: COUNT_LIMIT_MS, intervalMs: 250 });
}
