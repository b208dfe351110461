import { deepStrictEqual, match, notStrictEqual, strictEqual } from "node:assert/strict";
import { aJob } from "../../tests/support/builders.ts";
import { type Meddler, MemoryApi, MemoryClient } from "../../tests/support/memory_api.ts";
import type { DIJobStatus, Phase } from "../api/mod.ts";
import { ApiError, EVENTS } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { buildEvent, EventRecorder, type JobEvent, statusEvents } from "./events.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0, 999);
const JOB = aJob("pong", { version: "42" });
const MADE: JobEvent = {
  type: "Normal",
  reason: "SuccessfulCreate",
  message: "Create pod: pong-coordinator",
  subject: "uid-1",
};

Deno.test("buildEvent() makes what kubectl describe shows under a job", () => {
  const { metadata, ...event } = buildEvent(JOB, MADE, NOW);
  match(metadata.name ?? "", /^pong\.[0-9a-f]{16}$/);
  strictEqual(metadata.namespace, "rl");
  deepStrictEqual(event, {
    involvedObject: {
      apiVersion: "diengine.opendilab.org/v1alpha1",
      kind: "DIJob",
      name: "pong",
      namespace: "rl",
      uid: "pong-uid",
      resourceVersion: "42",
    },
    type: "Normal",
    reason: "SuccessfulCreate",
    message: "Create pod: pong-coordinator",
    source: { component: "di-orchestrator" },
    reportingComponent: "di-orchestrator",
    firstTimestamp: "2026-01-01T12:00:00Z",
    lastTimestamp: "2026-01-01T12:00:00Z",
    count: 1,
  });
});

Deno.test("buildEvent() gives the same name to the same news, whenever it is told", () => {
  const later = aJob("pong", { version: "50", phase: "Running" });
  strictEqual(nameOf(buildEvent(later, MADE, NOW + 60_000)), nameOf(buildEvent(JOB, MADE, NOW)));
});

Deno.test.each([
  { what: "another reason", event: { ...MADE, reason: "SuccessfulDelete" }, job: JOB },
  { what: "other words", event: { ...MADE, message: "Create pod: pong-aggregator" }, job: JOB },
  { what: "another pod of that name", event: { ...MADE, subject: "uid-2" }, job: JOB },
  { what: "a later job of that name", event: MADE, job: aJob("pong", { uid: "later" }) },
])("buildEvent() gives another name to $what", ({ event, job }) => {
  notStrictEqual(nameOf(buildEvent(job, event, NOW)), nameOf(buildEvent(JOB, MADE, NOW)));
});

Deno.test("buildEvent() keeps to the longest message that an API server takes, and to its text", () => {
  const message = `100% of ${"x".repeat(2000)}`;
  strictEqual(buildEvent(JOB, { ...MADE, message }, NOW).message, message.slice(0, 1024));
});

const START = "2026-01-01T00:00:00Z";

function aStatus(phase: Phase, more: DIJobStatus = {}): DIJobStatus {
  const condition = {
    type: phase,
    status: "True" as const,
    reason: `DIJob${phase}`,
    message: "so",
  };
  return { phase, startTime: START, conditions: [condition], ...more };
}

function withRefusal(status: DIJobStatus, message: string): DIJobStatus {
  const refusal = {
    type: "Accepted",
    status: "False" as const,
    reason: "InvalidTemplate",
    message,
  };
  return { ...status, conditions: [...status.conditions ?? [], refusal] };
}

Deno.test.each<{ what: string; before?: DIJobStatus; after: DIJobStatus; event?: JobEvent }>([
  {
    what: "a new job",
    after: aStatus("Created"),
    event: { type: "Normal", reason: "DIJobCreated", message: "so", subject: START },
  },
  { what: "a job that runs", before: aStatus("Created"), after: aStatus("Running") },
  { what: "a job as it was", before: aStatus("Failed"), after: aStatus("Failed") },
  {
    what: "a job that has failed",
    before: aStatus("Running"),
    after: aStatus("Failed"),
    event: { type: "Warning", reason: "DIJobFailed", message: "so", subject: START },
  },
  {
    what: "a job that is suspended",
    before: aStatus("Running"),
    after: { ...aStatus("Suspended"), startTime: undefined },
    event: { type: "Normal", reason: "DIJobSuspended", message: "so" },
  },
  {
    what: "a coordinator that starts again",
    before: aStatus("Running", { restarts: 1 }),
    after: aStatus("Created", {
      restarts: 2,
      conditions: [{ type: "Running", status: "False", reason: "CoordinatorFailed", message: "x" }],
    }),
    event: { type: "Warning", reason: "CoordinatorFailed", message: "Restart 2: x" },
  },
  {
    what: "templates that are not accepted, beside the phase",
    after: withRefusal(aStatus("Created"), "no image"),
    event: { type: "Warning", reason: "InvalidTemplate", message: "no image" },
    before: aStatus("Created"),
  },
  {
    what: "templates that are still not accepted",
    before: withRefusal(aStatus("Created"), "no image"),
    after: withRefusal(aStatus("Created"), "no image"),
  },
  {
    what: "templates that are not accepted for another reason",
    before: withRefusal(aStatus("Created"), "no image"),
    after: withRefusal(aStatus("Created"), "no command"),
    event: { type: "Warning", reason: "InvalidTemplate", message: "no command" },
  },
])("statusEvents() tells of $what", ({ before, after, event }) => {
  deepStrictEqual(statusEvents(after, before), event === undefined ? [] : [event]);
});

Deno.test("EventRecorder tells the same news once, however often it is recorded", async () => {
  const api = new MemoryApi();
  await withRecorder(api, undefined, async (events) => {
    events.record(JOB, MADE);
    events.record(JOB, MADE);
    await events.flush();
    events.record(JOB, MADE);
    await events.flush();
  });
  deepStrictEqual(api.all(EVENTS).map(({ message }) => message), [MADE.message]);
});

Deno.test("EventRecorder goes on when an event cannot be written", async () => {
  const api = new MemoryApi();
  let refusals = 2;
  const meddle: Meddler = (_request, act) => {
    if (refusals-- > 0) throw new ApiError(403, "Forbidden", "no");
    return act();
  };
  await withRecorder(api, meddle, async (events) => {
    for (let i = 0; i < 3; i++) events.record(JOB, { ...MADE, message: `try ${i}` });
    await events.flush();
  });
  deepStrictEqual(api.all(EVENTS).map(({ message }) => message), ["try 2"]);
});

Deno.test("EventRecorder tells of a pass its first 25 successes, and every failure", async () => {
  const api = new MemoryApi();
  await withRecorder(api, undefined, async (events) => {
    const pass = events.forPass();
    for (let i = 0; i < 40; i++) {
      pass.record(JOB, { ...MADE, message: `made ${i}` });
      pass.record(JOB, { ...MADE, type: "Warning", message: `failed ${i}` });
    }
    events.forPass().record(JOB, { ...MADE, message: "made later" });
    await events.flush();
  });
  const told = api.all(EVENTS).map(({ message }) => message);
  const made = told.filter((message) => message?.startsWith("made"));
  deepStrictEqual([told.length, made.length], [66, 26]);
  deepStrictEqual([made[0], made[24], made[25]], ["made 0", "made 24", "made later"]);
});

function nameOf({ metadata }: ReturnType<typeof buildEvent>): string {
  return metadata.name ?? "";
}

async function withRecorder(
  api: MemoryApi,
  meddle: Meddler | undefined,
  work: (events: EventRecorder) => Promise<void>,
): Promise<void> {
  await work(new EventRecorder(new MemoryClient(api, meddle), () => NOW, loggerOf("test")));
}
