import { deepStrictEqual, notStrictEqual, strictEqual, throws } from "node:assert/strict";
import { aContainer, aJob, aPod, aTemplate } from "../../tests/support/builders.ts";
import { buildPod } from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { suffixOf } from "./names.ts";
import { buildReplacement, isReplacementOf, replaceableTypeOf } from "./plan_replace.ts";

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
  const pod = buildReplacement(job, old, { serverAddress, attempt: 0 });
  deepStrictEqual(pod, { ...expected, spec: { ...expected.spec, containers } });
  strictEqual(pod.metadata.annotations?.["team"], "blue");
});

Deno.test("buildReplacement() makes the same pod again, and another one for the next attempt", () => {
  const first = buildReplacement(job, old, { serverAddress, attempt: 0 });
  deepStrictEqual(buildReplacement(job, old, { serverAddress, attempt: 0 }), first);
  const next = buildReplacement(job, old, { serverAddress, attempt: 1 });
  notStrictEqual(next.metadata.name, first.metadata.name);
});

Deno.test("isReplacementOf() knows a pod by the uid that it replaces", () => {
  const pod = buildReplacement(job, old, { serverAddress, attempt: 0 });
  deepStrictEqual(
    [
      isReplacementOf(pod, "pong-learner-x-uid"),
      isReplacementOf(pod, "other"),
      isReplacementOf(old, ""),
    ],
    [true, false, false],
  );
});

Deno.test.each([
  { name: "pong-collector-a", type: "collector" },
  { name: "pong-learner-a", type: "learner" },
])("replaceableTypeOf() gives the role of $name", ({ name, type }) => {
  strictEqual(replaceableTypeOf(job, aPod(name, { ownedBy: job })), type);
});

Deno.test.each(
  [
    {
      name: "pong-coordinator",
      failure: "badRequest",
      message: "pod rl/pong-coordinator is the coordinator of its job and cannot be replaced",
    },
    {
      name: "pong-aggregator",
      failure: "badRequest",
      message: "pod rl/pong-aggregator is the aggregator of its job and cannot be replaced",
    },
    {
      name: "pong-aggregator-a",
      failure: "notImplemented",
      message:
        "pod rl/pong-aggregator-a belongs to a multi-GPU learner; replacing these is not implemented yet",
    },
    {
      name: "pong-ddp-learner-a",
      failure: "notImplemented",
      message:
        "pod rl/pong-ddp-learner-a belongs to a multi-GPU learner; replacing these is not implemented yet",
    },
  ] as const,
)("replaceableTypeOf() refuses $name", ({ name, failure, message }) => {
  const pod = aPod(name, { ownedBy: job });
  throws(() => replaceableTypeOf(job, pod), new AllocationError(failure, message));
});

Deno.test("replaceableTypeOf() refuses a role that the job has no template for", () => {
  const { collector: _, ...spec } = job.spec;
  const pod = aPod("pong-collector-a", { ownedBy: job });
  throws(
    () => replaceableTypeOf({ ...job, spec }, pod),
    new AllocationError("badRequest", "DIJob rl/pong has no spec.collector.template"),
  );
});
