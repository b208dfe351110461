/** What is left of a finished job, and what Events tell of it. `docs/operator-behaviour.md` lists the rows. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { DIJobSpec } from "../../src/api/mod.ts";
import { ApiError, EVENTS, SERVICES } from "../../src/kube/mod.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { conditionOf, COORDINATOR, ended, OperatorStory } from "../support/operator_story.ts";
import { type Refusal, useOperator, WITH_OPERATOR } from "../support/story_operator.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const operator = useOperator(cluster);
const BUSY = { running: {} };
const CREATED = [
  "Normal DIJobCreated DIJob demo created",
  `Normal SuccessfulCreate Create pod: ${COORDINATOR}`,
  `Normal SuccessfulCreate Create service: ${COORDINATOR}`,
];
const SUCCEEDED = "Normal DIJobSucceeded DIJob demo succeeded because coordinator succeeded";

/** Every state that a replica may be in at the job's end, by name. */
const CREW = [
  "demo-collector-crashing",
  "demo-collector-failed",
  "demo-collector-halfway",
  "demo-collector-pending",
  "demo-collector-running",
  "demo-collector-succeeded",
] as const;

/** A job that succeeds with a {@link CREW}. */
async function end(cleanPodPolicy?: DIJobSpec["cleanPodPolicy"]): Promise<OperatorStory> {
  const spec = cleanPodPolicy === undefined ? {} : { cleanPodPolicy };
  const story = await OperatorStory.run(operator, spec);
  const two = aTemplate({ containers: [aContainer(), aContainer({ name: "side" })] });
  const crash = { "di-container": { waiting: { reason: "CrashLoopBackOff" } } };
  await story.addReplica("collector", "crashing", { phase: "Running", states: crash });
  await story.addReplica("collector", "failed", { phase: "Failed" });
  await story.addReplica("collector", "halfway", {
    template: two,
    states: { "di-container": BUSY, side: ended(0) },
  });
  await story.addReplica("collector", "pending", { phase: "Pending" });
  await story.addReplica("collector", "running", { states: { "di-container": BUSY } });
  await story.addReplica("collector", "succeeded", { phase: "Succeeded" });
  await story.report(COORDINATOR, "Succeeded");
  await story.untilPhase("Succeeded");
  return story;
}

const KEPT_FOR_LOGS = [...CREW.slice(0, 3), "demo-collector-succeeded", COORDINATOR];

/** Refuses to delete objects of one name, in words that formatting would garble. */
function refusingToDelete(name: string): Refusal {
  return ({ method, path }) =>
    method === "DELETE" && path.endsWith(`/${name}`)
      ? new ApiError(403, "Forbidden", "100%d of 50%s are %!v(locked)")
      : undefined;
}

Deno.test(
  "policy Running takes pods that still run, and keeps those whose logs tell of an end",
  WITH_OPERATOR,
  async () => {
    await using story = await end("Running");
    await story.untilPods(KEPT_FOR_LOGS);
    await story.untilServices([]);
  },
);

Deno.test("a job that names no policy has policy Running", WITH_OPERATOR, async () => {
  await using story = await end();
  await story.untilPods(KEPT_FOR_LOGS);
  await story.untilServices([]);
});

Deno.test("the empty policy of old manifests is Running", WITH_OPERATOR, async () => {
  await using story = await end("");
  await story.untilPods(KEPT_FOR_LOGS);
  await story.untilServices([]);
});

Deno.test("policy All takes every pod", WITH_OPERATOR, async () => {
  await using story = await end("All");
  await story.untilPods([]);
  await story.untilServices([]);
});

Deno.test("policy ALL, as v0.1.0 spells it, takes every pod", WITH_OPERATOR, async () => {
  await using story = await end("ALL");
  await story.untilPods([]);
  await story.untilServices([]);
});

Deno.test("policy None takes no pod, and all services", WITH_OPERATOR, async () => {
  await using story = await end("None");
  await story.untilServices([]);
  await story.settle();
  deepStrictEqual(await story.podNames(), [...CREW, COORDINATOR]);
});

Deno.test("a policy that is changed after the end counts", WITH_OPERATOR, async () => {
  await using story = await end("None");
  await story.untilServices([]);
  await story.settle();
  await story.change({ cleanPodPolicy: "Running" });
  await story.untilPods(KEPT_FOR_LOGS);
  await story.change({ cleanPodPolicy: "All" });
  await story.untilPods([]);
});

Deno.test("a pod that goes already is not deleted again", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator, { cleanPodPolicy: "All" });
  await story.addReplica("collector", "a");
  await story.addReplica("collector", "b");
  await story.hold("demo-collector-a");
  await story.deletePod("demo-collector-a");
  await story.report(COORDINATOR, "Succeeded");
  await story.untilPods(["demo-collector-a"]);
  await story.settle();
  const path = `/api/v1/namespaces/${story.namespace}/pods/demo-collector-a`;
  deepStrictEqual(operator.writes.filter((write) => write.path === path), []);
});

Deno.test("pods are given their own time to end", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  // A pod that is on no node goes at once: this one is on a node that does not answer.
  const spec = { nodeName: `none-${story.namespace}`, terminationGracePeriodSeconds: 17 };
  await story.addReplica("learner", "a", { template: aTemplate({ spec }) });
  await story.report(COORDINATOR, "Succeeded");
  await story.untilPhase("Succeeded");
  await story.settle();
  const { metadata } = await story.pod("demo-learner-a");
  strictEqual(typeof metadata.deletionTimestamp, "string");
  strictEqual(metadata.deletionGracePeriodSeconds, 17);
  await story.kill("demo-learner-a");
  await story.untilPods([COORDINATOR]);
});

Deno.test(
  "pods are given no time to end where the operator is told so",
  WITH_OPERATOR,
  async () => {
    await operator.restart({ cleanupGraceSeconds: 0 });
    try {
      await using story = await OperatorStory.run(operator);
      const spec = { nodeName: `none-${story.namespace}`, terminationGracePeriodSeconds: 17 };
      await story.addReplica("learner", "a", { template: aTemplate({ spec }) });
      await story.report(COORDINATOR, "Succeeded");
      await story.untilPods([COORDINATOR]);
    } finally {
      await operator.restart();
    }
  },
);

Deno.test(
  "a deletion that is refused holds up no other, is tried again, and is told of once",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.addReplica("collector", "b");
    await story.untilServices([...await story.podNames()]);
    {
      using _ = operator.refuse(refusingToDelete("demo-collector-a"));
      await story.report(COORDINATOR, "Succeeded");
      await story.untilPods(["demo-collector-a", COORDINATOR]);
    }
    await story.untilPods([COORDINATOR]);
    await story.untilEvents([
      ...CREATED,
      "Normal SuccessfulCreate Create service: demo-collector-a",
      "Normal SuccessfulCreate Create service: demo-collector-b",
      SUCCEEDED,
      "Warning FailedDelete Failed to delete pod: demo-collector-a error: " +
      "100%d of 50%s are %!v(locked)",
      "Normal SuccessfulDelete Delete pod: demo-collector-a",
      "Normal SuccessfulDelete Delete pod: demo-collector-b",
      `Normal SuccessfulDelete Delete service: ${COORDINATOR}`,
    ]);
  },
);

Deno.test(
  "services of a finished job are gone, though its pods were all deleted by hand",
  WITH_OPERATOR,
  async () => {
    if (!cluster().hasGarbageCollector) return;
    await using story = await OperatorStory.run(operator, { cleanPodPolicy: "None" });
    await story.addReplica("collector", "a");
    await story.untilServices([COORDINATOR, "demo-collector-a"]);
    {
      // Keeps the services until the pods are gone.
      using _ = operator.refuse(({ method, path }) =>
        method === "DELETE" && path.includes("/services/") ? new ApiError(500, "", "no") : undefined
      );
      await story.report(COORDINATOR, "Succeeded");
      await story.untilPhase("Succeeded");
      await story.deletePod("demo-collector-a");
      await story.deletePod(COORDINATOR);
      await story.untilServices([]);
    }
    deepStrictEqual(await story.podNames(), []);
  },
);

Deno.test("a pod that comes after the end is cleaned up as well", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.report(COORDINATOR, "Succeeded");
  await story.untilPhase("Succeeded");
  await story.addReplica("collector", "late", { isNew: true });
  await story.untilPods([COORDINATOR]);
});

Deno.test(
  "Events tell a job's life, each once, also when the operator starts again",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.service("demo-collector-a");
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPhase("Succeeded");
    await story.untilPods([COORDINATOR]);
    const told = [
      ...CREATED,
      "Normal SuccessfulCreate Create service: demo-collector-a",
      SUCCEEDED,
      "Normal SuccessfulDelete Delete pod: demo-collector-a",
      `Normal SuccessfulDelete Delete service: ${COORDINATOR}`,
    ];
    await story.untilEvents(told);
    await operator.restart();
    await story.settle();
    deepStrictEqual(await story.events(), [...told].sort());
  },
);

Deno.test("the end of a failed job is a Warning", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator, { cleanPodPolicy: "All" });
  await story.report(COORDINATOR, "Failed", { "di-container": ended(2) });
  await story.untilPods([]);
  await story.untilEvents([
    ...CREATED,
    "Warning DIJobFailed DIJob demo failed because coordinator failed: " +
    "di-container exited with 2 (Error)",
    `Normal SuccessfulDelete Delete pod: ${COORDINATOR}`,
  ]);
});

Deno.test("an Event is about the job, and signed by the operator", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.begin(operator);
  await story.untilEvents(CREATED);
  const { metadata: { uid } } = await story.job();
  const { items } = await story.client.list(EVENTS, { namespace: story.namespace });
  deepStrictEqual(
    items.map(({ involvedObject, source, reportingComponent, count }) => {
      const { apiVersion, kind, name, uid } = involvedObject;
      return [apiVersion, kind, name, uid, source?.component, reportingComponent, count].join(" ");
    }),
    CREATED.map(() =>
      "diengine.opendilab.org/v1alpha1 DIJob demo " +
      `${uid} di-orchestrator di-orchestrator 1`
    ),
  );
});

Deno.test(
  "a service that cannot be made is told of once, and so is the one that can",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    await story.client.create(SERVICES, {
      metadata: { ...story.key(COORDINATOR) },
      spec: { ports: [{ port: 80 }] },
    });
    await story.submit();
    const told = [
      ...CREATED.slice(0, 2),
      `Warning FailedCreate Failed to create service: ${COORDINATOR} error: ` +
      `services "${COORDINATOR}" already exists`,
    ];
    await story.untilEvents(told);
    await story.settle();
    deepStrictEqual(await story.events(), [...told].sort());
    await story.deleteService(COORDINATOR);
    await story.untilEvents([...told, ...CREATED.slice(2)]);
  },
);

Deno.test("a service that cannot be deleted is told of once", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  {
    using _ = operator.refuse(refusingToDelete(COORDINATOR));
    await story.report(COORDINATOR, "Succeeded");
    await story.untilPhase("Succeeded");
    await story.untilEvents([
      ...CREATED,
      SUCCEEDED,
      `Warning FailedDelete Failed to delete service: ${COORDINATOR} error: ` +
      "100%d of 50%s are %!v(locked)",
    ]);
  }
  await story.untilServices([]);
});

Deno.test("percent signs of a message arrive as they were", WITH_OPERATOR, async () => {
  const broken = aTemplate({ containers: [aContainer({ name: "50%s of 100%d" })] });
  await using story = await OperatorStory.open(operator);
  await story.submit({ coordinator: { template: broken } });
  const job = await story.until(
    "the refusal",
    (job) => conditionOf(job, "Accepted")?.status === "False",
  );
  const message = conditionOf(job, "Accepted")?.message ?? "";
  match(message, /"50%s of 100%d"/);
  await story.untilEvents([CREATED[0] ?? "", `Warning InvalidTemplate ${message}`]);
});
