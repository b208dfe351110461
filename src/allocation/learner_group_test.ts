import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aPod } from "../../tests/support/builders.ts";
import { groupAnnotation, groupOf, sharesOf } from "./learner_group.ts";

const GROUP = { gpus: [8, 8, 4], resources: { cpu: "4" } };

function annotated(annotations: Record<string, string>) {
  const pod = aPod("pong-aggregator-a");
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

Deno.test("sharesOf() deals the ranks out one after the other", () => {
  deepStrictEqual(sharesOf(GROUP, "m"), [
    { worldSize: 20, gpus: 8, startRank: 0, master: undefined },
    { worldSize: 20, gpus: 8, startRank: 8, master: "m" },
    { worldSize: 20, gpus: 4, startRank: 16, master: "m" },
  ]);
});

Deno.test("groupOf() reads what an aggregator carries", () => {
  deepStrictEqual(groupOf(annotated(groupAnnotation(GROUP))), GROUP);
});

Deno.test.each([
  { text: "{" },
  { text: "null" },
  { text: '{"gpus":[],"resources":{}}' },
  { text: '{"gpus":[1.5],"resources":{}}' },
  { text: '{"gpus":[1]}' },
])("groupOf() does not take $text for a group", ({ text }) => {
  strictEqual(groupOf(annotated({ "diengine.opendilab.org/learner": text })), undefined);
});

Deno.test("groupOf() of a pod without the annotation is nothing", () => {
  strictEqual(groupOf(aPod("pong-aggregator-a")), undefined);
});
