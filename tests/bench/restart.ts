/** What a restart of the operator costs on a cluster with many jobs. */
import { DIJOBS } from "../../src/api/mod.ts";
import { PODS, SERVICES } from "../../src/kube/mod.ts";
import { sleep } from "../../src/lib/abort.ts";
import { mapLimited } from "../../src/lib/parallel.ts";
import { aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { copyDeno, proportionalMb, startOperatorProcess } from "./processes.ts";
import { Submitter } from "./submitter.ts";

export interface RestartFigures {
  /** From the start of the process until its caches are filled, in ms. */
  readonly readyMs: number;
  /** Requests that may change something, in the time after. */
  readonly writes: number;
  /** Proportional set size after that, in MB. */
  readonly memoryMb: number;
}

export const JOBS = 1000;
/** Of each job, its coordinator included. */
export const PODS_PER_JOB = 10;
/** Time in which nothing must be written, in ms. */
export const QUIET_MS = 15_000;
const AT_ONCE = 16;
/** For all jobs to be made and to run, in ms. */
const SET_UP_LIMIT_MS = 600_000;

/** Has one operator process make the jobs, and starts another one in its place. */
export async function measureRestart(kubeconfigPath: string): Promise<RestartFigures> {
  const submitter = await Submitter.open(kubeconfigPath);
  const deno = await copyDeno();
  let operator = startOperatorProcess(kubeconfigPath, [], deno.path);
  try {
    await operator.untilReady();
    await startJobs(submitter);
    await operator.stop();
    operator = startOperatorProcess(kubeconfigPath, [], deno.path);
    const readyMs = await operator.untilReady();
    await sleep(QUIET_MS);
    const passes = await operator.metric("controller_runtime_reconcile_total{");
    if (passes < JOBS) throw new Error(`Only ${passes} passes over ${JOBS} jobs`);
    const writes = await operator.metric(
      "rest_client_requests_total{",
      (line) => !line.includes('method="GET"'),
    );
    return { readyMs, writes, memoryMb: proportionalMb(operator.pid) };
  } finally {
    await operator.stop();
    await deno.remove();
    await submitter.close();
  }
}

/** All jobs with their pods and services, in phase Running, and nothing more to do for them. */
async function startJobs(submitter: Submitter): Promise<void> {
  const { client, namespace } = submitter;
  const jobs = Array.from({ length: JOBS });
  await mapLimited(jobs, AT_ONCE, async () => {
    const collector = { replicas: PODS_PER_JOB - 1, template: aTemplate() };
    const { pod } = await submitter.start({ collector });
    await client.patch(PODS, { namespace, name: pod.metadata.name ?? "" }, {
      status: { phase: "Running" },
    }, { subresource: "status" });
  });
  await eventually("all jobs to run", async () => {
    const { items } = await client.list(DIJOBS, { namespace });
    return items.every(({ status }) => status?.phase === "Running");
  }, { timeoutMs: SET_UP_LIMIT_MS, intervalMs: 1000 });
  for (const { plural } of [PODS, SERVICES]) {
    await eventually(`all ${plural}`, async () => {
      const path = `/api/v1/namespaces/${namespace}/${plural}?limit=1`;
      const { metadata } = await client.request<PageOfAny>("GET", path, {});
      return 1 + (metadata.remainingItemCount ?? 0) === JOBS * PODS_PER_JOB;
    }, { timeoutMs: SET_UP_LIMIT_MS, intervalMs: 1000 });
  }
}

interface PageOfAny {
  readonly metadata: { readonly remainingItemCount?: number };
}
