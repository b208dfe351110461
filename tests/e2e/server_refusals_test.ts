/** What the server refuses, in the envelope. */
import { deepStrictEqual } from "node:assert/strict";
import { API_VERSION } from "../../src/api/mod.ts";
import { PODS } from "../../src/kube/mod.ts";
import { AllocationStory } from "../support/allocation_story.ts";
import { aContainer } from "../support/builders.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const NOTHING = { namespace: "", coordinator: "", collectors: null, learners: null };

Deno.test("what a caller got wrong is told in the envelope", async () => {
  const agconfig = { namespace: "di-system", name: "no-such-config" };
  await using story = await AllocationStory.open(cluster(), { agconfig });
  const { namespace, client } = story;
  const stray = { metadata: { name: "stray", namespace }, spec: { containers: [aContainer()] } };
  await client.create(PODS, stray);
  const uid = "11111111-2222-3333-4444-555555555555";
  const lost = { apiVersion: API_VERSION, kind: "DIJob", controller: true, uid };
  await createOwned(story, "stale", { ...lost, name: "demo" });
  const path = "/v1alpha1/replicas";
  const place = { namespace, coordinator: "demo-coordinator" };
  const rows = [
    ["GET", `${path}?ns=x`, undefined, 400, "request param ns is not supported", null],
    [
      "GET",
      `${path}?namespace=${namespace}&coordinator=ghost`,
      undefined,
      404,
      `pod: ${namespace}/ghost not exists in cache`,
      null,
    ],
    [
      "GET",
      `${path}?namespace=${namespace}&coordinator=../../secrets/x`,
      undefined,
      404,
      `pod: ${namespace}/../../secrets/x not exists in cache`,
      null,
    ],
    [
      "GET",
      `${path}?namespace=${namespace}&coordinator=stray`,
      undefined,
      404,
      "module stray is not owned by any DIJob",
      null,
    ],
    [
      "GET",
      `${path}?namespace=${namespace}&coordinator=stale`,
      undefined,
      404,
      "coordinator stale is owned by stale DIJob",
      null,
    ],
    [
      "GET",
      `${path}?namespace=${namespace}&name=ghost`,
      undefined,
      404,
      `DIJob: ${namespace}/ghost not exists in cache`,
      null,
    ],
    ["PUT", path, {}, 501, "PUT not implemented", null],
    ["GET", `${path}/failed`, undefined, 501, "GET not implemented", null],
    ["POST", path, "", 400, "failed to decode request body: EOF", NOTHING],
    [
      "POST",
      path,
      { ...place, collectors: { replicas: 10_001 } },
      400,
      "failed to decode request body: collectors.replicas must be a whole number from 0 to 10000, found 10001",
      NOTHING,
    ],
    [
      "DELETE",
      path,
      { namespace },
      400,
      "failed to decode request body: coordinator is required",
      NOTHING,
    ],
    [
      "POST",
      path,
      { ...place, learners: { replicas: 1, gpus: "4" } },
      404,
      "AGConfig: di-system/no-such-config not exists in cache",
      { ...place, collectors: null, learners: null },
    ],
    [
      "POST",
      path,
      { ...place, padding: " ".repeat(1024 * 1024) },
      413,
      "request body has more than 1048576 bytes",
      NOTHING,
    ],
  ] as const;
  for (const [method, url, body, status, message, data] of rows) {
    const answer = await story.send(method, url, body);
    deepStrictEqual(
      [answer.status, answer.success, answer.code, answer.message, answer.data],
      [status, false, 1, message, data],
      `${method} ${url}`,
    );
  }
  deepStrictEqual(await story.namesOf("collector"), []);
  await client.patch(PODS, { namespace, name: "stale" }, { metadata: { finalizers: null } });
});

/** Makes a pod that stays although its owner is not there. */
async function createOwned(
  { client, namespace }: AllocationStory,
  name: string,
  owner: { apiVersion: string; kind: string; name: string; uid: string; controller: boolean },
): Promise<void> {
  const finalizers = ["diengine.opendilab.org/kept-by-test"];
  const metadata = { name, namespace, ownerReferences: [owner], finalizers };
  await client.create(PODS, { metadata, spec: { containers: [aContainer()] } });
}
