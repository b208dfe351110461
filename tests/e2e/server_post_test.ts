/** POST of replicas on the wire: all that was asked for, or nothing. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { API_VERSION, DIJOBS } from "../../src/api/mod.ts";
import { controllerOf } from "../../src/kube/mod.ts";
import { AllocationStory, podNameOf } from "../support/allocation_story.ts";
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
