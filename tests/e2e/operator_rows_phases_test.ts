/** How a job's phase, conditions and counts follow from its pods. `docs/operator-behaviour.md` lists the rows. */
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { aContainer, aTemplate } from "../support/builders.ts";
import {
  conditionOf,
  COORDINATOR,
  ended,
  OperatorStory,
  phasesOf,
} from "../support/operator_story.ts";
import { useOperator, WITH_OPERATOR } from "../support/story_operator.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const operator = useOperator(useTestCluster());
const HOUR_MS = 3_600_000;
const BUSY = { running: {} };
const WITH_SIDE_CAR = aTemplate({ containers: [aContainer({ name: "side" }), aContainer()] });
/** A container that bears the name of its role, beside the main one. */
const WITH_NAMESAKE = aTemplate({
  containers: [aContainer({ name: "coordinator" }), aContainer()],
});

Deno.test(
  "a job that the operator has seen is Created, with all counts empty",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator);
    const job = await story.job();
    const { startTime, ...status } = job.status ?? {};
    deepStrictEqual([typeof startTime, status.phase, status.replicaStatus], ["string", "Created", {
      Coordinator: {},
      Aggregator: {},
      Collector: {},
      Learner: {},
      DDPLearner: {},
    }]);
    strictEqual(status.observedGeneration, job.metadata.generation);
    const { lastUpdateTime, lastTransitionTime, ...created } = conditionOf(job, "Created") ?? {};
    strictEqual(lastUpdateTime, lastTransitionTime);
    deepStrictEqual(created, {
      type: "Created",
      status: "True",
      reason: "DIJobCreated",
      message: "DIJob demo created",
    });
  },
);

Deno.test("a job whose coordinator runs is Running", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.begin(operator);
  await story.report(COORDINATOR, "Running", { "di-container": BUSY });
  const job = await story.untilPhase("Running");
  const { type, status, reason, message } = conditionOf(job, "Running") ?? {};
  deepStrictEqual([type, status, reason, message], [
    "Running",
    "True",
    "DIJobRunning",
    "DIJob demo is running because its coordinator is running",
  ]);
  deepStrictEqual(job.status?.replicaStatus?.Coordinator, { active: 1 });
  strictEqual(job.status?.completionTime, undefined);
});

Deno.test(
  "a job whose coordinator failed is Failed, and says how it failed",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.report(COORDINATOR, "Failed", { "di-container": ended(3) });
    const job = await story.untilPhase("Failed");
    const { status, reason, message } = conditionOf(job, "Failed") ?? {};
    deepStrictEqual([status, reason, message], [
      "True",
      "DIJobFailed",
      "DIJob demo failed because coordinator failed: di-container exited with 3 (Error)",
    ]);
    deepStrictEqual(job.status?.replicaStatus?.Coordinator, { failed: 1 });
    strictEqual(typeof job.status?.completionTime, "string");
  },
);

Deno.test("a job whose coordinator succeeded is Succeeded", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.report(COORDINATOR, "Succeeded", { "di-container": ended(0) });
  const job = await story.untilPhase("Succeeded");
  const { status, reason, message } = conditionOf(job, "Succeeded") ?? {};
  deepStrictEqual([status, reason, message], [
    "True",
    "DIJobSucceeded",
    "DIJob demo succeeded because coordinator succeeded",
  ]);
  deepStrictEqual(job.status?.replicaStatus?.Coordinator, { succeeded: 1 });
  strictEqual(typeof job.status?.completionTime, "string");
});

Deno.test("a job whose coordinator is pending stays Created", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.begin(operator);
  await story.report(COORDINATOR, "Pending", {
    "di-container": { waiting: { reason: "ImagePullBackOff" } },
  });
  await story.settle();
  const { status } = await story.job();
  deepStrictEqual([status?.phase, status?.replicaStatus?.Coordinator], ["Created", {}]);
});

Deno.test(
  "a running job stays Running while its coordinator is pending",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.report(COORDINATOR, "Pending");
    await story.until(
      "the new count",
      ({ status }) => status?.replicaStatus?.Coordinator?.active === undefined,
    );
    strictEqual((await story.job()).status?.phase, "Running");
  },
);

Deno.test(
  "a running job stays Running while its coordinator's node is lost",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.report(COORDINATOR, "Unknown");
    await story.until(
      "the new count",
      ({ status }) => status?.replicaStatus?.Coordinator?.active === undefined,
    );
    strictEqual((await story.job()).status?.phase, "Running");
  },
);

Deno.test(
  "a job whose fast coordinator was never seen to run goes from Created to Succeeded",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator);
    await story.report(COORDINATOR, "Succeeded");
    deepStrictEqual(phasesOf(await story.untilPhase("Succeeded")), [
      "Created False DIJobCreated",
      "Running False DIJobRunning",
      "Succeeded True DIJobSucceeded",
    ]);
  },
);

Deno.test(
  "a job whose coordinator fails at its start goes from Created to Failed",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator);
    await story.report(COORDINATOR, "Failed");
    deepStrictEqual(phasesOf(await story.untilPhase("Failed")), [
      "Created False DIJobCreated",
      "Failed True DIJobFailed",
    ]);
  },
);

Deno.test(
  "a job that has ended stays so, whatever becomes of its coordinator",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.report(COORDINATOR, "Succeeded");
    const { status } = await story.untilPhase("Succeeded");
    await story.report(COORDINATOR, "Failed");
    await story.settle();
    deepStrictEqual((await story.job()).status, status);
    await story.deletePod(COORDINATOR);
    await story.settle();
    deepStrictEqual((await story.job()).status, status);
    deepStrictEqual(await story.podNames(), []);
  },
);

Deno.test(
  "collectors, learners and aggregators have no say in the phase",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a", { phase: "Failed" });
    await story.addReplica("learner", "a", { phase: "Succeeded" });
    await story.addReplica("aggregator", "a", { phase: "Failed" });
    const job = await story.until(
      "the counts",
      ({ status }) =>
        status?.replicaStatus?.Aggregator?.failed === 1 &&
        status.replicaStatus.Collector?.failed === 1 &&
        status.replicaStatus.Learner?.succeeded === 1,
    );
    deepStrictEqual(phasesOf(job), ["Created False DIJobCreated", "Running True DIJobRunning"]);
  },
);

Deno.test(
  "a restart of the operator changes nothing of any job, finished or not",
  WITH_OPERATOR,
  async () => {
    await using fresh = await OperatorStory.begin(operator);
    await using running = await OperatorStory.run(operator);
    await using done = await OperatorStory.run(operator, { cleanPodPolicy: "All" });
    await done.report(COORDINATOR, "Succeeded");
    await done.untilPods([]);
    await done.untilServices([]);
    const stories = [fresh, running, done];
    await fresh.settle();
    // Stopping, an operator still writes the Events that it has begun.
    await operator.restart();
    await fresh.settle();
    const before = await Promise.all(stories.map((story) => story.everything()));
    operator.advance(HOUR_MS);
    await operator.restart();
    await fresh.settle();
    deepStrictEqual(await Promise.all(stories.map((story) => story.everything())), before);
  },
);

Deno.test(
  "each phase adds a condition, and the one before it turns False with its words kept",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator);
    deepStrictEqual(phasesOf(await story.job()), ["Created True DIJobCreated"]);
    await story.report(COORDINATOR, "Running");
    const running = await story.untilPhase("Running");
    deepStrictEqual(phasesOf(running), ["Created False DIJobCreated", "Running True DIJobRunning"]);
    strictEqual(conditionOf(running, "Created")?.message, "DIJob demo created");
    await story.report(COORDINATOR, "Failed");
    const failed = await story.untilPhase("Failed");
    deepStrictEqual(phasesOf(failed), [
      "Created False DIJobCreated",
      "Running False DIJobRunning",
      "Failed True DIJobFailed",
    ]);
    strictEqual(conditionOf(failed, "Running")?.message, conditionOf(running, "Running")?.message);
  },
);

Deno.test(
  "a condition's times move when it turns, and at no other time",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator);
    const created = conditionOf(await story.job(), "Created");
    operator.advance(HOUR_MS);
    await story.report(COORDINATOR, "Running");
    const running = await story.untilPhase("Running");
    notStrictEqual(
      conditionOf(running, "Created")?.lastTransitionTime,
      created?.lastTransitionTime,
    );
    notStrictEqual(conditionOf(running, "Created")?.lastUpdateTime, created?.lastUpdateTime);
    operator.advance(HOUR_MS);
    // A later pass that has something to write, and nothing to say of the phase.
    await story.addReplica("collector", "a");
    const later = await story.until(
      "the count",
      ({ status }) => status?.replicaStatus?.Collector?.active === 1,
    );
    deepStrictEqual(later.status?.conditions, running.status?.conditions);
    strictEqual(later.status?.startTime, running.status?.startTime);
  },
);

Deno.test(
  "a condition that says something else keeps the time of its turn",
  WITH_OPERATOR,
  async () => {
    const broken = (name: string) => ({
      coordinator: { template: aTemplate({ containers: [aContainer({ name })] }) },
    });
    await using story = await OperatorStory.open(operator);
    await story.submit(broken("Not A Name"));
    const first = await story.until(
      "the refusal",
      (job) => conditionOf(job, "Accepted")?.status === "False",
    );
    operator.advance(HOUR_MS);
    await story.change(broken("Nor This"));
    const second = await story.until(
      "the other refusal",
      (job) => conditionOf(job, "Accepted")?.message?.includes("Nor This") ?? false,
    );
    const [before, after] = [first, second].map((job) => conditionOf(job, "Accepted"));
    strictEqual(after?.lastTransitionTime, before?.lastTransitionTime);
    notStrictEqual(after?.lastUpdateTime, before?.lastUpdateTime);
  },
);

Deno.test(
  "a job whose coordinator is done ends, though a side-car runs on",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, {
      coordinator: { template: WITH_SIDE_CAR },
    });
    await story.report(COORDINATOR, "Running", { "di-container": ended(0), side: BUSY });
    const { status } = await story.untilPhase("Succeeded");
    deepStrictEqual(status?.replicaStatus?.Coordinator, { succeeded: 1 });
  },
);

Deno.test(
  "a coordinator that was out of memory has failed, though a side-car runs on",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, {
      coordinator: { template: WITH_SIDE_CAR },
    });
    await story.report(COORDINATOR, "Running", {
      "di-container": ended(137, "OOMKilled"),
      side: BUSY,
    });
    const job = await story.untilPhase("Failed");
    strictEqual(
      conditionOf(job, "Failed")?.message,
      "DIJob demo failed because coordinator failed: di-container exited with 137 (OOMKilled)",
    );
  },
);

Deno.test(
  "a side-car that ends does not end the job, also one that is called as the role",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, {
      coordinator: { template: WITH_NAMESAKE },
    });
    await story.report(COORDINATOR, "Running", { coordinator: ended(0), "di-container": BUSY });
    await story.settle();
    const { status } = await story.job();
    deepStrictEqual([status?.phase, status?.replicaStatus?.Coordinator], ["Running", {
      active: 1,
    }]);
  },
);

Deno.test(
  "replicas that run, failed and succeeded are counted by role",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a", { phase: "Running" });
    await story.addReplica("collector", "b", { phase: "Running" });
    await story.addReplica("collector", "c", { phase: "Failed" });
    await story.addReplica("learner", "a", { phase: "Succeeded" });
    await story.addReplica("aggregator", "a", { phase: "Running" });
    await story.settle();
    deepStrictEqual((await story.job()).status?.replicaStatus, {
      Coordinator: { active: 1 },
      Aggregator: { active: 1 },
      Collector: { active: 2, failed: 1 },
      Learner: { succeeded: 1 },
      DDPLearner: {},
    });
  },
);

Deno.test(
  "replicas that are pending, or whose node is lost, are not counted",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a", { phase: "Pending" });
    await story.addReplica("collector", "b", { phase: "Unknown" });
    await story.addReplica("learner", "a", { phase: "Running" });
    await story.settle();
    const { Collector, Learner } = (await story.job()).status?.replicaStatus ?? {};
    deepStrictEqual([Collector, Learner], [{}, { active: 1 }]);
  },
);

Deno.test("a pod that is on its way out is not counted", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.addReplica("collector", "a");
  await story.addReplica("collector", "b");
  await story.until("the count", ({ status }) => status?.replicaStatus?.Collector?.active === 2);
  await story.hold("demo-collector-a");
  await story.deletePod("demo-collector-a");
  await story.until(
    "the new count",
    ({ status }) => status?.replicaStatus?.Collector?.active === 1,
  );
  deepStrictEqual((await story.podNames()).length, 3);
});

Deno.test("ddp learners are counted as DDPLearner, whoever owns them", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  const aggregator = await story.addReplica("aggregator", "a");
  const share = { worldSize: 4, gpus: 2, startRank: 0 };
  await story.addReplica("ddp-learner", "a", { part: { aggregator, share } });
  await story.addReplica("ddp-learner", "b", { phase: "Failed", part: { aggregator, share } });
  // As the older versions had them: owned by the job.
  await story.addReplica("ddp-learner", "c");
  await story.settle();
  const { DDPLearner, Learner, Aggregator } = (await story.job()).status?.replicaStatus ?? {};
  deepStrictEqual([DDPLearner, Learner, Aggregator], [
    { active: 2, failed: 1 },
    {},
    { active: 1 },
  ]);
});

Deno.test(
  "a replica's work ends with its main container, unless the pod starts that again",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const containers = [aContainer({ name: "side" }), aContainer()];
    const once = aTemplate({ containers, spec: { restartPolicy: "Never" } });
    const again = aTemplate({ containers });
    const after = (exitCode: number) => ({ "di-container": ended(exitCode), side: BUSY });
    await story.addReplica("collector", "a", { template: once, states: after(0) });
    await story.addReplica("collector", "b", { template: once, states: after(1) });
    await story.addReplica("collector", "c", { template: again, states: after(1) });
    await story.settle();
    deepStrictEqual((await story.job()).status?.replicaStatus?.Collector, {
      active: 1,
      succeeded: 1,
      failed: 1,
    });
  },
);

Deno.test(
  "a job that succeeded counts its active replicas as succeeded, at once and for ever",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    await story.addReplica("collector", "a");
    await story.addReplica("collector", "b", { phase: "Failed" });
    await story.addReplica("learner", "a", { phase: "Pending" });
    await story.report(COORDINATOR, "Succeeded");
    const { status } = await story.untilPhase("Succeeded");
    const { Collector, Learner } = status?.replicaStatus ?? {};
    deepStrictEqual([Collector, Learner], [{ succeeded: 1, failed: 1 }, {}]);
    await story.untilPods([COORDINATOR, "demo-collector-b"]);
    await story.settle();
    deepStrictEqual((await story.job()).status, status);
  },
);

Deno.test("a job that failed keeps no active counts", WITH_OPERATOR, async () => {
  await using story = await OperatorStory.run(operator);
  await story.addReplica("collector", "a");
  await story.addReplica("learner", "a", { phase: "Succeeded" });
  await story.report(COORDINATOR, "Failed");
  const { status } = await story.untilPhase("Failed");
  const { Coordinator, Collector, Learner } = status?.replicaStatus ?? {};
  deepStrictEqual([Coordinator, Collector, Learner], [{ failed: 1 }, {}, { succeeded: 1 }]);
});

Deno.test(
  "a finished job of policy None counts what still runs as active",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, { cleanPodPolicy: "None" });
    await story.addReplica("collector", "a");
    await story.report(COORDINATOR, "Succeeded");
    const { status } = await story.untilPhase("Succeeded");
    deepStrictEqual(status?.replicaStatus?.Collector, { active: 1 });
  },
);
