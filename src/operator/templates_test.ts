import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { aContainer, aJob, aPod, aTemplate, type JobParts } from "../../tests/support/builders.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import type { Condition, DIJob } from "../api/mod.ts";
import { ApiError, type Pod, type Status } from "../kube/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { needsTemplateCheck, REFUSAL_MS, TemplateChecker } from "./templates.ts";

const { signal } = new AbortController();

/** A checker whose dry runs come to what `answer` does with the pod's role. */
class Check {
  readonly asked: string[] = [];
  now = 0;
  readonly #checker: TemplateChecker;

  constructor(answer: (role: string) => unknown) {
    const meddle: Meddler = ({ method, path, body }) => {
      strictEqual(`${method} ${path}`, "POST /api/v1/namespaces/rl/pods?dryRun=All");
      const role = (body as Pod).metadata.labels?.["replica-type"] ?? "";
      this.asked.push(role);
      return answer(role);
    };
    const client = new MemoryClient(new MemoryApi(), meddle);
    this.#checker = new TemplateChecker(client, "s:1", () => this.now);
  }

  of(job: DIJob) {
    return this.#checker.check(job, signal);
  }
}

function invalid(...causes: { field: string; message: string }[]): ApiError {
  const status: Status = { code: 422, reason: "Invalid", details: { causes } };
  return new ApiError(422, "Invalid", 'Pod "x" is invalid: so and so', status);
}

function refusing(refused: string, error: Error): (role: string) => unknown {
  return (role) => {
    if (role === refused) throw error;
  };
}

Deno.test("check() sends one pod of each template, as it would be made, and accepts what is taken", async () => {
  const check = new Check(() => undefined);
  deepStrictEqual(await check.of(aJob("pong")), { kind: "accepted" });
  deepStrictEqual(check.asked, ["coordinator", "collector", "learner"]);
});

Deno.test("check() names each fault by its place in the DIJob", async () => {
  const faults = invalid(
    { field: "spec.containers[0].image", message: "Required value" },
    { field: "spec.restartPolicy", message: 'Unsupported value: "Now"' },
  );
  deepStrictEqual(await new Check(refusing("learner", faults)).of(aJob("pong")), {
    kind: "refused",
    message: "spec.learner.template.spec.containers[0].image: Required value, " +
      'spec.learner.template.spec.restartPolicy: Unsupported value: "Now"',
  });
});

Deno.test.each<{ error: ApiError; verdict: unknown }>([
  {
    error: new ApiError(400, "BadRequest", "no such policy"),
    verdict: { kind: "refused", message: "spec.collector.template: no such policy" },
  },
  { error: new ApiError(409, "AlreadyExists", "it is there"), verdict: { kind: "accepted" } },
  { error: new ApiError(403, "Forbidden", "exceeded quota"), verdict: { kind: "unknown" } },
  { error: new ApiError(404, "NotFound", "no such namespace"), verdict: { kind: "unknown" } },
  { error: new ApiError(500, "InternalError", "webhook away"), verdict: { kind: "unknown" } },
  {
    error: new ApiError(400, "BadRequest", 'webhook "w" does not support dry run'),
    verdict: { kind: "unknown" },
  },
])("check() of a template that is answered $error.code $error.message", async (row) => {
  deepStrictEqual(await new Check(refusing("collector", row.error)).of(aJob("pong")), row.verdict);
});

Deno.test("check() throws when no answer came", async () => {
  await rejects(new Check(refusing("learner", noAnswer())).of(aJob("pong")));
});

Deno.test("check() asks once for equal templates, and again for others", async () => {
  const check = new Check(() => undefined);
  await check.of(aJob("pong"));
  await check.of(aJob("pang"));
  strictEqual(check.asked.length, 3);
  const other = aTemplate({ containers: [aContainer({ image: "other" })] });
  await check.of(aJob("pong", { spec: { learner: { template: other } } }));
  strictEqual(check.asked.length, 6);
});

Deno.test("check() leaves an API server alone for a while that did not come to look", async () => {
  const check = new Check(refusing("learner", new ApiError(403, "Forbidden", "quota")));
  await check.of(aJob("pong"));
  await check.of(aJob("pong"));
  strictEqual(check.asked.length, 3);
});

Deno.test("check() believes a refusal for a while, and asks anew after it", async () => {
  const check = new Check(refusing("learner", invalid({ field: "spec", message: "no" })));
  const first = await check.of(aJob("pong"));
  check.now = REFUSAL_MS - 1;
  deepStrictEqual(await check.of(aJob("pong")), first);
  strictEqual(check.asked.length, 3);
  check.now = REFUSAL_MS;
  await check.of(aJob("pong"));
  strictEqual(check.asked.length, 6);
});

const COORDINATOR = aPod("pong-coordinator", { ownedBy: aJob("pong") });

function accepted(status: Condition["status"]): Condition[] {
  return [{ type: "Accepted", status }];
}

Deno.test.each<{ when: string; job: JobParts; pods?: Pod[]; generation?: number; needs: boolean }>([
  { when: "a job is new", job: {}, needs: true },
  { when: "it is to stand still", job: { spec: { suspend: true } }, needs: false },
  { when: "it is being deleted", job: { deleting: true }, needs: false },
  { when: "it has ended", job: { phase: "Failed" }, needs: false },
  { when: "it is another's", job: { spec: { managedBy: "a.b/c" } }, needs: false },
  {
    when: "its templates were accepted",
    job: { phase: "Created", status: { conditions: accepted("True"), observedGeneration: 1 } },
    generation: 1,
    needs: false,
  },
  {
    when: "its spec has changed since",
    job: { phase: "Running", status: { conditions: accepted("True"), observedGeneration: 1 } },
    generation: 2,
    pods: [COORDINATOR],
    needs: true,
  },
  {
    when: "they were refused",
    job: { phase: "Created", status: { conditions: accepted("False"), observedGeneration: 1 } },
    generation: 1,
    needs: true,
  },
  {
    when: "they could not be looked at",
    job: { phase: "Running", status: { conditions: accepted("Unknown"), observedGeneration: 1 } },
    generation: 1,
    pods: [COORDINATOR],
    needs: true,
  },
  {
    when: "nobody has looked, and it has yet to start",
    job: { phase: "Created", status: { observedGeneration: 1 } },
    generation: 1,
    needs: true,
  },
  {
    when: "nobody has looked, and it runs",
    job: { phase: "Running", status: { observedGeneration: 1 } },
    generation: 1,
    pods: [COORDINATOR],
    needs: false,
  },
])("needsTemplateCheck() is $needs when $when", ({ job: parts, pods = [], generation, needs }) => {
  const job = aJob("pong", parts);
  if (generation !== undefined) job.metadata.generation = generation;
  const snapshot: JobSnapshot = {
    job,
    pods,
    services: new Map(),
    aggregatorConfig: undefined,
    now: 0,
  };
  strictEqual(needsTemplateCheck(snapshot), needs);
});
