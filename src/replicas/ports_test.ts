import { strictEqual } from "node:assert/strict";
import type { ReplicaType } from "../api/mod.ts";
import type { Container } from "../kube/mod.ts";
import { aContainer, aPod } from "../../tests/support/builders.ts";
import { addressOf, mainPortOf } from "./ports.ts";

const DI_PORT = { name: "di-port", containerPort: 9000 };

Deno.test.each<{ type: ReplicaType; port: number }>([
  { type: "collector", port: 22270 },
  { type: "learner", port: 22271 },
  { type: "ddp-learner", port: 22271 },
  { type: "aggregator", port: 22272 },
  { type: "coordinator", port: 22273 },
])("mainPortOf() of a $type that declares none is $port", ({ type, port }) => {
  strictEqual(mainPortOf([aContainer()], type), port);
});

Deno.test.each<{ when: string; containers: Container[]; port: number }>([
  {
    when: "di-container has a di-port",
    containers: [aContainer({ ports: [DI_PORT] })],
    port: 9000,
  },
  {
    when: "di-container has another port only",
    containers: [aContainer({ ports: [{ name: "http", containerPort: 80 }] })],
    port: 22270,
  },
  {
    when: "another container has the di-port",
    containers: [aContainer({ name: "side", ports: [DI_PORT] }), aContainer()],
    port: 22270,
  },
  {
    when: "no container is called di-container",
    containers: [aContainer({ name: "work", ports: [DI_PORT] })],
    port: 22270,
  },
  {
    when: "di-container stands behind a side-car",
    containers: [aContainer({ name: "side" }), aContainer({ ports: [DI_PORT] })],
    port: 9000,
  },
  {
    when: "di-port stands behind another port",
    containers: [aContainer({ ports: [{ name: "http", containerPort: 80 }, DI_PORT] })],
    port: 9000,
  },
  { when: "there are no containers", containers: [], port: 22270 },
])("mainPortOf() of a collector is $port when $when", ({ containers, port }) => {
  strictEqual(mainPortOf(containers, "collector"), port);
});

Deno.test("addressOf() is <pod>.<namespace>:<port>", () => {
  const pod = aPod("pong-learner-x", { spec: { containers: [aContainer({ ports: [DI_PORT] })] } });
  strictEqual(addressOf(pod, "learner"), "pong-learner-x.rl:9000");
});
