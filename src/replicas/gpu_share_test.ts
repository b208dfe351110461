import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aContainer, aJob, aPod, aTemplate, replicaLabels } from "../../tests/support/builders.ts";
import type { EnvVar, Pod } from "../kube/mod.ts";
import { type GpuShare, isMaster, shareOf, sharePorts } from "./gpu_share.ts";
import { buildPod } from "./pod.ts";
import { gpuAddressesOf, publishedPorts } from "./ports.ts";

const JOB = aJob("pong");
const AGGREGATOR = aPod("pong-aggregator-a", { ownedBy: JOB });
const MASTER: GpuShare = { worldSize: 10, gpus: 8, startRank: 0, master: undefined };
const WORKER: GpuShare = { worldSize: 10, gpus: 2, startRank: 8, master: "pong-ddp-learner-m" };
const ALONE: GpuShare = { worldSize: 2, gpus: 2, startRank: 0, master: undefined };

function aMember(share: GpuShare, containers = [aContainer()]): Pod {
  return buildPod({
    job: JOB,
    type: "ddp-learner",
    name: "pong-ddp-learner-x",
    template: aTemplate({ containers }),
    serverAddress: "s",
    part: { aggregator: AGGREGATOR, share },
  });
}

function numbersOf(pod: Pod): string[] {
  return publishedPorts(pod, "ddp-learner").map(({ name, port }) => `${name}=${port}`);
}

Deno.test("buildPod() of a ddp learner gives it to its aggregator, with its share", () => {
  const pod = aMember(WORKER);
  deepStrictEqual(pod.metadata, {
    name: "pong-ddp-learner-x",
    namespace: "rl",
    labels: {
      ...replicaLabels(JOB, "pong-ddp-learner-x", "ddp-learner"),
      "ddp-learner-type": "ddp-learner-worker",
    },
    ownerReferences: [{
      apiVersion: "v1",
      kind: "Pod",
      name: "pong-aggregator-a",
      uid: "pong-aggregator-a-uid",
      controller: true,
    }],
  });
  deepStrictEqual(pod.spec?.containers[0]?.env?.slice(-5), [
    { name: "WORLD_SIZE", value: "10" },
    { name: "LOCAL_WORLD_SIZE", value: "2" },
    { name: "START_RANK", value: "8" },
    { name: "MASTER_ADDR", value: "pong-ddp-learner-m" },
    { name: "MASTER_PORT", value: "10314" },
  ]);
  deepStrictEqual(pod.spec?.containers[0]?.ports, [
    { name: "di-port", containerPort: 22279 },
    { name: "gpu-port-1", containerPort: 22280 },
  ]);
});

Deno.test("buildPod() of a ddp learner moves the di-port that the template declares", () => {
  const ports = [{ name: "http", containerPort: 80 }, {
    name: "di-port",
    containerPort: 9000,
    hostPort: 1,
  }];
  const pod = aMember(WORKER, [aContainer({ ports })]);
  deepStrictEqual(pod.spec?.containers[0]?.ports, [
    { name: "http", containerPort: 80 },
    { name: "di-port", containerPort: 9008, hostPort: 1 },
    { name: "gpu-port-1", containerPort: 9009 },
  ]);
  strictEqual(pod.spec?.containers[0]?.env?.[0]?.value, "9000");
});

Deno.test.each([
  { of: "the first pod of a split learner", share: MASTER, label: "ddp-learner-master" },
  { of: "another pod of a split learner", share: WORKER, label: "ddp-learner-worker" },
  { of: "the only pod of a learner", share: ALONE, label: undefined },
])("the share of $of is read again as it was, by its label too", ({ share, label }) => {
  const pod = aMember(share);
  deepStrictEqual([shareOf(pod), pod.metadata.labels?.["ddp-learner-type"], isMaster(pod)], [
    share,
    label,
    share === MASTER,
  ]);
});

Deno.test.each<{ of: string; env: EnvVar[] }>([
  { of: "a pod without variables", env: [] },
  {
    of: "a pod whose variable is no number",
    env: ["WORLD_SIZE", "LOCAL_WORLD_SIZE", "START_RANK"].map((name) => ({ name, value: "x" })),
  },
])("shareOf() $of is nothing", ({ env }) => {
  strictEqual(shareOf(aPod("p", { spec: { containers: [aContainer({ env })] } })), undefined);
});

Deno.test.each([
  { of: "a master with 4 GPUs", share: { ...MASTER, gpus: 4 }, count: 5 },
  { of: "a worker with 6 GPUs", share: { ...WORKER, gpus: 6 }, count: 6 },
  { of: "a master with 1 GPU", share: { ...MASTER, gpus: 1 }, count: 2 },
  { of: "a master with no GPU", share: { ...MASTER, gpus: 0 }, count: 2 },
  { of: "a worker with no GPU", share: { ...WORKER, gpus: 0 }, count: 1 },
])("sharePorts() of $of are $count", ({ share, count }) => {
  strictEqual(sharePorts(share, 22271).length, count);
});

Deno.test("publishedPorts() are the same whether or not a container declares them", () => {
  const bare = aMember(MASTER, [aContainer({ name: "work" })]);
  deepStrictEqual(numbersOf(bare), numbersOf(aMember(MASTER)));
});

Deno.test("gpuAddressesOf() leaves the port out where the processes meet", () => {
  const addresses = gpuAddressesOf(aMember({ ...MASTER, gpus: 2 }));
  deepStrictEqual(addresses, ["pong-ddp-learner-x.rl:22271", "pong-ddp-learner-x.rl:22272"]);
});
