import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aContainer, aJob, aPod, replicaLabels } from "../../tests/support/builders.ts";
import { buildService, replicaTypeOf } from "./service.ts";

const JOB = aJob("pong");

Deno.test("buildService() makes the headless service that goes with its pod", () => {
  const pod = aPod("pong-learner-x", {
    ownedBy: JOB,
    labels: { team: "red" },
    spec: {
      containers: [aContainer({
        ports: [{ name: "http", containerPort: 80 }, { name: "di-port", containerPort: 9000 }],
      })],
    },
  });
  const ours = replicaLabels(JOB, "pong-learner-x", "learner");
  deepStrictEqual(buildService(pod), {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "pong-learner-x",
      namespace: "rl",
      labels: { team: "red", ...ours },
      ownerReferences: [{
        apiVersion: "v1",
        kind: "Pod",
        name: "pong-learner-x",
        uid: "pong-learner-x-uid",
        controller: true,
      }],
    },
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: ours,
      ports: [{ name: "di-port", port: 9000 }],
    },
  });
});

Deno.test.each([
  { name: "pong-coordinator", port: 22273 },
  { name: "pong-aggregator", port: 22272 },
  { name: "pong-collector-x", port: 22270 },
  { name: "pong-learner-x", port: 22271 },
  { name: "pong-ddp-learner-x", port: 22271 },
])("buildService() of $name has its role's port $port", ({ name, port }) => {
  deepStrictEqual(buildService(aPod(name, { ownedBy: JOB })).spec?.ports, [
    { name: "di-port", port },
  ]);
});

Deno.test("replicaTypeOf() takes a role that it does not know as a collector", () => {
  const pod = aPod("pong-x", { ownedBy: JOB, labels: { "replica-type": "king" } });
  strictEqual(replicaTypeOf(pod), "collector");
});
