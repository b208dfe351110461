import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { aJob, aPod, CREATED_AT_MS, type PodParts } from "../../tests/support/builders.ts";
import type { Pod } from "../kube/mod.ts";
import { planRemove } from "./plan_remove.ts";

const job = aJob("pong");

/** A pod of the job, made `age` s before the youngest; ready unless said otherwise. */
function aReplica(
  name: string,
  age: number,
  parts: PodParts & { readonly ready?: boolean } = {},
): Pod {
  const createdAtMs = CREATED_AT_MS - age * 1000;
  const pod = aPod(`pong-${name}`, { ownedBy: job, phase: "Running", createdAtMs, ...parts });
  const status = (parts.ready ?? parts.phase === undefined) ? "True" : "False";
  return { ...pod, status: { ...pod.status, conditions: [{ type: "Ready", status }] } };
}

function namesOf(pods: readonly Pod[]): string[] {
  return pods.map(({ metadata }) => metadata.name?.replace("pong-", "") ?? "");
}

const old = aReplica("collector-old", 90);
const young = aReplica("collector-young", 10);
const unready = aReplica("collector-unready", 100, { ready: false });
const failed = aReplica("collector-failed", 95, { phase: "Failed" });
const crashed = aReplica("collector-crashed", 99, {
  states: { "di-container": { terminated: { exitCode: 1 } } },
});
const leaving = aReplica("collector-leaving", 1, { deleting: true });
const learner = aReplica("learner-a", 50);
const aggregator = aReplica("aggregator-b", 20);
const others = [
  aReplica("coordinator", 1000),
  aReplica("aggregator", 1000),
  aReplica("ddp-learner-c", 5),
];
const all = [old, leaving, young, unready, aggregator, failed, crashed, learner, ...others];

Deno.test.each([
  { asked: { collectors: 1, learners: 0 }, collectors: ["collector-failed"], learners: [] },
  {
    asked: { collectors: 3, learners: 0 },
    collectors: ["collector-failed", "collector-crashed", "collector-unready"],
    learners: [],
  },
  {
    asked: { collectors: 4, learners: 1 },
    collectors: ["collector-failed", "collector-crashed", "collector-unready", "collector-young"],
    learners: ["aggregator-b"],
  },
  {
    asked: { collectors: 99, learners: 99 },
    collectors: [
      "collector-failed",
      "collector-crashed",
      "collector-unready",
      "collector-young",
      "collector-old",
    ],
    learners: ["aggregator-b", "learner-a"],
  },
  { asked: { collectors: 0, learners: 0 }, collectors: [], learners: [] },
])("planRemove() of $asked takes what is missed least", ({ asked, collectors, learners }) => {
  const plan = planRemove(job, all, asked);
  deepStrictEqual(
    { collectors: namesOf(plan.collectors), learners: namesOf(plan.learners) },
    { collectors, learners },
  );
});

const anyPod = fc.record({
  type: fc.constantFrom("coordinator", "collector", "learner", "aggregator", "ddp-learner"),
  number: fc.integer({ min: 0, max: 20 }),
  age: fc.integer({ min: 0, max: 3 }),
  phase: fc.constantFrom("Pending", "Running", "Failed", "Succeeded"),
  ready: fc.boolean(),
  deleting: fc.boolean(),
}).map(({ type, number, age, ...parts }) =>
  // Number 0 stands for the pod that has no suffix: the coordinator, the job's own aggregator.
  aReplica(number === 0 ? type : `${type}-${number}`, age, parts)
);
const anyPods = fc.uniqueArray(anyPod, {
  selector: ({ metadata }) => metadata.name,
  maxLength: 30,
});
const anyCount = fc.integer({ min: 0, max: 12 });

Deno.test("planRemove() never takes more than asked, nor what is not a replica", () => {
  fc.assert(fc.property(anyPods, anyCount, anyCount, (pods, collectors, learners) => {
    const plan = planRemove(job, pods, { collectors, learners });
    const victims = [...plan.collectors, ...plan.learners];
    ok(plan.collectors.length <= collectors && plan.learners.length <= learners);
    deepStrictEqual(new Set(victims).size, victims.length);
    for (const { metadata } of victims) {
      ok(metadata.deletionTimestamp === undefined);
      ok(!["pong-coordinator", "pong-aggregator"].includes(metadata.name ?? ""), metadata.name);
      ok(!/^pong-(coordinator|ddp-learner)/.test(metadata.name ?? ""), metadata.name);
    }
  }));
});

Deno.test("planRemove() takes the same pods whatever order they are seen in", () => {
  fc.assert(
    fc.property(anyPods, anyCount, anyCount, fc.nat(), (pods, collectors, learners, turn) => {
      const at = pods.length === 0 ? 0 : turn % pods.length;
      const turned = [...pods.slice(at), ...pods.slice(0, at)].toReversed();
      const asked = { collectors, learners };
      deepStrictEqual(planRemove(job, turned, asked), planRemove(job, pods, asked));
    }),
  );
});

Deno.test("planRemove() of a part takes the first of what it takes in whole", () => {
  fc.assert(fc.property(anyPods, anyCount, (pods, collectors) => {
    const whole = planRemove(job, pods, { collectors: 99, learners: 0 }).collectors;
    const part = planRemove(job, pods, { collectors, learners: 0 }).collectors;
    deepStrictEqual(part, whole.slice(0, collectors));
  }));
});
