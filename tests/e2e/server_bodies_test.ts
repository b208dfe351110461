/** How the server reads requests: generously in form, strictly in meaning. */
import { deepStrictEqual } from "node:assert/strict";
import { AllocationStory, startTestServer } from "../support/allocation_story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const PATH = "/v1alpha1/replicas";

Deno.test.each([
  {
    what: "keys in any case",
    body: (namespace: string) => ({
      NameSpace: namespace,
      COORDINATOR: "demo-coordinator",
      Collectors: { Replicas: 1, CPUs: "500m", MEMORY: "1Gi" },
    }),
    cpu: "500m",
  },
  {
    what: "quantities as numbers",
    body: (namespace: string) => ({
      namespace,
      coordinator: "demo-coordinator",
      collectors: { replicas: 1, cpus: 2, memory: 1073741824 },
    }),
    cpu: "2",
  },
  {
    what: "a quantity of zero as the template's",
    body: (namespace: string) => ({
      namespace,
      coordinator: "demo-coordinator",
      collectors: { replicas: 1, cpus: "0", gpus: 0, memory: null },
    }),
    cpu: undefined,
  },
  {
    what: "keys it does not know, and parts that are null",
    body: (namespace: string) => ({
      namespace,
      coordinator: "demo-coordinator",
      collectors: { replicas: 1, cpus: "1", colour: "red" },
      learners: null,
      reason: "none",
    }),
    cpu: "1",
  },
  {
    what: "the first JSON value alone",
    body: (namespace: string) =>
      JSON.stringify({ namespace, coordinator: "demo-coordinator", collectors: { replicas: 1 } }) +
      ' {"collectors":{"replicas":7}}',
    cpu: undefined,
  },
])("a POST is read with $what", async ({ body, cpu }) => {
  await using story = await AllocationStory.open(cluster());
  const { status, success } = await story.send("POST", PATH, body(story.namespace));
  deepStrictEqual([status, success], [200, true]);
  const [name = "", ...others] = await story.namesOf("collector");
  const pod = (await story.pods()).get(name);
  deepStrictEqual(
    [others, pod?.spec?.containers[0]?.resources?.limits?.["cpu"]],
    [[], cpu],
  );
});

Deno.test.each([
  { type: undefined },
  { type: "text/plain" },
  { type: "application/x-www-form-urlencoded" },
])("the content type $type of a request does not matter, and answers are JSON", async (row) => {
  await using story = await AllocationStory.open(cluster());
  const { namespace, server } = story;
  const place = { namespace, coordinator: "demo-coordinator" };
  const send = async (method: string, path: string, body?: unknown) => {
    const request = new Request(`http://server${path}`, {
      method,
      ...(body !== undefined && { body: new TextEncoder().encode(JSON.stringify(body)) }),
      ...(row.type !== undefined && { headers: { "content-type": row.type } }),
    });
    const answer = await server.handle(request);
    return [answer.status, answer.headers.get("content-type"), (await answer.json()).success];
  };
  const query = new URLSearchParams(place);
  deepStrictEqual(
    [
      await send("POST", PATH, { ...place, collectors: { replicas: 1 } }),
      await send("GET", `${PATH}?${query}`),
      await send("DELETE", PATH, { ...place, collectors: { replicas: 1 } }),
      await send("GET", `${PATH}?nonsense=1`),
      await send("PUT", PATH, {}),
    ],
    [
      [200, "application/json", true],
      [200, "application/json", true],
      [200, "application/json", true],
      [400, "application/json", false],
      [501, "application/json", false],
    ],
  );
});

Deno.test("a GET with a body is answered, and query keys match in any case", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.post({ collectors: { replicas: 1 } });
  const path = `${PATH}?NAMESPACE=${story.namespace}&Coordinator=demo-coordinator&namespace=other`;
  const { status, data } = await story.send("GET", path, { anything: true });
  deepStrictEqual([status, data], [200, (await story.get()).data]);
});

Deno.test.each([
  { field: "collectors.replicas", value: -1, must: "a whole number from 0 to 10000" },
  { field: "collectors.replicas", value: 1.5, must: "a whole number from 0 to 10000" },
  { field: "collectors.replicas", value: "2", must: "a whole number from 0 to 10000" },
  { field: "collectors.replicas", value: 10_001, must: "a whole number from 0 to 10000" },
])("a POST with $field $value is refused by name, and makes nothing", async (row) => {
  await using story = await AllocationStory.open(cluster());
  const { status, success, message } = await story.post({ collectors: { replicas: row.value } });
  const found = JSON.stringify(row.value);
  deepStrictEqual([status, success, message, await story.namesOf("collector")], [
    400,
    false,
    `failed to decode request body: ${row.field} must be ${row.must}, found ${found}`,
    [],
  ]);
});

Deno.test("the bound of a call can be set lower, and counts the pods of multi-GPU learners", async () => {
  await using story = await AllocationStory.open(cluster());
  const limits = { maxReplicasPerCall: 3, bodyLimitBytes: 1024 };
  const server = await startTestServer(story.client, { limits });
  try {
    const answers = [
      await story.post({ collectors: { replicas: 4 } }, server),
      await story.post({ learners: { replicas: 2, gpus: 2 } }, server),
      await story.post({ collectors: { replicas: 1 }, padding: " ".repeat(1024) }, server),
    ];
    deepStrictEqual(answers.map(({ status, message }) => [status, message]), [
      [
        400,
        "failed to decode request body: collectors.replicas must be a whole number from 0 to 3, found 4",
      ],
      [400, "2 learners of 2 GPUs come to 4 pods, and one call makes at most 3"],
      [413, "request body has more than 1024 bytes"],
    ]);
    deepStrictEqual(await story.namesOf("collector"), []);
  } finally {
    await server.stop();
  }
});

Deno.test("a request for nothing is answered with empty lists", async () => {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  const data = { namespace, coordinator: "demo-coordinator", collectors: [], learners: [] };
  const answers = [await story.post({}), await story.delete({ collectors: { replicas: 0 } })];
  deepStrictEqual(answers.map((answer) => [answer.status, answer.data]), [[200, data], [
    200,
    data,
  ]]);
});
