import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import {
  aJob,
  aPod,
  aService,
  aTemplate,
  CREATED_AT_MS,
  NAMESPACE,
} from "../../tests/support/builders.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { type DIJob, DIJOBS } from "../api/mod.ts";
import { ApiError, EVENTS, PODS, SERVICES } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { EventRecorder } from "./events.ts";
import { reconcileJob } from "./reconcile.ts";
import { buildCaches, trimPod, trimService } from "./snapshot.ts";
import { RESTART_BACKOFF } from "./stage.ts";

const KEY = { namespace: NAMESPACE, name: "pong" };

/** An API server with one job, and an operator whose caches are read from it when `look` is called. */
class Stage {
  readonly api = new MemoryApi();
  readonly caches = buildCaches();
  readonly again: number[] = [];
  /** What happens to requests; by default what they ask for. */
  meddle: Meddler = (_request, act) => act();
  readonly #client = new MemoryClient(this.api, (request, act) => this.meddle(request, act));

  constructor(job: DIJob) {
    this.api.now = CREATED_AT_MS + 60_000;
    this.api.put(DIJOBS, job);
  }

  get job(): DIJob {
    const job = this.api.get(DIJOBS, "pong");
    if (job === undefined) throw new Error("the job is gone");
    return job;
  }

  /** The caches catch up. */
  look(): void {
    const version = String(this.api.version);
    this.caches.jobs.replaceAll(this.api.all(DIJOBS), version);
    this.caches.pods.replaceAll(this.api.all(PODS).map(trimPod), version);
    this.caches.services.replaceAll(this.api.all(SERVICES).map(trimService), version);
  }

  /** One pass; the writes that were done, events left out. */
  async pass(): Promise<string[]> {
    const before = this.#client.writes.length;
    const events = new EventRecorder(this.#client, () => this.api.now, loggerOf("test"));
    try {
      await reconcileJob(KEY, {
        client: this.#client,
        caches: this.caches,
        plan: { serverAddress: "di-server.di-system:8080", restartBackoff: RESTART_BACKOFF },
        readAggregatorConfig: () => Promise.resolve(undefined),

        checkTemplates: () => Promise.resolve(undefined),
        now: () => this.api.now,
        events,
        log: loggerOf("operator"),
        signal: new AbortController().signal,
        onStart: () => {},
        again: (_key, ms) => void this.again.push(ms),
      });
    } finally {
      await events.flush();
    }
    return this.#client.writes.slice(before).filter((write) => !write.includes(" events/"));
  }

  events(): string[] {
    return this.api.all(EVENTS).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  }

  /** `type status reason` of the job's conditions. */
  conditions(): string[] {
    return (this.job.status?.conditions ?? []).map((condition) =>
      `${condition.type} ${condition.status} ${condition.reason}`
    );
  }
}

function onStage(job: DIJob, work: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage(job);
  stage.look();
  return work(stage);
}

Deno.test("a pass over a new job makes the coordinator, its service, and then the status", () =>
  onStage(aJob("pong"), async (stage) => {
    deepStrictEqual(await stage.pass(), [
      "POST pods/pong-coordinator",
      "POST services/pong-coordinator",
      "PUT dijobs/pong/status",
    ]);
    const pod = stage.api.get(PODS, "pong-coordinator");
    const service = stage.api.get(SERVICES, "pong-coordinator");
    deepStrictEqual(service?.metadata.ownerReferences?.map(({ uid }) => uid), [pod?.metadata.uid]);
    deepStrictEqual(stage.events(), [
      "Normal SuccessfulCreate: Create pod: pong-coordinator",
      "Normal SuccessfulCreate: Create service: pong-coordinator",
      "Normal DIJobCreated: DIJob pong created",
    ]);
  }));

Deno.test("a second pass sees what the first one wrote, though no watch has told of it", () =>
  onStage(aJob("pong"), async (stage) => {
    await stage.pass();
    stage.meddle = ({ method, path }) => {
      throw new Error(`${method} ${path} was sent`);
    };
    deepStrictEqual(await stage.pass(), []);
  }));

Deno.test("a pass whose caches lag behind takes what it finds of its own as done", () =>
  onStage(aJob("pong"), async (stage) => {
    stage.meddle = ({ path }, act) => {
      const answer = act();
      if (path.endsWith("/status")) throw noAnswer();
      return answer;
    };
    await rejects(stage.pass());
    stage.meddle = (_request, act) => act();
    const lagging = buildCaches();
    Object.assign(stage.caches, { pods: lagging.pods, services: lagging.services });
    // The first one sees that the job is not as it was known, the second that its pod is there.
    deepStrictEqual([await stage.pass(), await stage.pass()], [[], []]);
    stage.look();
    deepStrictEqual(await stage.pass(), []);
    strictEqual(stage.api.all(PODS).length, 1);
  }));

Deno.test("a pass over a job that is gone does nothing", () =>
  onStage(aJob("pong"), async (stage) => {
    stage.api.remove(DIJOBS, stage.job);
    stage.look();
    deepStrictEqual(await stage.pass(), []);
  }));

Deno.test("a stranger's pod of the coordinator's name is left alone, and the pass fails", () =>
  onStage(aJob("pong"), async (stage) => {
    const pod = aPod("pong-coordinator");
    stage.api.put(PODS, pod);
    stage.look();
    await rejects(stage.pass(), { name: "ApiError", reason: "AlreadyExists" });
    strictEqual(stage.api.get(PODS, "pong-coordinator")?.metadata.uid, pod.metadata.uid);
    deepStrictEqual(stage.conditions(), [
      "Created True DIJobCreated",
      "Progressing False AlreadyExists",
    ]);
    strictEqual(
      stage.events()[0],
      "Warning FailedCreate: Failed to create pod: pong-coordinator error: " +
        "/api/v1/namespaces/rl/pods/pong-coordinator already exists",
    );
  }));

Deno.test("a pod that a job of the same name left behind is waited for, without a word of failure", () =>
  onStage(aJob("pong"), async (stage) => {
    const pod = aPod("pong-coordinator", { ownedBy: aJob("pong", { uid: "old" }) });
    stage.api.put(PODS, pod);
    stage.look();
    await stage.pass();
    strictEqual(stage.api.get(PODS, "pong-coordinator")?.metadata.uid, pod.metadata.uid);
    deepStrictEqual([stage.again, stage.conditions()], [[500], ["Created True DIJobCreated"]]);
  }));

Deno.test("a failure whose words change with every try is one event", () =>
  onStage(aJob("pong"), async (stage) => {
    for (const port of [40_001, 40_002]) {
      stage.meddle = ({ method, path }, act) => {
        if (method !== "POST" || !path.endsWith("/pods")) return act();
        throw new ApiError(500, "InternalError", `dial tcp 127.0.0.1:${port}: refused`);
      };
      await rejects(stage.pass(), { reason: "InternalError" });
      stage.look();
    }
    strictEqual(stage.events().filter((event) => event.includes("FailedCreate")).length, 1);
  }));

Deno.test("a refused coordinator is tried again, shown in a condition, told of once, and recovers", () =>
  onStage(aJob("pong"), async (stage) => {
    stage.meddle = ({ method, path }, act) => {
      if (method === "POST" && path.endsWith("/pods")) {
        throw new ApiError(403, "Forbidden", "exceeded quota: 100% used");
      }
      return act();
    };
    for (let i = 0; i < 3; i++) await rejects(stage.pass(), { reason: "Forbidden" });
    deepStrictEqual(stage.conditions(), [
      "Created True DIJobCreated",
      "Progressing False Forbidden",
    ]);
    deepStrictEqual(stage.events(), [
      "Warning FailedCreate: Failed to create pod: pong-coordinator error: exceeded quota: 100% used",
      "Normal DIJobCreated: DIJob pong created",
    ]);
    stage.meddle = (_request, act) => act();
    deepStrictEqual(await stage.pass(), [
      "POST pods/pong-coordinator",
      "POST services/pong-coordinator",
      "PUT dijobs/pong/status",
    ]);
    deepStrictEqual(stage.conditions(), [
      "Created True DIJobCreated",
      "Progressing True Recovered",
    ]);
  }));

Deno.test("a pass whose status cannot be written either fails for the write that failed first", () =>
  onStage(aJob("pong"), async (stage) => {
    stage.meddle = ({ method, path }, act) => {
      if (path.endsWith("/status")) throw noAnswer();
      if (method === "POST" && path.endsWith("/pods")) throw new ApiError(403, "Forbidden", "no");
      return act();
    };
    await rejects(stage.pass(), { reason: "Forbidden" });
  }));

Deno.test.each([
  { what: "is to be deleted", after: aJob("pong", { deleting: true }) },
  { what: "has another uid", after: aJob("pong", { uid: "next" }) },
  {
    what: "has another spec",
    after: { ...aJob("pong"), metadata: { ...aJob("pong").metadata, generation: 2 } },
  },
])("a pass makes no more of a thousand pods once the job $what", ({ after }) => {
  const collector = { replicas: 1000, template: aTemplate() };
  return onStage(aJob("pong", { spec: { collector } }), async (stage) => {
    stage.meddle = (_request, act) => {
      stage.caches.jobs.replaceAll([{
        ...after,
        metadata: { ...after.metadata, resourceVersion: "1000000" },
      }], "1000000");
      return act();
    };
    const writes = await stage.pass();
    // Those that were at work, each with its service.
    ok(writes.length <= 32, `${writes.length} writes`);
    deepStrictEqual(writes.filter((write) => write.endsWith("/status")), []);
  });
});

Deno.test("a service that the server was faster to make counts as made", () =>
  onStage(aJob("pong", { phase: "Running" }), async (stage) => {
    const coordinator = aPod("pong-coordinator", { ownedBy: stage.job, phase: "Running" });
    stage.api.put(PODS, coordinator);
    stage.look();
    stage.api.put(SERVICES, aService("pong-coordinator", { ownedBy: coordinator }));
    deepStrictEqual(await stage.pass(), ["PUT dijobs/pong/status"]);
    deepStrictEqual(await stage.pass(), []);
  }));

Deno.test("a service that the job itself owns, as v0.2.2 had it, serves the coordinator that is made anew", () =>
  onStage(aJob("pong"), async (stage) => {
    stage.api.put(SERVICES, aService("pong-coordinator", { ownedBy: stage.job }));
    deepStrictEqual(await stage.pass(), [
      "POST pods/pong-coordinator",
      "PUT dijobs/pong/status",
    ]);
    deepStrictEqual(await stage.pass(), []);
    deepStrictEqual(stage.conditions(), ["Created True DIJobCreated"]);
  }));

Deno.test("a service of an earlier pod is not taken for the new one's", () =>
  onStage(aJob("pong", { phase: "Running" }), async (stage) => {
    stage.api.put(SERVICES, aService("pong-coordinator", { ownedBy: aPod("x", { uid: "gone" }) }));
    await rejects(stage.pass(), { reason: "AlreadyExists" });
    stage.api.collectGarbage();
    stage.api.now += 2000;
    stage.look();
    deepStrictEqual(await stage.pass(), [
      "POST services/pong-coordinator",
      "PUT dijobs/pong/status",
    ]);
  }));

Deno.test("a pass looks again when a service's grace is over", () =>
  onStage(aJob("pong", { phase: "Running" }), async (stage) => {
    const createdAtMs = stage.api.now - 500;
    stage.api.put(PODS, aPod("pong-coordinator", { ownedBy: stage.job, createdAtMs }));
    stage.look();
    await stage.pass();
    deepStrictEqual([stage.again, stage.api.all(SERVICES)], [[1500], []]);
    stage.api.now += 1500;
    deepStrictEqual(await stage.pass(), ["POST services/pong-coordinator"]);
  }));

Deno.test("a finished job's pods are deleted by uid, and an event tells of each", () =>
  onStage(aJob("pong", { phase: "Succeeded" }), async (stage) => {
    const pods = [
      aPod("pong-collector-a", { ownedBy: stage.job, phase: "Running" }),
      aPod("pong-collector-b", { ownedBy: stage.job, phase: "Running" }),
      aPod("pong-collector-c", { ownedBy: stage.job, phase: "Running" }),
    ];
    for (const pod of pods) stage.api.put(PODS, pod);
    stage.look();
    // One is gone by now, and of another there is only a namesake.
    stage.api.remove(PODS, aPod("pong-collector-b"));
    stage.api.put(PODS, aPod("pong-collector-c", { uid: "namesake" }));
    deepStrictEqual(await stage.pass(), ["DELETE pods/pong-collector-a"]);
    deepStrictEqual(stage.events(), ["Normal SuccessfulDelete: Delete pod: pong-collector-a"]);
    strictEqual(stage.api.get(PODS, "pong-collector-c")?.metadata.deletionTimestamp, undefined);
  }));

Deno.test("a pod that was deleted is not deleted again before the watch has told of it", () =>
  onStage(aJob("pong", { phase: "Succeeded" }), async (stage) => {
    stage.api.put(PODS, aPod("pong-collector-a", { ownedBy: stage.job, phase: "Running" }));
    stage.look();
    deepStrictEqual(await stage.pass(), ["DELETE pods/pong-collector-a"]);
    deepStrictEqual(await stage.pass(), []);
  }));

Deno.test("a deletion that is refused does not stop the others, is told of, and fails the pass", () =>
  onStage(aJob("pong", { phase: "Failed" }), async (stage) => {
    for (const name of ["pong-collector-a", "pong-collector-b"]) {
      stage.api.put(PODS, aPod(name, { ownedBy: stage.job, phase: "Running" }));
    }
    stage.look();
    stage.meddle = ({ method, path }, act) => {
      if (method === "DELETE" && path.endsWith("-a")) throw new ApiError(403, "Forbidden", "no");
      return act();
    };
    await rejects(stage.pass(), { reason: "Forbidden" });
    const leaving = stage.api.all(PODS).filter(({ metadata }) => metadata.deletionTimestamp);
    deepStrictEqual(leaving.map(({ metadata }) => metadata.name), ["pong-collector-b"]);
    deepStrictEqual(stage.events().sort(), [
      "Normal SuccessfulDelete: Delete pod: pong-collector-b",
      "Warning FailedDelete: Failed to delete pod: pong-collector-a error: no",
    ]);
  }));

Deno.test("a status decided on an old state of the job does not win", () =>
  onStage(aJob("pong", { phase: "Running" }), async (stage) => {
    stage.api.put(PODS, aPod("pong-coordinator", { ownedBy: stage.job, phase: "Pending" }));
    stage.look();
    stage.api.put(DIJOBS, { ...stage.job, status: { phase: "Succeeded" } });
    await rejects(stage.pass(), { reason: "Conflict" });
    strictEqual(stage.job.status?.phase, "Succeeded");
  }));

Deno.test.each([
  {
    phase: "Succeeded" as const,
    event: "Normal DIJobSucceeded: DIJob pong succeeded because coordinator succeeded",
  },
  {
    phase: "Failed" as const,
    event: "Warning DIJobFailed: DIJob pong failed because coordinator failed",
  },
])(
  "the event of $phase follows the status that it tells of",
  ({ phase, event }) =>
    onStage(aJob("pong", { phase: "Running" }), async (stage) => {
      stage.api.put(PODS, aPod("pong-coordinator", { ownedBy: stage.job, phase }));
      stage.look();
      stage.meddle = ({ path }, act) => {
        if (path.endsWith("/status")) throw noAnswer();
        return act();
      };
      await rejects(stage.pass());
      deepStrictEqual(stage.events(), []);
      stage.meddle = (_request, act) => act();
      await stage.pass();
      deepStrictEqual([stage.job.status?.phase, stage.events()], [phase, [event]]);
    }),
);
