/** GET of replicas on the wire: its forms and order, and the paths beside it. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { DIJOBS } from "../../src/api/mod.ts";
import { PODS } from "../../src/kube/mod.ts";
import { buildJobAggregator } from "../../src/replicas/mod.ts";
import { AllocationStory, startTestServer } from "../support/allocation_story.ts";
import { aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

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
