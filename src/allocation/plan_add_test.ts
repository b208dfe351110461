import { deepStrictEqual, throws } from "node:assert/strict";
import { aContainer, aJob, aTemplate } from "../../tests/support/builders.ts";
import { AllocationError } from "./errors.ts";
import {
  needsAggregator,
  planAdd,
  requireGroupPorts,
  requirePodCount,
  type RoleRequest,
} from "./plan_add.ts";

const collector = aTemplate({ containers: [aContainer({ image: "collector" })] });
const learner = aTemplate({ containers: [aContainer({ image: "learner" })] });
const aggregator = aTemplate({ containers: [aContainer({ image: "aggregator" })] });
const job = aJob("pong", {
  spec: { collector: { template: collector }, learner: { template: learner } },
});
const { collector: _, learner: __, ...bareSpec } = aJob("bare").spec;
const bareJob = { ...aJob("bare"), spec: bareSpec };

function aRequest(replicas = 0, parts: Partial<RoleRequest> = {}): RoleRequest {
  return { replicas, gpus: 0, resources: {}, ...parts };
}

Deno.test("planAdd() orders collectors, then learners, each with its template and resources", () => {
  const collectors = aRequest(2, { resources: { cpu: "500m" } });
  const learners = aRequest(1, { gpus: 1, resources: { "nvidia.com/gpu": "1" } });
  deepStrictEqual(planAdd(job, { collectors, learners }), [
    { type: "collector", template: collector, resources: { cpu: "500m" } },
    { type: "collector", template: collector, resources: { cpu: "500m" } },
    { type: "learner", template: learner, resources: { "nvidia.com/gpu": "1" } },
  ]);
});

Deno.test("planAdd() orders learners with several GPUs with what is behind them", () => {
  const resources = { cpu: "4", "nvidia.com/gpu": "10" };
  const request = { collectors: aRequest(), learners: aRequest(2, { gpus: 10, resources }) };
  const group = { aggregator, parts: { gpus: [8, 2], resources: { cpu: "4" } } };
  const order = { type: "learner", template: learner, resources, group };
  deepStrictEqual(planAdd(job, request, { aggregator, gpus: [8, 2] }), [order, order]);
});

Deno.test("requirePodCount() counts the aggregators and the ddp learners of a call", () => {
  const request = { collectors: aRequest(), learners: aRequest(3, { gpus: 10 }) };
  requirePodCount(request, [8, 2], 9);
  throws(() => requirePodCount(request, [8, 2], 8), {
    name: "AllocationError",
    failure: "badRequest",
    message: "3 learners of 10 GPUs come to 9 pods, and one call makes at most 8",
  });
});

Deno.test("requireGroupPorts() refuses more GPUs than there are ports", () => {
  const learners = aRequest(1, { gpus: 2e9 });
  throws(() => requireGroupPorts(job, { collectors: aRequest(), learners }), {
    name: "AllocationError",
    failure: "badRequest",
  });
});

Deno.test.each([
  { gpus: 0, replicas: 1, needs: false },
  { gpus: 1, replicas: 1, needs: false },
  { gpus: 2, replicas: 1, needs: true },
  { gpus: 2, replicas: 0, needs: false },
])("needsAggregator() for $replicas learners of $gpus GPUs is $needs", (row) => {
  const learners = aRequest(row.replicas, { gpus: row.gpus });
  deepStrictEqual(needsAggregator({ collectors: aRequest(), learners }), row.needs);
});

Deno.test.each([
  { when: "nothing is asked for", of: job, learners: aRequest() },
  { when: "a job without templates is asked for nothing", of: bareJob, learners: aRequest() },
  { when: "no learner is asked for, however big", of: job, learners: aRequest(0, { gpus: 8 }) },
])("planAdd() orders nothing when $when", ({ of, learners }) => {
  deepStrictEqual(planAdd(of, { collectors: aRequest(), learners }), []);
});

Deno.test.each([
  {
    when: "the job has no collectors",
    of: bareJob,
    collectors: aRequest(1),
    learners: aRequest(),
    message: "DIJob rl/bare has no spec.collector.template",
  },
  {
    when: "the job has no learners",
    of: bareJob,
    collectors: aRequest(),
    learners: aRequest(1),
    message: "DIJob rl/bare has no spec.learner.template",
  },
  {
    when: "the ports of a learner's GPUs go past the last port",
    of: learnerAt(65_530),
    collectors: aRequest(),
    learners: aRequest(1, { gpus: 8 }),
    message: "a learner of 8 GPUs takes the ports 65530 to 65537, and the last port is 65535: " +
      "give di-port another number in spec.learner.template of DIJob rl/pong",
  },
  {
    when: "the ports of a learner's GPUs take the one where its processes meet",
    of: learnerAt(10_310),
    collectors: aRequest(),
    learners: aRequest(1, { gpus: 8 }),
    message:
      "a learner of 8 GPUs takes the ports 10310 to 10317, and 10314 is where its processes meet: " +
      "give di-port another number in spec.learner.template of DIJob rl/pong",
  },
])("planAdd() refuses when $when", ({ of, collectors, learners, message }) => {
  const group = learners.gpus > 1 ? { aggregator, gpus: [learners.gpus] } : undefined;
  throws(
    () => planAdd(of, { collectors, learners }, group),
    new AllocationError("badRequest", message),
  );
});

function learnerAt(containerPort: number) {
  const ports = [{ name: "di-port", containerPort }];
  const template = aTemplate({ containers: [aContainer({ ports })] });
  return aJob("pong", { spec: { learner: { template } } });
}
