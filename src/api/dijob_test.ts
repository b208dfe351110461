import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aJob, aTemplate } from "../../tests/support/builders.ts";
import { cleanPodPolicyOf, DIJOB, type DIJobSpec, isFinished, type Phase } from "./dijob.ts";

Deno.test.each<{ written: DIJobSpec["cleanPodPolicy"]; policy: string }>([
  { written: "Running", policy: "Running" },
  { written: "All", policy: "All" },
  { written: "None", policy: "None" },
  { written: "ALL", policy: "All" },
  { written: "", policy: "Running" },
])("cleanPodPolicyOf() takes '$written' as $policy", ({ written, policy }) => {
  strictEqual(cleanPodPolicyOf(aJob("pong", { spec: { cleanPodPolicy: written } }).spec), policy);
});

Deno.test("cleanPodPolicyOf() takes a job stored before there was a default as Running", () => {
  const { cleanPodPolicy: _, ...old } = aJob("pong").spec;
  strictEqual(cleanPodPolicyOf(Object.assign(old)), "Running");
});

Deno.test.each<{ phase: Phase | undefined; finished: boolean }>([
  { phase: undefined, finished: false },
  { phase: "Created", finished: false },
  { phase: "Running", finished: false },
  { phase: "Succeeded", finished: true },
  { phase: "Failed", finished: true },
])("isFinished() is $finished for phase $phase", ({ phase, finished }) => {
  strictEqual(isFinished(phase), finished);
});

Deno.test("DIJOB fills in what is not said, and keeps what a template says beyond the declared fields", () => {
  const template = aTemplate({
    spec: { nodeSelector: { disk: "ssd" } },
    metadata: { labels: { team: "red" }, annotations: { note: "kept" } },
  });
  deepStrictEqual(DIJOB.parse({ spec: { coordinator: { template } } }), {
    spec: {
      cleanPodPolicy: "Running",
      backoffLimit: 0,
      suspend: false,
      coordinator: { template },
    },
  });
});

Deno.test.each([
  { what: "an unknown policy", at: "spec.cleanPodPolicy", spec: { cleanPodPolicy: "Some" } },
  { what: "no coordinator", at: "spec.coordinator", spec: { coordinator: undefined } },
  { what: "no template", at: "spec.coordinator.template", spec: { coordinator: {} } },
  {
    what: "a template without containers",
    at: "spec.coordinator.template.spec.containers",
    spec: { coordinator: { template: { spec: { containers: [] } } } },
  },
  {
    what: "a container without a name",
    at: "spec.collector.template.spec.containers.0.name",
    spec: { collector: { template: { spec: { containers: [{ image: "img" }] } } } },
  },
  { what: "a volume without a name", at: "spec.volumes.0.name", spec: { volumes: [{}] } },
])("DIJOB refuses $what, naming $at", ({ at, spec }) => {
  const result = DIJOB.safeParse({ spec: { coordinator: { template: aTemplate() }, ...spec } });
  deepStrictEqual(result.error?.issues.map(({ path }) => path.join(".")), [at]);
});
