/**
 * The operator's crash table: at each single write of a job's life the operator is killed, or its
 * connection cut, before or after the write. Whatever happens, the same objects are left.
 *
 * `FAULT_SAMPLE=n` runs n rows spread over the table instead of all.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type DIJob, DIJOBS } from "../../src/api/mod.ts";
import { type Pod, PODS, readKubeconfig, SERVICES } from "../../src/kube/mod.ts";
import { eventually } from "../support/eventually.ts";
import { type Fault, startFaultProxy } from "../support/fault_proxy.ts";
import { RestartedProgram } from "../support/restarted_program.ts";
import { isGone, keyOfJob, objectsOf, submitMockJob } from "../support/story.ts";
import { createNamespace, type TestCluster, useTestCluster } from "../support/test_cluster.ts";
import { crashRows, sample } from "./crash_rows.ts";

const cluster = useTestCluster();

function startOperator(kubeconfig: string): RestartedProgram {
  return new RestartedProgram([
    "operator",
    `--kubeconfig=${kubeconfig}`,
    "--health-probe-bind-address=0",
    "--metrics-bind-address=0",
  ]);
}

/** What a job's life comes to: everything but times, uids and versions. */
interface Outcome {
  readonly phase: string | undefined;
  readonly conditions: readonly string[];
  readonly replicaStatus: unknown;
  readonly pods: readonly string[];
  readonly services: readonly string[];
}

interface Life {
  readonly outcome: Outcome;
  readonly writes: number;
}

/** A job's whole life, the node's part played by the test; write number `at` suffers `fault`. */
async function live(test: TestCluster, at: number, fault: Fault): Promise<Life> {
  const { client } = test;
  const namespace = await createNamespace(test, "crash");
  const proxy = startFaultProxy(readKubeconfig(test.kubeconfigPath));
  const kubeconfig = await Deno.makeTempFile();
  await Deno.writeTextFile(kubeconfig, proxy.kubeconfig);
  const job = await submitMockJob(test, namespace);
  const operator = startOperator(kubeconfig);
  proxy.arm(at, fault, () => operator.kill());
  try {
    const names = ["dijob-example-1-aggregator", "dijob-example-1-coordinator"];
    for (const name of names) {
      await eventually(`pod ${name}`, () => exists(client.get(PODS, { namespace, name })));
      await eventually(`service ${name}`, () => exists(client.get(SERVICES, { namespace, name })));
    }
    for (const name of names) await setPhase(test, { namespace, name }, "Running");
    await untilPhase(test, job, "Running");
    await client.delete(SERVICES, { namespace, name: names[0] ?? "" });
    await eventually(
      "the service is back",
      () => exists(client.get(SERVICES, { namespace, name: names[0] ?? "" })),
    );
    await setPhase(test, { namespace, name: names[1] ?? "" }, "Succeeded");
    await untilPhase(test, job, "Succeeded");
    await eventually("the clean-up", async () => {
      const { pods, services } = await objectsOf(test, job);
      return pods.length === 1 && services.length === 0;
    }, { timeoutMs: 60_000 });
    const writes = proxy.writes.length;
    // Finished stays finished, also for an operator that has only just started.
    await client.delete(PODS, { namespace, name: names[1] ?? "" });
    operator.kill();
    const fence = await submitMockJob(test, namespace, (other) => ({
      ...other,
      metadata: { ...other.metadata, name: "fence" },
    }));
    await eventually(
      "the next job's coordinator",
      () => exists(client.get(PODS, { namespace, name: "fence-coordinator" })),
    );
    await client.delete(DIJOBS, keyOfJob(fence));
    strictEqual(proxy.struck(), at !== Infinity);
    return { outcome: await outcomeOf(test, job), writes };
  } finally {
    await operator.stop();
    await proxy.stop();
    await Deno.remove(kubeconfig);
    await client.delete(DIJOBS, keyOfJob(job));
    await eventually("the end of the job", () => isGone(client.get(DIJOBS, keyOfJob(job))));
  }
}

async function exists(read: Promise<unknown>): Promise<boolean> {
  return !(await isGone(read));
}

async function setPhase(
  { client }: TestCluster,
  key: { namespace: string; name: string },
  phase: "Running" | "Succeeded",
): Promise<void> {
  await client.patch(PODS, key, { status: { phase } }, { subresource: "status" });
}

async function untilPhase({ client }: TestCluster, job: DIJob, phase: string): Promise<void> {
  await eventually(
    `phase ${phase}`,
    async () => (await client.get(DIJOBS, keyOfJob(job))).status?.phase === phase,
  );
}

async function outcomeOf(test: TestCluster, submitted: DIJob): Promise<Outcome> {
  const job = await test.client.get(DIJOBS, keyOfJob(submitted));
  const { pods, services } = await objectsOf(test, submitted);
  return {
    phase: job.status?.phase,
    conditions: (job.status?.conditions ?? [])
      // A write that failed and was done later leaves word of it; that is not part of the outcome.
      .filter(({ type }) => type !== "Progressing")
      .map(({ type, status }) => `${type}=${status}`)
      .sort(), // a list by type: its order tells when each was first said
    replicaStatus: job.status?.replicaStatus,
    pods: pods.map(({ metadata }: Pod) => metadata.name ?? "").sort(),
    services,
  };
}

Deno.test("a job's life comes to the same whatever befalls the operator at any write", async (t) => {
  const clean = await live(cluster(), Infinity, "cutBefore");
  deepStrictEqual(clean.outcome, {
    phase: "Succeeded",
    conditions: ["Accepted=True", "Created=False", "Running=False", "Succeeded=True"],
    replicaStatus: {
      Aggregator: { succeeded: 1 },
      Collector: {},
      Coordinator: { succeeded: 1 },
      Learner: {},
      DDPLearner: {},
    },
    pods: [],
    services: [],
  });
  for (const { fault, at } of sample(crashRows(clean.writes))) {
    await t.step(`${fault} at write ${at} of ${clean.writes}`, async () => {
      deepStrictEqual((await live(cluster(), at, fault)).outcome, clean.outcome);
    });
  }
});
