/** Learners with several GPUs on the wire: an aggregator each, with ddp learners behind it. */
import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  controllerOf,
  isNotFound,
  NODES,
  type Pod,
  PODS,
  type Service,
} from "../../src/kube/mod.ts";
import { putAggregatorConfig } from "../support/aggregator_config.ts";
import { AllocationStory, podNameOf } from "../support/allocation_story.ts";
import { aContainer, anAggregatorConfig, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { type TestCluster, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const VARIABLES = [
  "LEARNER_PORT",
  "WORLD_SIZE",
  "LOCAL_WORLD_SIZE",
  "START_RANK",
  "MASTER_ADDR",
  "MASTER_PORT",
];

/** The cluster's AggregatorConfig, and nodes with so many GPUs. */
async function prepare({ client }: TestCluster, gpus: readonly number[]): Promise<void> {
  const template = aTemplate({ containers: [aContainer({ image: "aggregator" })] });
  await putAggregatorConfig(client, anAggregatorConfig("OnDemand", template));
  for (const [index, count] of gpus.entries()) {
    const key = { namespace: "", name: `gpu-node-${index}` };
    await client.delete(NODES, key).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    await client.create(NODES, { metadata: { name: key.name } });
    const allocatable = { "nvidia.com/gpu": String(count) };
    const conditions = [{ type: "Ready", status: "True" }];
    await client.patch(NODES, key, { status: { allocatable, conditions } }, {
      subresource: "status",
    });
    await client.patch(NODES, key, { spec: { taints: null } });
  }
}

async function open(): Promise<AllocationStory> {
  await prepare(cluster(), [8, 8]);
  const story = await AllocationStory.open(cluster());
  await eventually("the server to know the nodes", async () => {
    const { data } = await story.post({ learners: { replicas: 1, gpus: 16 } });
    const [aggregator = ""] = (data as { learners: string[] }).learners;
    const behind = await membersOf(story, podNameOf(aggregator));
    await story.delete({ learners: { replicas: 1 } });
    return behind.length === 2;
  });
  return story;
}

async function membersOf(story: AllocationStory, aggregator: string): Promise<Pod[]> {
  const pods = [...(await story.pods()).values()];
  const ranked = pods.filter((pod) => controllerOf(pod)?.name === aggregator)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((pod) => ({ pod, rank: Number(variablesOf(pod)["START_RANK"]) }));
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ pod }) => pod);
}

function variablesOf(pod: Pod): Record<string, string | undefined> {
  const env = pod.spec?.containers[0]?.env ?? [];
  return Object.fromEntries(
    VARIABLES.map((name) => [name, env.findLast((variable) => variable.name === name)?.value]),
  );
}

function portsOf(service: Service | undefined): string[] {
  return (service?.spec?.ports ?? []).map(({ name, port }) => `${name} ${port}`);
}

async function addLearner(story: AllocationStory, gpus: number | string): Promise<string> {
  const answer = await story.post({
    learners: { replicas: 1, gpus, cpus: "250m", memory: "64Mi" },
  });
  deepStrictEqual([answer.status, answer.message], [200, "successfully create replicas"]);
  const [address = ""] = (answer.data as { learners: string[] }).learners;
  return address;
}

Deno.test("a learner that fits on a node is an aggregator and one ddp learner", async () => {
  await using story = await open();
  const address = await addLearner(story, "1500m");
  match(address, /^demo-aggregator-[a-z0-9]{5}\.[-a-z0-9]+:22272$/);
  const aggregator = podNameOf(address);
  const members = await membersOf(story, aggregator);
  strictEqual(members.length, 1);
  const [member] = members;
  const name = member?.metadata.name ?? "";
  deepStrictEqual(variablesOf(member as Pod), {
    LEARNER_PORT: "22271",
    WORLD_SIZE: "2",
    LOCAL_WORLD_SIZE: "2",
    START_RANK: "0",
    MASTER_ADDR: "localhost",
    MASTER_PORT: "10314",
  });
  deepStrictEqual(member?.spec?.containers[0]?.resources?.limits, {
    cpu: "250m",
    memory: "64Mi",
    "nvidia.com/gpu": "2",
  });
  strictEqual(member?.metadata.labels?.["ddp-learner-type"], undefined);
  deepStrictEqual(portsOf(await story.service(name)), ["di-port 22271", "gpu-port-1 22272"]);
  deepStrictEqual(portsOf(await story.service(aggregator)), ["di-port 22272"]);
  deepStrictEqual((await story.lists()).learners, [address]);
  const { data } = await story.get({ aggregator });
  const { namespace } = story;
  deepStrictEqual(data, {
    namespace,
    coordinator: aggregator,
    collectors: null,
    learners: [`${name}.${namespace}:22271`, `${name}.${namespace}:22272`],
  });
});

Deno.test("a learner that fits on no node is split, and its ports follow the ranks", async () => {
  await using story = await open();
  const aggregator = podNameOf(await addLearner(story, 10));
  const [master, worker] = await membersOf(story, aggregator) as [Pod, Pod];
  const masterName = master.metadata.name ?? "";
  deepStrictEqual([variablesOf(master), variablesOf(worker)], [{
    LEARNER_PORT: "22271",
    WORLD_SIZE: "10",
    LOCAL_WORLD_SIZE: "8",
    START_RANK: "0",
    MASTER_ADDR: "localhost",
    MASTER_PORT: "10314",
  }, {
    LEARNER_PORT: "22271",
    WORLD_SIZE: "10",
    LOCAL_WORLD_SIZE: "2",
    START_RANK: "8",
    MASTER_ADDR: masterName,
    MASTER_PORT: "10314",
  }]);
  deepStrictEqual(
    [master, worker].map(({ metadata }) => metadata.labels?.["ddp-learner-type"]),
    ["ddp-learner-master", "ddp-learner-worker"],
  );
  const others = [1, 2, 3, 4, 5, 6, 7].map((rank) => `gpu-port-${rank} ${22271 + rank}`);
  deepStrictEqual(portsOf(await story.service(masterName)), [
    "di-port 22271",
    ...others,
    "master-port 10314",
  ]);
  deepStrictEqual(portsOf(await story.service(worker.metadata.name ?? "")), [
    "di-port 22279",
    "gpu-port-1 22280",
  ]);
  const { data } = await story.get({ aggregator });
  const ports = (data as { learners: string[] }).learners.map((address) => address.split(":")[1]);
  deepStrictEqual(
    new Set(ports),
    new Set(Array.from({ length: 10 }, (_, rank) => String(22271 + rank))),
  );
});

Deno.test("DELETE counts a learner with several GPUs as one, and takes all of it", async () => {
  await using story = await open();
  const { data } = await story.post({ learners: { replicas: 1 } });
  const [plain = ""] = (data as { learners: string[] }).learners;
  await addLearner(story, 2);
  await addLearner(story, 2);
  await story.setPhase(podNameOf(plain), "Running");
  const gone = await story.delete({ learners: { replicas: 2 } });
  strictEqual((gone.data as { learners: string[] }).learners.length, 2);
  deepStrictEqual((await story.lists()).learners, [plain]);
  if (!cluster().hasGarbageCollector) return;
  await eventually("the ddp learners to go along", async () => {
    return (await story.namesOf("ddp-learner")).length === 0;
  });
});

Deno.test("DELETE takes the learner first whose ddp learner has failed", async () => {
  await using story = await open();
  const [first, second] = [await addLearner(story, 2), await addLearner(story, 2)];
  for (const address of [first, second]) await story.setPhase(podNameOf(address), "Running");
  const [member] = await membersOf(story, podNameOf(first));
  await story.setPhase(member?.metadata.name ?? "", "Failed");
  await eventually("the failure to be known", async () => {
    const pod = await story.client.get(PODS, {
      namespace: story.namespace,
      name: member?.metadata.name ?? "",
    });
    return pod.status?.phase === "Failed";
  });
  await eventually("the server to take the failed one", async () => {
    const { data } = await story.delete({ learners: { replicas: 1 } });
    const [gone] = (data as { learners: string[] }).learners;
    return gone === first || gone === second ? gone : undefined;
  }).then((gone) => strictEqual(gone, first));
});

Deno.test("/failed of an aggregator brings its ddp learners along, once", async () => {
  await using story = await open();
  const old = podNameOf(await addLearner(story, 10));
  const before = await membersOf(story, old);
  const report = { collectors: [], learners: [old] };
  const answer = await story.reportFailed(report);
  deepStrictEqual([answer.status, answer.message], [200, "successfully recreate replicas"]);
  const [address = ""] = (answer.data as { learners: string[] }).learners;
  const fresh = podNameOf(address);
  match(fresh, /^demo-aggregator-/);
  notStrictEqual(fresh, old);
  const after = await membersOf(story, fresh);
  deepStrictEqual(after.map((pod) => variablesOf(pod)["LOCAL_WORLD_SIZE"]), ["8", "2"]);
  deepStrictEqual(
    after.map((pod) => pod.spec?.containers[0]?.resources?.limits?.["cpu"]),
    ["250m", "250m"],
  );
  strictEqual(variablesOf(after[1] as Pod)["MASTER_ADDR"], after[0]?.metadata.name);
  const names = new Set((await story.pods()).keys());
  for (const { metadata } of before) ok(!names.has(metadata.name ?? ""));
  const again = await story.reportFailed(report);
  deepStrictEqual(again.data, answer.data);
  deepStrictEqual((await story.lists()).learners, [address]);
});

Deno.test("/failed of an aggregator whose ddp learners are gone makes them anew", async () => {
  await using story = await open();
  const old = podNameOf(await addLearner(story, 4));
  const [member] = await membersOf(story, old);
  await story.client.delete(PODS, {
    namespace: story.namespace,
    name: member?.metadata.name ?? "",
  }, { gracePeriodSeconds: 0 });
  const { data } = await story.reportFailed({ collectors: [], learners: [old] });
  const [address = ""] = (data as { learners: string[] }).learners;
  const [fresh] = await membersOf(story, podNameOf(address));
  deepStrictEqual(
    [variablesOf(fresh as Pod)["WORLD_SIZE"], variablesOf(fresh as Pod)["LOCAL_WORLD_SIZE"]],
    ["4", "4"],
  );
});

Deno.test("/failed of a worker keeps its rank and its master", async () => {
  await using story = await open();
  const aggregator = podNameOf(await addLearner(story, 10));
  const [master, worker] = await membersOf(story, aggregator) as [Pod, Pod];
  const name = worker.metadata.name ?? "";
  // As DI-engine's aggregator does: it says its own name.
  const answer = await story.reportFailed({
    coordinator: aggregator,
    collectors: [],
    learners: [name],
  });
  const [address = ""] = (answer.data as { learners: string[] }).learners;
  match(address, /:22279$/);
  const [sameMaster, fresh] = await membersOf(story, aggregator) as [Pod, Pod];
  strictEqual(sameMaster.metadata.uid, master.metadata.uid);
  deepStrictEqual(variablesOf(fresh), variablesOf(worker));
  strictEqual(fresh.metadata.name, podNameOf(address));
});

Deno.test("/failed of a master replaces its group, which is told the new name", async () => {
  await using story = await open();
  const aggregator = podNameOf(await addLearner(story, 10));
  const [master] = await membersOf(story, aggregator) as [Pod, Pod];
  const report = { collectors: [], learners: [master.metadata.name ?? ""] };
  const answer = await story.reportFailed(report);
  const [address = ""] = (answer.data as { learners: string[] }).learners;
  const [fresh, worker] = await membersOf(story, aggregator) as [Pod, Pod];
  strictEqual(fresh.metadata.name, podNameOf(address));
  strictEqual(variablesOf(worker)["MASTER_ADDR"], fresh.metadata.name);
  deepStrictEqual((await story.reportFailed(report)).data, answer.data);
  strictEqual((await membersOf(story, aggregator)).length, 2);
});
