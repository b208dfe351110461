import { deepStrictEqual, notStrictEqual, strictEqual, throws } from "node:assert/strict";
import { aContainer, aJob, aPod, aTemplate, ownerOf } from "../../tests/support/builders.ts";
import type { Pod } from "../kube/mod.ts";
import { buildPod, type GpuShare } from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { buildDdpLearner, groupAnnotation } from "./learner_group.ts";
import { suffixOf } from "./names.ts";
import {
  buildReplacement,
  buildReplacementAggregator,
  buildReplacementMember,
  isReplacementOf,
  planReplace,
  type Replacement,
} from "./plan_replace.ts";

const sideCar = aContainer({ name: "side-car" });
const template = aTemplate({
  containers: [aContainer({ image: "new", resources: { limits: { cpu: "9" } } }), sideCar],
  metadata: { annotations: { team: "blue" } },
});
const job = aJob("pong", { spec: { learner: { template } } });
const resources = { limits: { cpu: "2" }, requests: { cpu: "1" } };
const old = aPod("pong-learner-x", {
  ownedBy: job,
  phase: "Failed",
  spec: { containers: [aContainer({ image: "old", resources }), sideCar] },
});
const serverAddress = "di-server.di-system:8080";
const parts = { serverAddress, attempt: 0 };

Deno.test("buildReplacement() makes the pod anew with the resources that it had", () => {
  const name = `pong-learner-${suffixOf("pong-learner-x-uid", 0)}`;
  const expected = buildPod({
    job,
    type: "learner",
    name,
    template,
    serverAddress,
    annotations: {
      "diengine.opendilab.org/replaces": "pong-learner-x-uid",
      "diengine.opendilab.org/replaces-name": "pong-learner-x",
    },
  });
  const [main, ...rest] = expected.spec?.containers ?? [];
  const containers = [{ ...main, resources }, ...rest];
  const pod = buildReplacement(job, old, "learner", parts);
  deepStrictEqual(pod, { ...expected, spec: { ...expected.spec, containers } });
  strictEqual(pod.metadata.annotations?.["team"], "blue");
});

Deno.test("buildReplacement() makes the same pod again, and another one for the next attempt", () => {
  const first = buildReplacement(job, old, "learner", parts);
  deepStrictEqual(buildReplacement(job, old, "learner", parts), first);
  const next = buildReplacement(job, old, "learner", { ...parts, attempt: 1 });
  notStrictEqual(next.metadata.name, first.metadata.name);
});

Deno.test("isReplacementOf() knows a pod by the uid that it replaces", () => {
  const pod = buildReplacement(job, old, "learner", parts);
  deepStrictEqual(
    [
      isReplacementOf(pod, "pong-learner-x-uid"),
      isReplacementOf(pod, "other"),
      isReplacementOf(old, ""),
    ],
    [true, false, false],
  );
});

const group = { gpus: [8, 2], resources: { cpu: "4" } };
const aggregator: Pod = withAnnotations(
  aPod("pong-aggregator-a", { ownedBy: job }),
  groupAnnotation(group),
);
const master = aMember("pong-ddp-learner-m", { worldSize: 10, gpus: 8, startRank: 0 });
const worker = aMember("pong-ddp-learner-w", {
  worldSize: 10,
  gpus: 2,
  startRank: 8,
  master: "pong-ddp-learner-m",
});
const collector = aPod("pong-collector-c", { ownedBy: job });
const all = [collector, worker, old, aggregator, master];

function aMember(name: string, share: GpuShare): Pod {
  const pod = buildDdpLearner({
    job,
    aggregator,
    template,
    resources: {},
    share,
    seed: name,
    attempt: 0,
    serverAddress,
  });
  const owner = ownerOf(aggregator);
  const metadata = { ...aPod(name).metadata, labels: { ...pod.metadata.labels, "pod-name": name } };
  return { ...pod, metadata: { ...metadata, ownerReferences: [owner] } };
}

function withAnnotations(pod: Pod, annotations: Record<string, string>): Pod {
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** A plan, short. */
function textOf(plan: readonly Replacement[]): string[] {
  return plan.map((replacement) => {
    switch (replacement.kind) {
      case "replica":
        return `${replacement.type} ${replacement.old.metadata.name}`;
      case "members": {
        const names = replacement.olds.map(({ pod }) => pod.metadata.name);
        return `members ${names} of ${replacement.aggregator.metadata.name} after ${replacement.master}`;
      }
      case "group": {
        const names = replacement.members.map(({ pod }) => pod.metadata.name);
        return `group ${replacement.old.metadata.name} with ${names}, ${replacement.gpus} GPUs`;
      }
    }
  });
}

Deno.test.each([
  {
    reported: "a collector and a learner",
    pods: [collector, old],
    plan: ["collector pong-collector-c", "learner pong-learner-x"],
  },
  {
    reported: "a worker",
    pods: [worker],
    plan: ["members pong-ddp-learner-w of pong-aggregator-a after pong-ddp-learner-m"],
  },
  {
    reported: "a master",
    pods: [master],
    plan: [
      "members pong-ddp-learner-m,pong-ddp-learner-w of pong-aggregator-a after undefined",
    ],
  },
  {
    reported: "a master and its worker",
    pods: [worker, master],
    plan: [
      "members pong-ddp-learner-m,pong-ddp-learner-w of pong-aggregator-a after undefined",
    ],
  },
  {
    reported: "an aggregator",
    pods: [aggregator],
    plan: ["group pong-aggregator-a with pong-ddp-learner-m,pong-ddp-learner-w, 10 GPUs"],
  },
  {
    reported: "an aggregator and a pod of its own",
    pods: [worker, aggregator],
    plan: ["group pong-aggregator-a with pong-ddp-learner-m,pong-ddp-learner-w, 10 GPUs"],
  },
])("planReplace() of $reported does each thing once", ({ pods, plan }) => {
  deepStrictEqual(textOf(planReplace(job, pods, all)), plan);
});

Deno.test("planReplace() knows a reported pod by its uid", () => {
  const plan = planReplace(job, [structuredClone(worker)], structuredClone(all));
  deepStrictEqual(textOf(plan), textOf(planReplace(job, [worker], all)));
});

Deno.test("planReplace() knows the GPUs of an aggregator whose ddp learners are gone", () => {
  deepStrictEqual(planReplace(job, [aggregator], [aggregator]), [
    { kind: "group", old: aggregator, members: [], gpus: 10, resources: { cpu: "4" } },
  ]);
});

Deno.test("planReplace() asks the ddp learners when the aggregator does not say", () => {
  const bare = withAnnotations(aggregator, {});
  deepStrictEqual(textOf(planReplace(job, [bare], [bare, worker, master])), [
    "group pong-aggregator-a with pong-ddp-learner-m,pong-ddp-learner-w, 10 GPUs",
  ]);
});

const lonely = aPod("pong-ddp-learner-l", { ownedBy: job });
const bare = withAnnotations(aggregator, {});

Deno.test.each([
  {
    pod: aPod("pong-coordinator", { ownedBy: job }),
    message: "pod rl/pong-coordinator is the coordinator of its job and cannot be replaced",
  },
  {
    pod: aPod("pong-aggregator", { ownedBy: job }),
    message: "pod rl/pong-aggregator is the aggregator of its job and cannot be replaced",
  },
  {
    pod: lonely,
    message: "pod rl/pong-ddp-learner-l has no aggregator and cannot be replaced",
  },
  {
    pod: bare,
    message: "pod rl/pong-aggregator-a does not say how many GPUs its learner has",
  },
])("planReplace() refuses $pod.metadata.name", ({ pod, message }) => {
  throws(() => planReplace(job, [pod], [pod]), new AllocationError("badRequest", message));
});

Deno.test("planReplace() refuses a role that the job has no template for", () => {
  const { collector: _, ...spec } = job.spec;
  throws(
    () => planReplace({ ...job, spec }, [collector], all),
    new AllocationError("badRequest", "DIJob rl/pong has no spec.collector.template"),
  );
});

Deno.test("buildReplacementAggregator() carries what its learner is made of", () => {
  const pod = buildReplacementAggregator(job, aggregator, aTemplate(), group, parts);
  deepStrictEqual([pod.metadata.name, pod.metadata.annotations], [
    `pong-aggregator-${suffixOf("pong-aggregator-a-uid", 0)}`,
    {
      "diengine.opendilab.org/replaces": "pong-aggregator-a-uid",
      "diengine.opendilab.org/replaces-name": "pong-aggregator-a",
      ...groupAnnotation(group),
    },
  ]);
});

Deno.test("buildReplacementMember() keeps the share, and tells the master's name of now", () => {
  const share = { worldSize: 10, gpus: 2, startRank: 8, master: "pong-ddp-learner-m" };
  const pod = buildReplacementMember(job, { pod: worker, share }, aggregator, "new", parts);
  const env = Object.fromEntries(
    (pod.spec?.containers[0]?.env ?? []).map(({ name, value }) => [name, value]),
  );
  const { WORLD_SIZE, LOCAL_WORLD_SIZE, START_RANK, MASTER_ADDR } = env;
  deepStrictEqual({
    name: pod.metadata.name,
    owner: pod.metadata.ownerReferences?.map(({ name }) => name),
    env: { WORLD_SIZE, LOCAL_WORLD_SIZE, START_RANK, MASTER_ADDR },
    resources: pod.spec?.containers[0]?.resources,
  }, {
    name: `pong-ddp-learner-${suffixOf("pong-ddp-learner-w-uid", 0)}`,
    owner: ["pong-aggregator-a"],
    env: { WORLD_SIZE: "10", LOCAL_WORLD_SIZE: "2", START_RANK: "8", MASTER_ADDR: "new" },
    resources: worker.spec?.containers[0]?.resources,
  });
});
