import { deepStrictEqual } from "node:assert/strict";
import { aJob, aPod, aService, ownerOf, type PodParts } from "../../tests/support/builders.ts";
import type { DIJobSpec } from "../api/mod.ts";
import { planCleanup } from "./cleanup.ts";
import type { Action } from "./plan.ts";

const CRASHED = { "di-container": { waiting: { reason: "CrashLoopBackOff" } } };
const ENDED = { "di-container": { terminated: { exitCode: 0 } }, side: { running: {} } };
const PULLING = { "di-container": { waiting: { reason: "ContainerCreating" } } };

/** What becomes of one pod of a finished job under each policy. */
type Fate = "goes" | "stays";

Deno.test.each<{ pod: string; parts: PodParts; running: Fate; all: Fate }>([
  { pod: "runs", parts: { phase: "Running" }, running: "goes", all: "goes" },
  { pod: "is pending", parts: { phase: "Pending" }, running: "goes", all: "goes" },
  {
    pod: "is being started",
    parts: { phase: "Pending", states: PULLING },
    running: "goes",
    all: "goes",
  },
  { pod: "was not seen by a kubelet", parts: {}, running: "goes", all: "goes" },
  { pod: "succeeded", parts: { phase: "Succeeded" }, running: "stays", all: "goes" },
  { pod: "failed", parts: { phase: "Failed" }, running: "stays", all: "goes" },
  { pod: "is on a lost node", parts: { phase: "Unknown" }, running: "stays", all: "goes" },
  {
    pod: "keeps crashing",
    parts: { phase: "Running", states: CRASHED },
    running: "stays",
    all: "goes",
  },
  {
    pod: "ended in part",
    parts: { phase: "Running", states: ENDED },
    running: "stays",
    all: "goes",
  },
])("planCleanup() of a pod that $pod: $running under Running, $all under All", (row) => {
  const fates: Record<string, Fate> = {
    Running: row.running,
    "": row.running,
    All: row.all,
    ALL: row.all,
    None: "stays",
  };
  const pod = aPod("pong-collector-a", row.parts);
  const service = aService("pong-collector-a", { ownedBy: pod });
  const services = new Map([["pong-collector-a", service]]);
  const found = Object.keys(fates).map((policy) => [policy, cleanUp(policy, [pod], services)]);
  const expected = Object.entries(fates).map(([policy, fate]) => [
    policy,
    // A service goes in any case: with its pod, or alone.
    fate === "goes" ? [{ kind: "deletePod", pod }] : [{ kind: "deleteService", service }],
  ]);
  deepStrictEqual(found, expected);
});

Deno.test.each([{ policy: "Running" }, { policy: "All" }, { policy: "None" }])(
  "planCleanup() under $policy leaves a pod that is on its way out, and the service that goes with it",
  ({ policy }) => {
    const pod = aPod("pong-collector-a", { phase: "Running", deleting: true });
    const service = aService("pong-collector-a", { ownedBy: pod });
    deepStrictEqual(cleanUp(policy, [pod], new Map([["pong-collector-a", service]])), []);
  },
);

Deno.test.each<{ pod: string; parts: PodParts }>([
  { pod: "is to go", parts: { phase: "Running" } },
  { pod: "is on its way out", parts: { phase: "Running", deleting: true } },
  { pod: "stays", parts: { phase: "Failed" } },
])(
  "planCleanup() of a pod that $pod deletes a service first that the job owns too",
  ({ parts }) => {
    const name = "pong-collector-a";
    const pod = aPod(name, parts);
    const service = aService(name, { ownedBy: pod });
    service.metadata.ownerReferences?.push(ownerOf(aJob("pong")));
    deepStrictEqual(cleanUp("Running", [pod], new Map([[name, service]])), [
      { kind: "deleteService", service },
    ]);
  },
);

Deno.test("planCleanup() has nothing to do once everything is gone that should be", () => {
  deepStrictEqual(cleanUp("Running", [aPod("pong-coordinator", { phase: "Succeeded" })]), []);
  deepStrictEqual(cleanUp("All", []), []);
});

Deno.test("planCleanup() looks at each pod by itself", () => {
  const pods = [
    aPod("pong-coordinator", { phase: "Succeeded" }),
    aPod("pong-collector-a", { phase: "Running" }),
    aPod("pong-learner-a", { phase: "Failed" }),
    aPod("pong-learner-b", { phase: "Running" }),
  ];
  deepStrictEqual(cleanUp("Running", pods), [
    { kind: "deletePod", pod: pods[1] },
    { kind: "deletePod", pod: pods[3] },
  ]);
});

function cleanUp(
  policy: string,
  pods: ReturnType<typeof aPod>[],
  services = new Map<string, ReturnType<typeof aService>>(),
): Action[] {
  const spec = { cleanPodPolicy: policy as DIJobSpec["cleanPodPolicy"] };
  const job = aJob("pong", { phase: "Succeeded", spec });
  return planCleanup({ job, pods, services, aggregatorConfig: undefined, now: 0 });
}
