/** POST of failed replicas on the wire. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { REPLACES_ANNOTATION } from "../../src/api/mod.ts";
import { AllocationStory, podNameOf, startTestServer } from "../support/allocation_story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const NOTHING = { namespace: "", coordinator: "", collectors: null, learners: null };

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
