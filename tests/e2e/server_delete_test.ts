/** DELETE of replicas on the wire: which ones go. */
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { PODS } from "../../src/kube/mod.ts";
import {
  AllocationStory,
  podNameOf,
  startTestServer,
  untilReady,
} from "../support/allocation_story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

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
    // Equal ones would wait for each other, so no two are.
    const answers = await Promise.all(
      [1, 2, 3, 4].map((replicas) =>
        story.delete({ collectors: { replicas } }, replicas % 2 === 0 ? second : story.server)
      ),
    );
    const removed = answers.flatMap(({ data }) => (data as { collectors: string[] }).collectors);
    deepStrictEqual([removed.length, new Set(removed).size], [10, 10]);
    strictEqual((await story.namesOf("collector")).length, 2);
  } finally {
    await second.stop();
  }
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
