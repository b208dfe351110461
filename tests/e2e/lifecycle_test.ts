/** What a DIJob's spec says of its life, on a cluster with an operator and a node. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type DIJob, DIJOBS, type DIJobSpec } from "../../src/api/mod.ts";
import { EVENTS, isNotFound, PODS } from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { startOperator } from "../../src/operator/mod.ts";
import { AGGREGATOR_CONFIG_KEY } from "../support/aggregator_config.ts";
import { eventually } from "../support/eventually.ts";
import { shellJob } from "../support/shell_job.ts";
import { SERVER_ADDRESS, startNode } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const PROMPT = { initialMs: 100, maxMs: 100, factor: 1, jitter: 0 };
const WAIT = { timeoutMs: 30_000 };

/** One job, with an operator and a node that see to it. */
class Life implements AsyncDisposable {
  readonly #stop: () => Promise<void>;

  private constructor(readonly job: DIJob, stop: () => Promise<void>) {
    this.#stop = stop;
  }

  static async begin(script: string, spec: Partial<DIJobSpec>): Promise<Life> {
    const { client } = cluster();
    const operator = startOperator({
      client,
      serverAddress: SERVER_ADDRESS,
      aggregatorConfig: { ...AGGREGATOR_CONFIG_KEY, name: "none" },
      workers: 4,
      restartBackoff: PROMPT,
      log: loggerOf("operator"),
    });
    const namespace = await createNamespace(cluster(), "life");
    const node = await startNode(cluster(), `node-${namespace}`, "127.0.0.1:1");
    const plain = shellJob("life", script, namespace);
    const job = await client.create(DIJOBS, { ...plain, spec: { ...plain.spec, ...spec } });
    return new Life(job, async () => {
      await node.stop();
      await operator.stop();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  get key() {
    const { namespace = "", name = "" } = this.job.metadata;
    return { namespace, name };
  }

  /** Waits until `check` of the job's status holds. */
  async until(what: string, check: (job: DIJob) => boolean): Promise<DIJob> {
    return await eventually(what, async () => {
      const job = await cluster().client.get(DIJOBS, this.key);
      return check(job) && job;
    }, WAIT);
  }

  async change(spec: Partial<DIJobSpec>): Promise<void> {
    await cluster().client.patch(DIJOBS, this.key, { spec });
  }

  async podNames(): Promise<string[]> {
    const { items } = await cluster().client.list(PODS, { namespace: this.key.namespace });
    return items.map(({ metadata }) => metadata.name ?? "");
  }

  async reasons(): Promise<string[]> {
    const { items } = await cluster().client.list(EVENTS, { namespace: this.key.namespace });
    return items.filter(({ involvedObject }) => involvedObject.kind === "DIJob")
      .map(({ reason = "" }) => reason);
  }
}

function conditionOf({ status }: DIJob, wanted: string) {
  const { status: is, reason, message } = status?.conditions?.find(({ type }) => type === wanted) ??
    {};
  return [is, reason, message];
}

Deno.test("a failed coordinator starts again, and at the limit the job fails", async () => {
  await using life = await Life.begin("exit 3", { backoffLimit: 2 });
  const job = await life.until("its end", ({ status }) => status?.phase === "Failed");
  strictEqual(job.status?.restarts, 2);
  deepStrictEqual(conditionOf(job, "Failed"), [
    "True",
    "BackoffLimitExceeded",
    "DIJob life failed because coordinator failed: di-container exited with 3 (Error)",
  ]);
  strictEqual(job.status.observedGeneration, job.metadata.generation);
  const { startTime = "", completionTime = "" } = job.status;
  strictEqual(startTime <= completionTime, true);
  await eventually("the events", async () => {
    const restarts = (await life.reasons()).filter((reason) => reason === "CoordinatorFailed");
    return restarts.length === 2;
  });
});

Deno.test("a coordinator that succeeds at its second try ends the job well", async () => {
  const mark = await Deno.makeTempFile();
  const script = `echo try >>${mark}; [ $(wc -l <${mark}) -gt 1 ]`;
  await using life = await Life.begin(script, { backoffLimit: 5 });
  const job = await life.until("its end", ({ status }) => status?.phase === "Succeeded");
  deepStrictEqual([job.status?.restarts, await Deno.readTextFile(mark)], [1, "try\ntry\n"]);
  await Deno.remove(mark);
});

Deno.test("a suspended job has no pods, keeps its place, and goes on later", async () => {
  await using life = await Life.begin("sleep 1000", {});
  const first = await life.until("its start", ({ status }) => status?.phase === "Running");
  await life.change({ suspend: true });
  const still = await life.until("its rest", ({ status }) => status?.phase === "Suspended");
  deepStrictEqual(conditionOf(still, "Suspended").slice(0, 2), ["True", "DIJobSuspended"]);
  deepStrictEqual([still.status?.startTime, first.metadata.uid], [undefined, still.metadata.uid]);
  await eventually("the end of its pods", async () => (await life.podNames()).length === 0, WAIT);
  await life.change({ suspend: false });
  const again = await life.until("its start", ({ status }) => status?.phase === "Running");
  deepStrictEqual(conditionOf(again, "Suspended")[0], "False");
  deepStrictEqual(await life.podNames(), ["life-coordinator"]);
});

Deno.test("a job that is active for too long fails, and nothing of it runs on", async () => {
  await using life = await Life.begin("sleep 1000", {
    activeDeadlineSeconds: 1,
    cleanPodPolicy: "None",
  });
  const job = await life.until("its end", ({ status }) => status?.phase === "Failed");
  deepStrictEqual(conditionOf(job, "Failed"), [
    "True",
    "DeadlineExceeded",
    "DIJob life failed because it was active for longer than 1 s",
  ]);
  await eventually("the end of its pods", async () => (await life.podNames()).length === 0, WAIT);
});

Deno.test("a finished job goes when its time is over, and all of it", async () => {
  await using life = await Life.begin("exit 0", {
    ttlSecondsAfterFinished: 1,
    cleanPodPolicy: "None",
  });
  await eventually("its end", async () => {
    try {
      await cluster().client.get(DIJOBS, life.key);
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }, WAIT);
  await eventually("the end of its pods", async () => (await life.podNames()).length === 0, WAIT);
});

Deno.test("a job of another controller is left alone, and its manager cannot be changed", async () => {
  const managedBy = "kueue.x-k8s.io/multikueue";
  await using life = await Life.begin("exit 0", { managedBy });
  // A job that came later and is done shows that this one was looked at.
  const { client } = cluster();
  const { namespace } = life.key;
  await client.create(DIJOBS, shellJob("later", "exit 0", namespace));
  await eventually("the other job", async () => {
    const { status } = await client.get(DIJOBS, { namespace, name: "later" });
    return status?.phase === "Succeeded";
  }, WAIT);
  const job = await client.get(DIJOBS, life.key);
  deepStrictEqual([job.status, await life.podNames()], [undefined, ["later-coordinator"]]);
  const refusals = await Promise.all(
    ["other.io/controller", null].map((name) =>
      client.patch(DIJOBS, life.key, { spec: { managedBy: name } }).then(
        () => "taken",
        (error) => String(error.message).replace(/^.* is invalid: /, ""),
      )
    ),
  );
  deepStrictEqual(refusals.map((text) => text.includes("spec.managedBy is immutable")), [
    true,
    true,
  ]);
});
