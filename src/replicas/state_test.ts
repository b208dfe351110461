import { strictEqual } from "node:assert/strict";
import { aContainer, aPod, type PodParts } from "../../tests/support/builders.ts";
import { failureTextOf, isOfType, isReady, workStateOf } from "./state.ts";

const SIDE_CAR = { containers: [aContainer({ name: "side" }), aContainer()] };
const BUSY = { running: {} };

function ended(exitCode: number, reason = exitCode === 0 ? "Completed" : "Error") {
  return { terminated: { exitCode, reason } };
}

Deno.test.each<{ when: string; pod: PodParts; state: string }>([
  { when: "it is pending", pod: { phase: "Pending" }, state: "waiting" },
  { when: "its node is lost", pod: { phase: "Unknown" }, state: "waiting" },
  { when: "the kubelet has not seen it", pod: {}, state: "waiting" },
  { when: "it runs", pod: { phase: "Running" }, state: "active" },
  { when: "it failed", pod: { phase: "Failed" }, state: "failed" },
  { when: "it succeeded", pod: { phase: "Succeeded" }, state: "succeeded" },
  {
    when: "it runs but is on its way out",
    pod: { phase: "Running", deleting: true },
    state: "waiting",
  },
  {
    when: "it was killed by its deletion",
    pod: { phase: "Failed", deleting: true },
    state: "waiting",
  },
  {
    when: "its main container is done and a side-car goes on",
    pod: { phase: "Running", spec: SIDE_CAR, states: { "di-container": ended(0), side: BUSY } },
    state: "succeeded",
  },
  {
    when: "its main container failed and a side-car goes on",
    pod: { phase: "Running", spec: SIDE_CAR, states: { "di-container": ended(1), side: BUSY } },
    state: "failed",
  },
  {
    when: "its main container was out of memory and a side-car goes on",
    pod: {
      phase: "Running",
      spec: SIDE_CAR,
      states: { "di-container": ended(137, "OOMKilled"), side: BUSY },
    },
    state: "failed",
  },
  {
    when: "a side-car ended and its main container goes on",
    pod: { phase: "Running", spec: SIDE_CAR, states: { "di-container": BUSY, side: ended(1) } },
    state: "active",
  },
  {
    when: "a container named after its role ended, which is a side-car",
    pod: {
      phase: "Running",
      spec: { containers: [aContainer({ name: "coordinator" }), aContainer()] },
      states: { coordinator: ended(0), "di-container": BUSY },
    },
    state: "active",
  },
  {
    when: "no container is called di-container and the first is done",
    pod: {
      phase: "Running",
      spec: { containers: [aContainer({ name: "work" }), aContainer({ name: "side" })] },
      states: { side: BUSY, work: ended(0) },
    },
    state: "succeeded",
  },
  {
    when: "its main container is done and will be started again",
    pod: {
      phase: "Running",
      spec: { restartPolicy: "Always" },
      states: { "di-container": ended(0) },
    },
    state: "active",
  },
  {
    when: "its main container is done and is only started again after a failure",
    pod: {
      phase: "Running",
      spec: { restartPolicy: "OnFailure" },
      states: { "di-container": ended(0) },
    },
    state: "succeeded",
  },
  {
    when: "its main container failed and is started again then",
    pod: {
      phase: "Running",
      spec: { restartPolicy: "OnFailure" },
      states: { "di-container": ended(1) },
    },
    state: "active",
  },
])("workStateOf() a replica is $state when $when", ({ pod, state }) => {
  strictEqual(workStateOf(aPod("pong-coordinator", pod)), state);
});

Deno.test.each([
  { when: "it has no conditions", conditions: undefined, ready: false },
  { when: "Ready is True", conditions: [["Ready", "True"]], ready: true },
  { when: "Ready is False", conditions: [["Ready", "False"]], ready: false },
  { when: "another condition is True", conditions: [["Initialized", "True"]], ready: false },
])("isReady() is $ready when $when", ({ conditions, ready }) => {
  const pod = aPod("pong-coordinator", { phase: "Running" });
  if (conditions !== undefined) {
    pod.status = {
      ...pod.status,
      conditions: conditions.map(([type = "", status = ""]) => ({ type, status })),
    };
  }
  strictEqual(isReady(pod), ready);
});

Deno.test.each([
  { labels: { "replica-type": "learner" }, is: true },
  { labels: { "replica-type": "ddp-learner" }, is: false },
  { labels: {}, is: false },
])("isOfType() a pod with labels $labels is a learner: $is", ({ labels, is }) => {
  strictEqual(isOfType(aPod("pong-x", { labels }), "learner"), is);
});

Deno.test.each([
  { reason: "Error", message: "secret words", text: "di-container exited with 1 (Error)" },
  {
    reason: "StartError",
    message: "no such file",
    text: "di-container exited with 1 (StartError: no such file)",
  },
])(
  "failureTextOf() of $reason has the node's words, and not the program's",
  ({ reason, message, text }) => {
    const terminated = { exitCode: 1, reason, message };
    const pod = aPod("pong-coordinator", {
      phase: "Failed",
      states: { "di-container": { terminated } },
    });
    strictEqual(failureTextOf(pod), text);
  },
);
