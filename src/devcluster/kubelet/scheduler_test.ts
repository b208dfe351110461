import { strictEqual } from "node:assert/strict";
import type { PodSpec } from "../../kube/mod.ts";
import { aPod } from "../../../tests/support/builders.ts";
import { isWaiting } from "./scheduler.ts";

const PODS: readonly { what: string; spec: Partial<PodSpec>; waits: boolean }[] = [
  { what: "a new pod", spec: {}, waits: true },
  { what: "a pod with a node", spec: { nodeName: "x" }, waits: false },
  { what: "a pod of another scheduler", spec: { schedulerName: "mine" }, waits: false },
  { what: "a gated pod", spec: { schedulingGates: [{ name: "g" }] }, waits: false },
];
Deno.test.each(PODS)("isWaiting() of $what", ({ spec, waits }) => {
  strictEqual(isWaiting(aPod("pong", { spec })), waits);
});

Deno.test("isWaiting() of a pod that is being deleted", () => {
  strictEqual(isWaiting(aPod("pong", { deleting: true })), false);
});
