/** What the operator does when people and clusters meddle. `docs/operator-behaviour.md` lists the rows. */
import { deepStrictEqual, match, notStrictEqual, strictEqual } from "node:assert/strict";
import { DIJOBS } from "../../src/api/mod.ts";
import { PODS, SERVICES } from "../../src/kube/mod.ts";
import { startTestServer, untilReady } from "../support/allocation_story.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import {
  conditionOf,
  COORDINATOR,
  labelsOf,
  OperatorStory,
  phasesOf,
} from "../support/operator_story.ts";
import { isGone } from "../support/story.ts";
import { useOperator, WITH_OPERATOR } from "../support/story_operator.ts";
import { IS_REAL, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const operator = useOperator(cluster);
const CREATED = [
  "Normal DIJobCreated DIJob demo created",
  `Normal SuccessfulCreate Create pod: ${COORDINATOR}`,
  `Normal SuccessfulCreate Create service: ${COORDINATOR}`,
];
const BROKEN = aTemplate({ containers: [aContainer({ name: "50%s of it" })] });

/** Makes an object of a kind that the program itself never writes. */
async function put(story: OperatorStory, path: string, body: unknown): Promise<void> {
  await story.client.request("POST", path, {}, body);
}

async function untilRefused(story: OperatorStory, reason: string) {
  const job = await story.until(
    "word of the refusal",
    (job) => conditionOf(job, "Progressing")?.status === "False",
  );
  deepStrictEqual(phasesOf(job), ["Created True DIJobCreated"]);
  strictEqual(conditionOf(job, "Progressing")?.reason, reason);
  return conditionOf(job, "Progressing")?.message ?? "";
}

async function untilRecovered(story: OperatorStory): Promise<void> {
  await story.pod(COORDINATOR);
  const job = await story.until(
    "the recovery",
    (job) => conditionOf(job, "Progressing")?.status === "True",
  );
  strictEqual(conditionOf(job, "Progressing")?.reason, "Recovered");
}

Deno.test(
  "a coordinator that is being deleted by hand has no successor yet, and the phase stays",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const first = await story.pod(COORDINATOR);
    await story.hold(COORDINATOR);
    await story.deletePod(COORDINATOR);
    const job = await story.until(
      "the new count",
      ({ status }) => status?.replicaStatus?.Coordinator?.active === undefined,
    );
    await story.settle();
    deepStrictEqual([...(await story.pods()).values()].map(({ metadata }) => metadata.uid), [
      first.metadata.uid,
    ]);
    deepStrictEqual([job.status?.phase, job.status?.replicaStatus?.Coordinator], ["Running", {}]);
  },
);

Deno.test(
  "a coordinator that was deleted by hand is made anew with a service of its own, and nothing is said to fail",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const [pod, service] = [await story.pod(COORDINATOR), await story.service(COORDINATOR)];
    await story.deletePod(COORDINATOR);
    const next = await story.pod(COORDINATOR, pod);
    const { metadata } = await story.service(COORDINATOR, service);
    deepStrictEqual(metadata.ownerReferences?.map(({ uid }) => uid), [next.metadata.uid]);
    await story.untilEvents([
      ...CREATED,
      `Normal SuccessfulCreate Create pod: ${COORDINATOR}`,
      `Normal SuccessfulCreate Create service: ${COORDINATOR}`,
    ]);
    deepStrictEqual(phasesOf(await story.job()), [
      "Created False DIJobCreated",
      "Running True DIJobRunning",
    ]);
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPhase("Succeeded");
  },
);

Deno.test(
  "a coordinator that fails ends the job, and what still runs is cleaned up",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.service("demo-collector-a");
    await story.report(COORDINATOR, "Failed");
    await story.untilPhase("Failed");
    await story.untilPods([COORDINATOR]);
    await story.untilServices([]);
  },
);

Deno.test(
  "a stranger's pod of the coordinator's name is left alone; the job says so once, and goes on when it is gone",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const stranger = await story.client.create(PODS, {
      metadata: { ...story.key(COORDINATOR) },
      spec: { containers: [aContainer()] },
    });
    await story.submit();
    const message = await untilRefused(story, "AlreadyExists");
    strictEqual(message, `pods "${COORDINATOR}" already exists`);
    // Several tries later it is still one Event.
    await eventually("more tries", () => {
      const path = `/api/v1/namespaces/${story.namespace}/pods`;
      return operator.writes.filter((write) => write.path === path).length > 3;
    });
    const told = [
      "Normal DIJobCreated DIJob demo created",
      `Warning FailedCreate Failed to create pod: ${COORDINATOR} error: ${message}`,
    ];
    await story.untilEvents(told);
    strictEqual((await story.pod(COORDINATOR)).metadata.uid, stranger.metadata.uid);
    await story.deletePod(COORDINATOR);
    await story.pod(COORDINATOR, stranger);
    await untilRecovered(story);
    await story.untilEvents([...told, ...CREATED.slice(1)]);
  },
);

Deno.test(
  "a coordinator that a quota refuses is made once the quota is gone",
  { ...WITH_OPERATOR, ignore: !IS_REAL },
  async () => {
    await using story = await OperatorStory.open(operator);
    const path = `/api/v1/namespaces/${story.namespace}/resourcequotas`;
    await put(story, path, { metadata: { name: "none" }, spec: { hard: { pods: "0" } } });
    await eventually("the quota to be in force", async () => {
      const { status } = await story.client.request<{ status?: { hard?: { pods?: string } } }>(
        "GET",
        `${path}/none`,
        {},
      );
      return status?.hard?.pods === "0";
    });
    await story.submit();
    match(await untilRefused(story, "Forbidden"), /exceeded quota: none/);
    deepStrictEqual(await story.podNames(), []);
    await story.client.request("DELETE", `${path}/none`, {});
    await untilRecovered(story);
  },
);

Deno.test(
  "a coordinator whose priority class is missing is made once there is one",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const name = `of-${story.namespace}`;
    await story.submit({ priorityClassName: name });
    match(await untilRefused(story, "Forbidden"), /no PriorityClass with name of-rows-/);
    const path = "/apis/scheduling.k8s.io/v1/priorityclasses";
    await put(story, path, { metadata: { name }, value: 10 });
    await untilRecovered(story);
    strictEqual((await story.pod(COORDINATOR)).spec?.priorityClassName, name);
    await story.client.request("DELETE", `${path}/${name}`, {});
  },
);

Deno.test(
  "a coordinator whose template is wrong is not tried; the job says where, and starts once it is mended",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    await story.submit({ coordinator: { template: BROKEN } });
    const refused = await story.until(
      "the refusal",
      (job) => conditionOf(job, "Accepted")?.status === "False",
    );
    const { reason, message = "" } = conditionOf(refused, "Accepted") ?? {};
    strictEqual(reason, "InvalidTemplate");
    match(message, /^spec\.coordinator\.template\.spec\.containers\[0\]\.name: /);
    deepStrictEqual([refused.status?.phase, await story.podNames()], ["Created", []]);
    await story.untilEvents([
      "Normal DIJobCreated DIJob demo created",
      `Warning InvalidTemplate ${message}`,
    ]);
    await story.change({ coordinator: { template: aTemplate() } });
    await story.pod(COORDINATOR);
    await story.until("the acceptance", (job) => conditionOf(job, "Accepted")?.status === "True");
  },
);

Deno.test(
  "a service name that a stranger has is waited for, and the job runs meanwhile",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const stranger = await story.client.create(SERVICES, {
      metadata: { ...story.key(COORDINATOR) },
      spec: { ports: [{ port: 80 }] },
    });
    await story.submit();
    strictEqual(
      await untilRefused(story, "AlreadyExists"),
      `services "${COORDINATOR}" already exists`,
    );
    await story.report(COORDINATOR, "Running");
    await story.untilPhase("Running");
    strictEqual((await story.service(COORDINATOR)).metadata.uid, stranger.metadata.uid);
    await story.deleteService(COORDINATOR);
    await story.service(COORDINATOR, stranger);
    await story.until("the recovery", (job) => conditionOf(job, "Progressing")?.status === "True");
  },
);

Deno.test(
  "a collector that was deleted by hand stays away, and its service goes with it",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.addReplica("learner", "a");
    await story.untilServices([COORDINATOR, "demo-collector-a", "demo-learner-a"]);
    await story.deletePod("demo-collector-a");
    await story.deletePod("demo-learner-a");
    await story.untilServices([COORDINATOR]);
    await story.settle();
    deepStrictEqual(await story.podNames(), [COORDINATOR]);
    deepStrictEqual((await story.job()).status?.replicaStatus?.Collector, {});
  },
);

Deno.test(
  "a service that was deleted by hand is made again, for as long as its pod is at work",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.addReplica("collector", "b");
    for (const name of [COORDINATOR, "demo-collector-a"]) {
      const { metadata, spec } = await story.service(name);
      await story.deleteService(name);
      const again = await story.service(name, { metadata });
      deepStrictEqual(
        [again.metadata.ownerReferences, again.spec?.ports, again.spec?.selector],
        [metadata.ownerReferences, spec?.ports, spec?.selector],
      );
    }
    await story.service("demo-collector-b");
    await story.report("demo-collector-b", "Failed");
    await story.until(
      "the end of the collector",
      ({ status }) => status?.replicaStatus?.Collector?.failed === 1,
    );
    await story.deleteService("demo-collector-b");
    await story.settle();
    deepStrictEqual(await story.serviceNames(), ["demo-collector-a", COORDINATOR]);
  },
);

Deno.test(
  "a service without a pod is not deleted while the job is at work",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const { apiVersion = "", kind = "", metadata: { name = "", uid = "" } } = await story.job();
    await story.client.create(SERVICES, {
      metadata: {
        ...story.key("demo-collector-a"),
        labels: labelsOf("demo", "demo-collector-a", "collector"),
        ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
      },
      spec: { clusterIP: "None", ports: [{ port: 80 }] },
    });
    await story.settle();
    deepStrictEqual(await story.serviceNames(), ["demo-collector-a", COORDINATOR]);
  },
);

Deno.test(
  "an aggregator that was deleted by hand takes its ddp learners along, and nothing else",
  WITH_OPERATOR,
  async () => {
    if (!cluster().hasGarbageCollector) return;
    await using story = await OperatorStory.run(operator);
    const aggregator = await story.addReplica("aggregator", "a");
    const share = { worldSize: 2, gpus: 2, startRank: 0 };
    await story.addReplica("ddp-learner", "a", { part: { aggregator, share } });
    await story.addReplica("learner", "a");
    await story.untilServices(await story.podNames());
    await story.deletePod("demo-aggregator-a");
    await story.untilPods([COORDINATOR, "demo-learner-a"]);
    await story.untilServices([COORDINATOR, "demo-learner-a"]);
  },
);

Deno.test(
  "a job that is deleted in the background takes all of it along",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.service("demo-collector-a");
    await story.client.delete(DIJOBS, story.key("demo"), { propagationPolicy: "Background" });
    if (cluster().hasGarbageCollector) {
      await story.untilPods([]);
      await story.untilServices([]);
    }
    await story.settle();
    if (cluster().hasGarbageCollector) deepStrictEqual(await story.podNames(), []);
    deepStrictEqual((await story.client.list(DIJOBS, { namespace: story.namespace })).items, []);
  },
);

Deno.test(
  "a job that is being deleted in the foreground gets nothing back, and is gone when all of it is",
  WITH_OPERATOR,
  async () => {
    if (!cluster().hasGarbageCollector) return;
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.service("demo-collector-a");
    await story.hold("demo-collector-a");
    await story.client.delete(DIJOBS, story.key("demo"), { propagationPolicy: "Foreground" });
    // The collector takes its time: the job stays for as long, without its coordinator.
    await story.untilPods(["demo-collector-a"]);
    await story.settle();
    await operator.restart();
    await story.settle();
    deepStrictEqual(await story.podNames(), ["demo-collector-a"]);
    notStrictEqual((await story.job()).metadata.deletionTimestamp, undefined);
    await story.release("demo-collector-a");
    await story.untilPods([]);
    await story.untilServices([]);
    await eventually("the job's end", () => isGone(story.job()));
  },
);

Deno.test("a job that is made again under its old name starts clean", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.addReplica("collector", "a");
  // The old coordinator has succeeded, and is still there when the next job comes.
  await story.hold(COORDINATOR);
  await story.hold("demo-collector-a");
  await story.report(COORDINATOR, "Succeeded");
  await story.untilPhase("Succeeded");
  const old = await story.pod(COORDINATOR);
  await story.client.delete(DIJOBS, story.key("demo"), { propagationPolicy: "Background" });
  await eventually("the job's end", () => isGone(story.job()));
  const job = await story.submit();
  await story.untilPhase("Created");
  await story.settle();
  const { status } = await story.job();
  deepStrictEqual([
    status?.phase,
    status?.replicaStatus?.Coordinator,
    status?.replicaStatus?.Collector,
  ], [
    "Created",
    {},
    {},
  ]);
  strictEqual(status?.conditions?.some(({ type }) => type === "Progressing"), false);
  if (!cluster().hasGarbageCollector) await story.deletePod(COORDINATOR);
  await story.release(COORDINATOR);
  const next = await story.pod(COORDINATOR, old);
  deepStrictEqual(next.metadata.ownerReferences?.map(({ uid }) => uid), [job.metadata.uid]);
});

Deno.test(
  "pods and services of strangers that bear a job's labels are neither counted nor touched",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, { cleanPodPolicy: "All" });
    const name = "demo-collector-a";
    const metadata = { ...story.key(name), labels: labelsOf("demo", name, "collector") };
    await story.client.create(PODS, { metadata, spec: { containers: [aContainer()] } });
    await story.client.create(SERVICES, { metadata, spec: { ports: [{ port: 80 }] } });
    await story.report(name, "Running");
    await story.settle();
    deepStrictEqual((await story.job()).status?.replicaStatus?.Collector, {});
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPods([name]);
    await story.settle();
    deepStrictEqual([await story.podNames(), await story.serviceNames()], [[name], [name]]);
  },
);

Deno.test(
  "a change of the spec counts for pods that are made later, and leaves those that exist",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const collector = await story.addReplica("collector", "a");
    const before = await story.pods();
    const template = aTemplate({ containers: [aContainer({ image: "newer" })] });
    const job = await story.change({ coordinator: { template }, collector: { template } });
    await story.until(
      "the change to be seen",
      ({ status, metadata }) => status?.observedGeneration === metadata.generation,
    );
    await story.settle();
    const after = await story.pods();
    deepStrictEqual(
      [...after].map(([name, { metadata, spec }]) => [name, metadata.uid, spec]),
      [...before].map(([name, { metadata, spec }]) => [name, metadata.uid, spec]),
    );
    notStrictEqual(job.metadata.generation, 1);
    strictEqual(collector.spec?.containers[0]?.image, "img");
    // The server gives new replicas, the operator the new coordinator.
    const server = await startTestServer(story.client);
    await untilReady(server);
    await server.handle(
      new Request("http://server/v1alpha1/replicas", {
        method: "POST",
        body: JSON.stringify({
          namespace: story.namespace,
          coordinator: COORDINATOR,
          collectors: { replicas: 1 },
        }),
      }),
    );
    await server.stop();
    await story.deletePod(COORDINATOR);
    await story.pod(COORDINATOR, before.get(COORDINATOR));
    const images = [...(await story.pods()).values()]
      .filter(({ metadata }) => !before.has(metadata.name ?? "") || metadata.name === COORDINATOR)
      .map(({ spec }) => spec?.containers[0]?.image);
    deepStrictEqual(images, ["newer", "newer"]);
  },
);

Deno.test(
  "a finished job is given no replicas, and the server writes no Events",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, { cleanPodPolicy: "None" });
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPhase("Succeeded");
    await story.untilServices([]);
    const events = [
      ...CREATED,
      "Normal DIJobSucceeded DIJob demo succeeded because coordinator succeeded",
      `Normal SuccessfulDelete Delete service: ${COORDINATOR}`,
    ];
    await story.untilEvents(events);
    const server = await startTestServer(story.client);
    await untilReady(server);
    const response = await server.handle(
      new Request("http://server/v1alpha1/replicas", {
        method: "POST",
        body: JSON.stringify({
          namespace: story.namespace,
          coordinator: COORDINATOR,
          collectors: { replicas: 1 },
        }),
      }),
    );
    const { success } = await response.json();
    await server.stop();
    deepStrictEqual([response.status, success], [200, false]);
    deepStrictEqual(await story.podNames(), [COORDINATOR]);
    await story.untilEvents(events);
  },
);

Deno.test("an operator that was away goes on from what it finds", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.addReplica("collector", "a");
  await story.untilServices([COORDINATOR, "demo-collector-a"]);
  await operator.stop();
  await story.report(COORDINATOR, "Succeeded");
  const later = await story.submit({}, "later");
  await operator.start();
  await story.untilPhase("Succeeded");
  await story.untilPods([COORDINATOR, "later-coordinator"]);
  const { metadata } = await story.pod("later-coordinator");
  deepStrictEqual(metadata.ownerReferences?.map(({ uid }) => uid), [later.metadata.uid]);
});

Deno.test(
  "jobs of one name in two namespaces have nothing to do with each other",
  WITH_OPERATOR,
  async () => {
    await using one = await OperatorStory.run(operator);
    await using other = await OperatorStory.run(operator);
    await other.addReplica("collector", "a");
    await one.report(COORDINATOR, "Failed");
    await one.untilPhase("Failed");
    await one.settle();
    const { status } = await other.job();
    deepStrictEqual([status?.phase, status?.replicaStatus?.Collector], ["Running", { active: 1 }]);
    deepStrictEqual(await other.podNames(), ["demo-collector-a", COORDINATOR]);
  },
);

Deno.test(
  "a second pod that says it is the coordinator does not hold up the job",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("coordinator", "b", { phase: "Failed" });
    await story.settle();
    strictEqual((await story.job()).status?.phase, "Running");
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPhase("Succeeded");
  },
);
