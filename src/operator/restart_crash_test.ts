/** A coordinator that fails once, and an operator that dies at any of its writes: the same in the end. */
import { deepStrictEqual } from "node:assert/strict";
import { aJob, anAggregatorConfig, aPod, NAMESPACE } from "../../tests/support/builders.ts";
import { MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { AGGREGATOR_CONFIGS, DIJOBS } from "../api/mod.ts";
import { type Pod, PODS, SERVICES } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { EventRecorder } from "./events.ts";
import { reconcileJob } from "./reconcile.ts";
import { buildCaches, trimJob, trimPod, trimService } from "./snapshot.ts";
import { RESTART_BACKOFF } from "./stage.ts";

const KEY = { namespace: NAMESPACE, name: "pong" };
const COORDINATOR = "pong-coordinator";
const SIGNAL = new AbortController().signal;

/** The write that an operator dies at, and whether it is still done. */
interface Death {
  readonly at: number;
  readonly isDone: boolean;
}

class World {
  readonly api = new MemoryApi();
  readonly coordinators = new Set<string>();
  writes = 0;
  readonly #death: Death | undefined;

  constructor(death?: Death) {
    this.#death = death;
    this.api.put(AGGREGATOR_CONFIGS, anAggregatorConfig("PerJob"));
    this.api.put(DIJOBS, aJob("pong", { spec: { backoffLimit: 1 } }));
  }

  /** One pass of an operator that has just started, so that no write of before is in its caches alone. */
  async pass(): Promise<void> {
    const { api } = this;
    const caches = buildCaches();
    const version = String(api.version);
    caches.jobs.replaceAll(api.all(DIJOBS).map(trimJob), version);
    caches.pods.replaceAll(api.all(PODS).map(trimPod), version);
    caches.services.replaceAll(api.all(SERVICES).map(trimService), version);
    let isDead = false;
    const client = new MemoryClient(api, ({ method, path }, act) => {
      if (isDead) throw noAnswer();
      if (method === "GET" || path.endsWith("/events") || ++this.writes !== this.#death?.at) {
        return act();
      }
      isDead = true;
      if (this.#death.isDone) act();
      throw noAnswer();
    });
    const events = new EventRecorder(client, () => api.now, loggerOf("test"));
    await reconcileJob(KEY, {
      client,
      caches,
      plan: { serverAddress: "di-server.di-system:8080", restartBackoff: RESTART_BACKOFF },
      readAggregatorConfig: () => client.get(AGGREGATOR_CONFIGS, CONFIG_KEY),

      checkTemplates: () => Promise.resolve(undefined),
      now: () => api.now,
      events,
      log: loggerOf("operator"),
      signal: SIGNAL,
      onStart: () => {},
      again: () => {},
    }).catch((error) => {
      if (!isDead) throw error;
    });
    await events.flush();
    const uid = this.coordinator?.metadata.uid;
    if (uid !== undefined) this.coordinators.add(uid);
  }

  get coordinator(): Pod | undefined {
    return this.api.get(PODS, COORDINATOR);
  }

  /** The kubelet's word on the coordinator that is there. */
  end(phase: "Running" | "Failed" | "Succeeded"): void {
    const pod = this.coordinator;
    if (pod !== undefined) this.api.put(PODS, { ...pod, status: { ...pod.status, phase } });
  }

  /** Passes, kubelets and time, until nothing changes any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      await this.pass();
      this.api.reap(PODS);
      this.api.now += 5000;
    }
  }
}

const CONFIG_KEY = { namespace: "di-system", name: "aggregator-config" };

/** A job whose first coordinator fails and whose second one succeeds. */
async function live(death?: Death) {
  const world = new World(death);
  const { api } = world;
  await world.settle();
  world.end("Running");
  api.put(PODS, aPod("pong-collector-a", { ownedBy: aJob("pong"), phase: "Running" }));
  await world.settle();
  world.end("Failed");
  await world.settle();
  world.end("Running");
  await world.settle();
  world.end("Succeeded");
  await world.settle();
  const { status } = api.get(DIJOBS, "pong") ?? {};
  return {
    outcome: {
      phase: status?.phase,
      restarts: status?.restarts,
      coordinators: world.coordinators.size,
      pods: api.all(PODS).map(({ metadata }) => metadata.name),
      conditions: status?.conditions?.filter(({ type }) => type !== "Progressing")
        .map(({ type, status: is }) => `${type} ${is}`),
    },
    writes: world.writes,
  };
}

Deno.test("a coordinator starts again once, whichever write the operator dies at", async () => {
  const { outcome, writes } = await live();
  deepStrictEqual(outcome, {
    phase: "Succeeded",
    restarts: 1,
    coordinators: 2,
    pods: [COORDINATOR],
    conditions: ["Created False", "Running False", "Succeeded True"],
  });
  for (let at = 1; at <= writes; at++) {
    for (const isDone of [false, true]) {
      deepStrictEqual(
        (await live({ at, isDone })).outcome,
        outcome,
        `write ${at}, done: ${isDone}`,
      );
    }
  }
});
