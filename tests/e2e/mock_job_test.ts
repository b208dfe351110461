/** The main story: the sample job from submit to clean-up, and what is left when it is deleted. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { EVENTS } from "../../src/kube/mod.ts";
import { eventually } from "../support/eventually.ts";
import {
  countRoles,
  deleteJob,
  MOCK_JOB_ROLES,
  objectsOf,
  recordPods,
  startParts,
  submitMockJob,
  untilFinished,
} from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

Deno.test("the sample job runs to its end, cleans up, and leaves nothing when it is deleted", async (t) => {
  const { client } = cluster();
  const namespace = await createNamespace(cluster(), "mock-job");
  const parts = await startParts(cluster(), namespace);
  const record = recordPods(cluster(), namespace);

  try {
    const submitted = await submitMockJob(cluster(), namespace);

    await t.step("it ends Succeeded", async () => {
      const job = await untilFinished(cluster(), submitted);
      strictEqual(job.status?.phase, "Succeeded");
      const conditions = job.status?.conditions ?? [];
      deepStrictEqual(conditions.map(({ type, status }) => `${type}=${status}`), [
        "Accepted=True",
        "Created=False",
        "Running=False",
        "Succeeded=True",
      ]);
      deepStrictEqual(job.status?.replicaStatus?.["Coordinator"], { succeeded: 1 });
    });

    await t.step("it had one coordinator, one aggregator and the replicas it asked for", () => {
      deepStrictEqual(countRoles(record), MOCK_JOB_ROLES);
    });

    await t.step("its clean-up leaves the coordinator's pod and no service", async () => {
      await eventually("the clean-up", async () => {
        const left = await objectsOf(cluster(), submitted);
        return left.pods.length === 1 && left.services.length === 0;
      }, { timeoutMs: 60_000 });
      const [coordinator] = (await objectsOf(cluster(), submitted)).pods;
      strictEqual(coordinator?.metadata.name, "dijob-example-1-coordinator");
    });

    await t.step("its log can be read through the API server", async () => {
      const path =
        `/api/v1/namespaces/${namespace}/pods/dijob-example-1-coordinator/log?follow=true`;
      const log = await (await client.stream(path, AbortSignal.timeout(10_000))).text();
      ok(log.includes("send delete and received"), log);
    });

    await t.step("its events tell the story", async () => {
      const { items } = await client.list(EVENTS, {
        namespace,
        fieldSelector: "involvedObject.kind=DIJob",
      });
      const reasons = new Set(items.map(({ reason }) => reason));
      for (
        const reason of ["DIJobCreated", "SuccessfulCreate", "DIJobSucceeded", "SuccessfulDelete"]
      ) {
        ok(reasons.has(reason), `${reason} is missing among ${[...reasons]}`);
      }
    });

    await t.step("nothing is left of it when it is deleted", () => deleteJob(cluster(), submitted));
  } finally {
    await record.stop();
    await parts.stop();
  }
});
