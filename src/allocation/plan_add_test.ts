import { deepStrictEqual, throws } from "node:assert/strict";
import { aContainer, aJob, aTemplate } from "../../tests/support/builders.ts";
import { AllocationError } from "./errors.ts";
import { planAdd, type RoleRequest } from "./plan_add.ts";

const collector = aTemplate({ containers: [aContainer({ image: "collector" })] });
const learner = aTemplate({ containers: [aContainer({ image: "learner" })] });
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
    collectors: aRequest(1),
    learners: aRequest(),
    error: new AllocationError("badRequest", "DIJob rl/bare has no spec.collector.template"),
  },
  {
    when: "the job has no learners",
    collectors: aRequest(),
    learners: aRequest(1),
    error: new AllocationError("badRequest", "DIJob rl/bare has no spec.learner.template"),
  },
  {
    when: "a learner needs several GPUs",
    collectors: aRequest(1),
    learners: aRequest(1, { gpus: 4 }),
    error: new AllocationError(
      "notImplemented",
      "multi-GPU learners (gpus: 4) are not implemented yet; at most 1 GPU per learner",
    ),
  },
])("planAdd() refuses when $when", ({ collectors, learners, error }) => {
  throws(() => planAdd(bareJob, { collectors, learners }), error);
});
