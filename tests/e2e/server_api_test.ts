/** The allocation API on the wire: one test for each rule that clients rely on. */
import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { API_VERSION, DIJOBS, REPLACES_ANNOTATION } from "../../src/api/mod.ts";
import { controllerOf, PODS } from "../../src/kube/mod.ts";
import { buildJobAggregator } from "../../src/replicas/mod.ts";
import {
  AllocationStory,
  podNameOf,
  startTestServer,
  untilReady,
} from "../support/allocation_story.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { RecordedClient } from "../support/recorded_client.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const NOTHING = { namespace: "", coordinator: "", collectors: null, learners: null };

Deno.test("POST makes pods and services, and GET lists them at once", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  const posted = await story.post({
    collectors: { replicas: 2, cpus: "500m", memory: "1Gi" },
    learners: { replicas: 1, gpus: 1 },
  });
  const { collectors, learners } = posted.data as {
    collectors: string[];
    learners: string[];
  };
  deepStrictEqual([collectors.length, learners.length], [2, 1]);
  for (const address of collectors) {
    match(address, /^demo-collector-[a-z0-9]{5}\.[-a-z0-9]+:22270$/);
  }
  match(learners[0] ?? "", /^demo-learner-[a-z0-9]{5}\.[-a-z0-9]+:22271$/);
  const data = { namespace, coordinator: "demo-coordinator", collectors, learners };
  deepStrictEqual(
    { ...posted, headers: posted.headers.get("content-type") },
    {
      status: 200,
      headers: "application/json",
      success: true,
      code: 0,
      message: "successfully create replicas",
      data,
    },
  );

  const listed = await story.get();
  deepStrictEqual([listed.status, listed.message], [200, "successfully get replicas"]);
  deepStrictEqual(new Set((listed.data as typeof data).collectors), new Set(collectors));
  deepStrictEqual((listed.data as typeof data).learners, learners);

  const job = await story.client.get(DIJOBS, { namespace, name: "demo" });
  const pod = (await story.pods()).get(podNameOf(collectors[0] ?? ""));
  const { kind, apiVersion, uid } = controllerOf(pod ?? { metadata: {} }) ?? {};
  deepStrictEqual({ kind, apiVersion, uid }, {
    kind: "DIJob",
    apiVersion: API_VERSION,
    uid: job.metadata.uid,
  });
  const main = pod?.spec?.containers[0];
  deepStrictEqual(main?.resources, {
    limits: { cpu: "500m", memory: "1Gi" },
    requests: { cpu: "500m", memory: "1Gi" },
  });
  const address = main?.env?.find(({ name }) => name === "KUBERNETES_SERVER_URL")?.value;
  strictEqual(address, "di-server.di-system:8080");
  const service = await story.service(pod?.metadata.name ?? "");
  strictEqual(service?.metadata.ownerReferences?.[0]?.uid, pod?.metadata.uid);
  strictEqual(service?.spec?.selector?.["pod-name"], pod?.metadata.name);
});

Deno.test("GET has four forms and a stable order", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  await story.createJob("second");
  await story.post({ collectors: { replicas: 3 } });
  const one = (await story.get()).data as Record<string, unknown>;
  deepStrictEqual((await story.get({ name: "demo" })).data, one);
  deepStrictEqual((await story.get({ name: "demo", coordinator: "ghost" })).data, one);
  const other = { namespace, coordinator: "second-coordinator", collectors: [], learners: [] };
  // The second coordinator may reach the cache a moment after the first.
  await eventually("both coordinators in the list", async () => {
    const { data } = await story.get({});
    deepStrictEqual(data, [one, other]);
    return true;
  });
  const all = (await story.send("GET", "/v1alpha1/replicas")).data as { namespace: string }[];
  deepStrictEqual(all.filter((set) => set.namespace === namespace), [one, other]);
  deepStrictEqual((await story.send("GET", "/v1alpha1/replicas?namespace=")).data, all);
  deepStrictEqual((await story.get({ namespace: "no-such-namespace" })).data, []);
  const byAggregator = await story.get({ aggregator: "demo-coordinator" });
  deepStrictEqual(byAggregator.data, {
    ...other,
    coordinator: "demo-coordinator",
    collectors: null,
  });
});

Deno.test("the job's own aggregator is no learner, neither to list nor to delete", async () => {
  await using story = await AllocationStory.open(cluster());
  const job = await story.client.get(DIJOBS, { namespace: story.namespace, name: "demo" });
  await story.client.create(PODS, buildJobAggregator(job, aTemplate(), "server:80"));
  await story.post({ learners: { replicas: 1 } });
  strictEqual((await story.lists()).learners.length, 1);
  const { data } = await story.delete({ learners: { replicas: 5 } });
  strictEqual((data as { learners: string[] }).learners.length, 1);
  deepStrictEqual(await story.namesOf("aggregator"), ["demo-aggregator"]);
  const refused = await story.reportFailed({ learners: ["demo-aggregator"] });
  strictEqual(refused.status, 400);
});

Deno.test("DELETE takes failed replicas, then those not ready, and GET shows none of them", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 4 } });
  const { collectors } = await story.lists();
  const [first = "", second = "", third = "", fourth = ""] = collectors.map(podNameOf);
  await story.setPhase(first, "Running");
  await story.setPhase(second, "Failed");
  await story.setPhase(third, "Running", false);
  await story.setPhase(fourth, "Running");
  // The server hears of it by its watch: a replica that counts as failed goes first.
  const server = await startTestServer(story.client);
  try {
    await untilReady(server);
    const answer = await story.delete({ collectors: { replicas: 2 } }, server);
    deepStrictEqual([answer.status, answer.message], [200, "successfully delete replicas"]);
    deepStrictEqual(answer.data, {
      namespace: story.namespace,
      coordinator: "demo-coordinator",
      collectors: [collectors[1], collectors[2]],
      learners: [],
    });
    const query = `namespace=${story.namespace}&coordinator=demo-coordinator`;
    const path = `/v1alpha1/replicas?${query}`;
    const { data } = await story.send("GET", path, undefined, server);
    deepStrictEqual((data as { collectors: string[] }).collectors, [collectors[0], collectors[3]]);
  } finally {
    await server.stop();
  }
  deepStrictEqual(await story.namesOf("collector"), [first, fourth].sort());
});

Deno.test("DELETE of more than there is takes what there is", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 2 }, learners: { replicas: 1 } });
  const { status, data } = await story.delete({
    collectors: { replicas: 9 },
    learners: { replicas: 9 },
  });
  const { collectors, learners } = data as { collectors: string[]; learners: string[] };
  deepStrictEqual([status, collectors.length, learners.length], [200, 2, 1]);
  deepStrictEqual(await story.lists(), {
    namespace: story.namespace,
    coordinator: "demo-coordinator",
    collectors: [],
    learners: [],
  });
});

Deno.test("DELETE leaves a pod its grace period, and GET does not list it meanwhile", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 1 } });
  const [name = ""] = await story.namesOf("collector");
  await bind(story, name);
  strictEqual((await story.delete({ collectors: { replicas: 1 } })).status, 200);
  const pod = (await story.pods()).get(name);
  notStrictEqual(pod?.metadata.deletionTimestamp, undefined);
  strictEqual(pod?.metadata.deletionGracePeriodSeconds, 30);
  deepStrictEqual((await story.lists()).collectors, []);
  const key = { namespace: story.namespace, name };
  await story.client.delete(PODS, key, { gracePeriodSeconds: 0 });
});

Deno.test("two servers never give the same replica back twice", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 12 } });
  const second = await startTestServer(story.client);
  try {
    await untilReady(second);
    const servers = [story.server, second, story.server, second, story.server];
    const answers = await Promise.all(
      servers.map((server) => story.delete({ collectors: { replicas: 2 } }, server)),
    );
    const removed = answers.flatMap(({ data }) => (data as { collectors: string[] }).collectors);
    deepStrictEqual([removed.length, new Set(removed).size], [10, 10]);
    strictEqual((await story.namesOf("collector")).length, 2);
  } finally {
    await second.stop();
  }
});

Deno.test("/failed puts a new pod in place of the old one, once", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 2, cpus: "2" }, learners: { replicas: 1 } });
  const before = await story.lists();
  const [failed = "", healthy = ""] = before.collectors.map(podNameOf);
  const old = (await story.pods()).get(failed);
  const answer = await story.reportFailed({ collectors: [failed, failed], learners: [] });
  deepStrictEqual([answer.status, answer.message], [200, "successfully recreate replicas"]);
  const { collectors, learners } = answer.data as { collectors: string[]; learners: null };
  deepStrictEqual([collectors.length, learners], [1, null]);
  const [name = ""] = collectors.map(podNameOf);
  deepStrictEqual(await story.namesOf("collector"), [healthy, name].sort());
  const pod = (await story.pods()).get(name);
  strictEqual(pod?.metadata.annotations?.[REPLACES_ANNOTATION], old?.metadata.uid);
  deepStrictEqual(pod?.spec?.containers[0]?.resources, old?.spec?.containers[0]?.resources);
  ok(await story.service(name));
  deepStrictEqual(
    (await story.reportFailed({ collectors: [failed] })).data,
    { namespace: story.namespace, coordinator: "demo-coordinator", collectors, learners: null },
  );
  const second = await startTestServer(story.client);
  try {
    deepStrictEqual((await story.reportFailed({ collectors: [failed] }, second)).data, answer.data);
  } finally {
    await second.stop();
  }
  strictEqual((await story.namesOf("collector")).length, 2);
});

Deno.test("/failed touches nothing when one of the names is refused", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.createJob("second");
  await story.post({ collectors: { replicas: 1 } });
  await story.post({ coordinator: "second-coordinator", collectors: { replicas: 1 } });
  const before = await story.namesOf("collector");
  const own = before.find((name) => name.startsWith("demo-")) ?? "";
  const foreign = before.find((name) => name.startsWith("second-")) ?? "";
  const rows = [
    { name: "ghost", status: 404, message: `pod: ${story.namespace}/ghost not exists in cache` },
    {
      name: foreign,
      status: 404,
      message: `pod: ${story.namespace}/${foreign} not exists in cache`,
    },
    {
      name: "demo-coordinator",
      status: 400,
      message:
        `pod ${story.namespace}/demo-coordinator is the coordinator of its job and cannot be replaced`,
    },
  ];
  for (const { name, status, message } of rows) {
    const answer = await story.reportFailed({ collectors: [own], learners: [name] });
    deepStrictEqual(
      [answer.status, answer.success, answer.code, answer.message, answer.data],
      [status, false, 1, message, NOTHING],
    );
  }
  deepStrictEqual(await story.namesOf("collector"), before);
});

Deno.test("a POST that cannot give all takes back what it made", async () => {
  await using story = await AllocationStory.open(cluster());
  const template = aTemplate({ containers: [aContainer({ name: "Not_A_Name" })] });
  await story.createJob("broken", { learner: { template } });
  const answer = await story.post({
    coordinator: "broken-coordinator",
    collectors: { replicas: 3 },
    learners: { replicas: 1 },
  });
  const { namespace } = story;
  const coordinator = "broken-coordinator";
  strictEqual(answer.status, 400);
  match(answer.message, /^created . of 3 collectors and 0 of 1 learners: .*Not_A_Name.*kept$/s);
  deepStrictEqual(answer.data, { namespace, coordinator, collectors: [], learners: [] });
  deepStrictEqual(await story.namesOf("collector"), []);
});

Deno.test("a job without a learner template is refused learners, and nothing else", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  await story.createJob("bare", { learner: undefined });
  const coordinator = "bare-coordinator";
  const refused = await story.post({ coordinator, learners: { replicas: 1 } });
  deepStrictEqual(
    [refused.status, refused.message, refused.data],
    [400, `DIJob ${namespace}/bare has no spec.learner.template`, NOTHING],
  );
  const given = await story.post({ coordinator, collectors: { replicas: 1 } });
  strictEqual(given.status, 200);
});

Deno.test("a finished job gets no new replicas, in an answer that a client survives", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  await story.setJobPhase("demo", "Succeeded");
  await eventually("the server to know", async () => {
    const { status, success, message, headers } = await story.post({ collectors: { replicas: 1 } });
    deepStrictEqual({ status, success, message, wait: headers.get("retry-after") }, {
      status: 200,
      success: false,
      message: `DIJob ${namespace}/demo has finished (Succeeded): it gets no new replicas`,
      wait: "2",
    });
    return true;
  });
  strictEqual((await story.get()).success, true);
});

Deno.test("what a caller got wrong is told in the envelope", async () => {
  await using story = await AllocationStory.open(cluster());
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
      501,
      "multi-GPU learners (gpus: 4) are not implemented yet; at most 1 GPU per learner",
      NOTHING,
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

Deno.test("paths are exact, and the probes answer any method", async () => {
  await using story = await AllocationStory.open(cluster());
  const { url } = story.server;
  for (const path of ["/", "/v1alpha1/replicas/", "/V1alpha1/replicas", "/v1alpha1"]) {
    const response = await fetch(url + path);
    deepStrictEqual([response.status, await response.text()], [404, "404 page not found"], path);
  }
  for (const method of ["GET", "POST", "HEAD"]) {
    const response = await fetch(`${url}/healthz`, { method });
    deepStrictEqual([response.status, await response.text()], [200, ""], method);
  }
  const head = await fetch(`${url}/v1alpha1/replicas`, { method: "HEAD" });
  deepStrictEqual([head.status, await head.text()], [501, ""]);
});

Deno.test("a client that sends as DI-engine does is served", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace, server } = story;
  using client = new RecordedClient({
    server: new URL(server.url).host,
    namespace,
    coordinator: "demo-coordinator",
  });
  const posted = await client.send("POST", "/replicas", {
    namespace,
    coordinator: "demo-coordinator",
    collectors: { replicas: 1, cpus: "1", memory: "1Gi" },
    learners: { replicas: 1, gpus: "0" },
  });
  deepStrictEqual((await client.getReplicas()).data, posted.data);
});

Deno.test("a server answers in full before its caches are filled", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 3 }, learners: { replicas: 1 } });
  const expected = (await story.get()).data;
  const fresh = await startTestServer(story.client);
  try {
    const query = new URLSearchParams({
      namespace: story.namespace,
      coordinator: "demo-coordinator",
    });
    const request = new Request(`http://server/v1alpha1/replicas?${query}`);
    const { data } = await (await fresh.handle(request)).json();
    deepStrictEqual(data, expected);
  } finally {
    await fresh.stop();
  }
});

Deno.test("many calls at once are each given what they asked for", async () => {
  await using story = await AllocationStory.open(cluster());
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => story.post({ collectors: { replicas: 5 } })),
  );
  const given = answers.flatMap(({ data }) => (data as { collectors: string[] }).collectors);
  deepStrictEqual([given.length, new Set(given).size], [40, 40]);
  deepStrictEqual(new Set((await story.lists()).collectors), new Set(given));
  deepStrictEqual(await story.namesOf("collector"), given.map(podNameOf).sort());
});

/** Plays the scheduler: a pod on a node is not gone before its kubelet says so. */
async function bind({ client, namespace }: AllocationStory, name: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
  await client.request("POST", path, {}, {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name },
    target: { apiVersion: "v1", kind: "Node", name: "somewhere" },
  });
}

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
