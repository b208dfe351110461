import { deepStrictEqual } from "node:assert/strict";
import { aJob, aPod, CREATED_AT_MS } from "../../tests/support/builders.ts";
import { replicaSetsOf } from "./replica_sets.ts";

Deno.test("replicaSetsOf() sorts by age, then name, and puts aggregators after learners", () => {
  const job = aJob("pong");
  const at = (name: string, createdAtMs: number, deleting = false) =>
    aPod(`pong-${name}`, { ownedBy: job, createdAtMs, deleting });
  const pods = [
    at("aggregator-a", CREATED_AT_MS),
    at("aggregator", CREATED_AT_MS),
    at("coordinator", CREATED_AT_MS),
    at("ddp-learner-a", CREATED_AT_MS),
    at("learner-b", CREATED_AT_MS + 1000),
    at("collector-c", CREATED_AT_MS + 1000),
    at("collector-b", CREATED_AT_MS),
    at("collector-a", CREATED_AT_MS + 1000),
    at("collector-d", CREATED_AT_MS, true),
  ];
  const { collectors, learners } = replicaSetsOf(job, pods);
  deepStrictEqual(
    [collectors, learners].map((list) => list.map(({ metadata }) => metadata.name)),
    [
      ["pong-collector-b", "pong-collector-a", "pong-collector-c"],
      ["pong-learner-b", "pong-aggregator-a"],
    ],
  );
});
