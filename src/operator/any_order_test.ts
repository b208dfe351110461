/** Whatever the order of events, crashes and lags: the same objects in the end. */
import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { aJob, anAggregatorConfig, aPod, NAMESPACE } from "../../tests/support/builders.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import {
  AGGREGATOR_CONFIGS,
  type CleanPodPolicy,
  type DIJob,
  DIJOBS,
  isFinished,
  type Provisioning,
} from "../api/mod.ts";
import { ApiError, ConnectionError, PODS, SERVICES } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { buildService, workStateOf } from "../replicas/mod.ts";
import { EventRecorder } from "./events.ts";
import { reconcileJob } from "./reconcile.ts";
import { buildCaches, trimJob, trimPod, trimService } from "./snapshot.ts";
import { RESTART_BACKOFF } from "./stage.ts";

const KEY = { namespace: NAMESPACE, name: "pong" };
const COORDINATOR = "pong-coordinator";
const AGGREGATOR = "pong-aggregator";
type Kind = "jobs" | "pods" | "services";

/** One job on an API server, its operator, its pods' kubelet, and somebody who meddles. */
class World {
  readonly api = new MemoryApi();
  /** Pods that were made for the job after its end was written down. */
  readonly startedTooLate: string[] = [];
  #caches = buildCaches();
  #replicas = 0;

  constructor(policy: CleanPodPolicy, provisioning: Provisioning) {
    this.api.put(AGGREGATOR_CONFIGS, anAggregatorConfig(provisioning));
    this.api.put(DIJOBS, aJob("pong", { spec: { cleanPodPolicy: policy } }));
    this.restart();
  }

  get job(): DIJob {
    const job = this.api.get(DIJOBS, "pong");
    if (job === undefined) throw new Error("the job is gone");
    return job;
  }

  /** A new operator process: it lists everything before it works. */
  restart(): void {
    this.#caches = buildCaches();
    for (const kind of ["jobs", "pods", "services"] as const) this.look(kind);
  }

  /** One cache catches up; the others may lag. */
  look(kind: Kind): void {
    const { api } = this;
    const version = String(api.version);
    if (kind === "jobs") this.#caches.jobs.replaceAll(api.all(DIJOBS).map(trimJob), version);
    if (kind === "pods") this.#caches.pods.replaceAll(api.all(PODS).map(trimPod), version);
    if (kind === "services") {
      this.#caches.services.replaceAll(api.all(SERVICES).map(trimService), version);
    }
  }

  /** One pass of the operator. `meddle` may make its writes fail. */
  async pass(meddle: Meddler = (_request, act) => act()): Promise<void> {
    const client = new MemoryClient(this.api, (request, act) => {
      const isLate = isFinished(this.job.status?.phase);
      const isPod = request.method === "POST" && request.path.endsWith("/pods");
      const answer = meddle(request, act);
      if (isLate && isPod) this.startedTooLate.push(JSON.stringify(answer));
      return answer;
    });
    const events = new EventRecorder(client, () => this.api.now, loggerOf("test"));
    try {
      await reconcileJob(KEY, {
        client,
        caches: this.#caches,
        plan: { serverAddress: "di-server.di-system:8080", restartBackoff: RESTART_BACKOFF },
        checkTemplates: () => Promise.resolve(undefined),
        readAggregatorConfig: () =>
          client.get(AGGREGATOR_CONFIGS, {
            namespace: "di-system",
            name: "aggregator-config",
          }),
        now: () => this.api.now,
        events,
        log: loggerOf("operator"),
        signal: new AbortController().signal,
        onStart: () => {},
        again: () => {},
      });
    } catch (error) {
      ok(error instanceof ApiError || error instanceof ConnectionError, String(error));
    }
    await events.flush();
  }

  /** A pass whose process dies at its write number `at`, which may still have been done. */
  async crash(at: number, isDone: boolean): Promise<void> {
    let left = at;
    let isDead = false;
    await this.pass(({ method, path }, act) => {
      if (isDead) throw noAnswer();
      if (method === "GET" || path.endsWith("/events") || --left > 0) return act();
      isDead = true;
      if (isDone) act();
      throw noAnswer();
    });
    this.restart();
  }

  /** The kubelet's word on a pod that is there and has not ended. */
  setPhase(name: string, phase: "Running" | "Succeeded" | "Failed"): void {
    const pod = this.api.get(PODS, name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    const now = pod.status?.phase;
    if (now !== "Succeeded" && now !== "Failed") {
      this.api.put(PODS, { ...pod, status: { ...pod.status, phase } });
    }
  }

  /** `kubectl delete` by hand: of a pod that is still at work, with time to end. */
  deletePod(name: string): void {
    const pod = this.api.get(PODS, name);
    if (pod === undefined || isFinished(this.job.status?.phase)) return;
    if (["succeeded", "failed"].includes(workStateOf(pod))) return;
    const deletionTimestamp = new Date(this.api.now).toISOString();
    this.api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
  }

  deleteService(name: string): void {
    const service = this.api.get(SERVICES, name);
    if (service !== undefined) this.api.remove(SERVICES, service);
  }

  /** The server gives the coordinator a collector, whose service it may not get done. */
  addCollector(hasService: boolean): void {
    if (isFinished(this.job.status?.phase)) return;
    const name = `pong-collector-${++this.#replicas}`;
    const { now } = this.api;
    this.api.put(PODS, aPod(name, { ownedBy: this.job, phase: "Running", createdAtMs: now }));
    const pod = this.api.get(PODS, name);
    if (hasService && pod !== undefined) this.api.put(SERVICES, buildService(pod));
  }

  /** Everything comes to rest: nobody meddles, nothing lags, time goes by. */
  async settle(): Promise<void> {
    for (let passes = 0; passes < 30; passes++) {
      this.api.reap(PODS);
      this.api.now += 5000;
      for (const kind of ["jobs", "pods", "services"] as const) this.look(kind);
      const before = this.api.version;
      await this.pass();
      if (this.api.version === before) return;
    }
    throw new Error("the operator does not come to rest");
  }

  /** Kind, name and state of what is there, and how the job ended. */
  end(): unknown {
    const pods = this.api.all(PODS).map((pod) => `${pod.metadata.name} ${pod.status?.phase}`);
    const services = this.api.all(SERVICES).map(({ metadata }) => `${metadata.name}`);
    // Whether a write ever failed is chance; that none fails at the end is not.
    const conditions = (this.job.status?.conditions ?? []).filter(({ type, status }) =>
      type !== "Progressing" || status === "False"
    );
    return {
      phase: this.job.status?.phase,
      conditions: conditions.map(({ type, status }) => `${type} ${status}`),
      pods: pods.sort(),
      services: services.sort(),
      startedTooLate: this.startedTooLate,
    };
  }
}

/** What may happen before the job is left to itself. */
const STEPS = {
  pass: (world: World) => world.pass(),
  lookAtJobs: (world: World) => world.look("jobs"),
  lookAtPods: (world: World) => world.look("pods"),
  lookAtServices: (world: World) => world.look("services"),
  restart: (world: World) => world.restart(),
  crashAtFirst: (world: World) => world.crash(1, false),
  crashAfterFirst: (world: World) => world.crash(1, true),
  crashAtSecond: (world: World) => world.crash(2, false),
  crashAfterSecond: (world: World) => world.crash(2, true),
  crashAfterThird: (world: World) => world.crash(3, true),
  crashAfterFourth: (world: World) => world.crash(4, true),
  coordinatorRuns: (world: World) => world.setPhase(COORDINATOR, "Running"),
  coordinatorEnds: (world: World) => world.setPhase(COORDINATOR, "Succeeded"),
  aggregatorRuns: (world: World) => world.setPhase(AGGREGATOR, "Running"),
  deleteCoordinator: (world: World) => world.deletePod(COORDINATOR),
  deleteAggregator: (world: World) => world.deletePod(AGGREGATOR),
  deleteCoordinatorService: (world: World) => world.deleteService(COORDINATOR),
  deleteAggregatorService: (world: World) => world.deleteService(AGGREGATOR),
  addCollector: (world: World) => world.addCollector(true),
  addCollectorWithoutService: (world: World) => world.addCollector(false),
  podsEnd: (world: World) => world.api.reap(PODS),
  timePasses: (world: World) => void (world.api.now += 1500),
};
type Step = keyof typeof STEPS;
const ALL_STEPS = Object.keys(STEPS) as Step[];
/** Under policy None what was added or taken by hand stays so: such steps change the end rightly. */
const HARMLESS = ALL_STEPS.filter((step) => !/^(addCollector|deleteAggregator$)/.test(step));
const AT_WORK = fc.constantFrom(
  ...ALL_STEPS.filter((step) => !/^(addCollector|coordinatorEnds$)/.test(step)),
);

async function live(world: World, steps: readonly Step[]): Promise<void> {
  for (const step of steps) await STEPS[step](world);
  await world.settle();
}

Deno.test.each<{
  policy: CleanPodPolicy;
  provisioning: Provisioning;
  steps: Step[];
  pods: string[];
}>([
  {
    policy: "Running",
    provisioning: "PerJob",
    steps: ALL_STEPS,
    pods: ["pong-coordinator Succeeded"],
  },
  {
    policy: "Running",
    provisioning: "OnDemand",
    steps: ALL_STEPS,
    pods: ["pong-coordinator Succeeded"],
  },
  { policy: "All", provisioning: "PerJob", steps: ALL_STEPS, pods: [] },
  {
    policy: "None",
    provisioning: "PerJob",
    steps: HARMLESS,
    pods: ["pong-aggregator Running", "pong-coordinator Succeeded"],
  },
])("a job under $policy and $provisioning ends the same in any order of events", (row) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...row.steps), { maxLength: 40, size: "max" }),
      async (steps) => {
        const world = new World(row.policy, row.provisioning);
        await live(world, steps);
        await live(world, ["aggregatorRuns", "coordinatorRuns"]);
        await live(world, ["coordinatorEnds"]);
        deepStrictEqual(world.end(), {
          phase: "Succeeded",
          conditions: ["Created False", "Running False", "Succeeded True"],
          pods: row.pods,
          services: [],
          startedTooLate: [],
        });
      },
    ),
    { numRuns: 200 },
  ));

Deno.test("a job that is at work has the same objects in any order of events", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(AT_WORK, { maxLength: 40, size: "max" }),
      async (steps) => {
        const world = new World("Running", "PerJob");
        await live(world, steps);
        await live(world, ["aggregatorRuns", "coordinatorRuns"]);
        deepStrictEqual(world.end(), {
          phase: "Running",
          conditions: ["Created False", "Running True"],
          pods: ["pong-aggregator Running", "pong-coordinator Running"],
          services: [AGGREGATOR, COORDINATOR],
          startedTooLate: [],
        });
      },
    ),
    { numRuns: 200 },
  ));
