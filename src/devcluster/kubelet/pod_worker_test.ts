import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { eventually } from "../../../tests/support/eventually.ts";
import {
  type Meddler,
  MemoryApi,
  MemoryClient,
  noAnswer,
} from "../../../tests/support/memory_api.ts";
import { ApiError, type Pod, PODS, type PodSpec } from "../../kube/mod.ts";
import { loggerOf } from "../../lib/logger.ts";
import { EventRecorder } from "./events.ts";
import { MemoryGuard } from "./memory.ts";
import { PodWorker } from "./pod_worker.ts";
import { PortAllocator } from "./port_claims.ts";
import { Reaper } from "./reaper.ts";
import { RESTART_TIMING } from "./records.ts";

const PATH = "/usr/bin:/bin";
const LOOP = "while :; do sleep 0.02; done";

interface Rig {
  readonly worker: PodWorker;
  readonly client: MemoryClient;
  readonly folder: string;
  stored(): Pod | undefined;
  /** Changes the stored pod, and tells the worker. */
  change(part: (pod: Pod) => Pod): void;
  untilPhase(phase: string): Promise<Pod>;
}

/** Runs a pod whose container runs `script`; ends it after `use`. */
async function withWorker(
  script: string,
  use: (rig: Rig) => Promise<void>,
  { spec = {}, meddle = (_request, act) => act() }: {
    readonly spec?: Partial<PodSpec>;
    readonly meddle?: Meddler;
  } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const reaper = new Reaper(PATH);
  const api = new MemoryApi();
  const client = new MemoryClient(api, meddle);
  const containers = [aContainer({ name: "main", command: ["/bin/sh", "-c", script] })];
  api.put(PODS, aPod("pong", { spec: { containers, ...spec } }));
  const stored = () => api.get(PODS, "pong");
  const events = new EventRecorder(
    new MemoryClient(new MemoryApi()),
    "kubelet",
    "node",
    loggerOf("test"),
  );
  const allocator = new PortAllocator();
  const worker = new PodWorker(stored() ?? aPod("pong"), {
    client,
    base: { variables: { PATH }, programFolder: "/none", pythonFolder: "/none" },
    references: NOTHING,
    sources: NOTHING,
    volumeRefreshMs: 60_000,
    reaper,
    memory: new MemoryGuard(),
    allocator,
    timing: { ...RESTART_TIMING, initialMs: 10, leastGraceMs: 0 },
    logSizeLimit: 64 * 1024,
    now: Date.now,
    events,
    log: loggerOf("test"),
    podsFolder: folder,
    observe: (pod) => worker.update(pod),
  });
  try {
    await use({
      worker,
      client,
      folder,
      stored,
      change(part) {
        api.put(PODS, part(stored() ?? aPod("pong")));
        worker.update(stored() ?? aPod("pong"));
      },
      untilPhase: (phase) =>
        eventually(phase, () => {
          const pod = stored();
          return pod?.status?.phase === phase && pod;
        }),
    });
  } finally {
    worker.leave(0);
    await worker.ended;
    await events.stop(1000);
    await reaper.stop();
    allocator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

const NOTHING = {
  configMap: () => Promise.resolve(undefined),
  secret: () => Promise.resolve(undefined),
  serviceAccountToken: () => Promise.reject(new Error("no tokens here")),
  allocatable: new Map(),
};

Deno.test("a worker brings its pod from nothing to its end", () =>
  withWorker("true", async ({ untilPhase }) => {
    const { status } = await untilPhase("Succeeded");
    const { exitCode, reason } = status?.containerStatuses?.[0]?.state?.terminated ?? {};
    deepStrictEqual([exitCode, reason], [0, "Completed"]);
  }));

Deno.test("a pod runs on while the API server is away, and its end is told later", () => {
  let isAway = true;
  return withWorker("touch ended", async ({ folder, stored, untilPhase }) => {
    const work = `${folder}/pong-uid/work/ended`;
    await eventually("its end", () => Deno.stat(work).then(() => true));
    strictEqual(stored()?.status, undefined);
    isAway = false;
    await untilPhase("Succeeded");
  }, {
    meddle: (_request, act) => {
      if (isAway) throw noAnswer();
      return act();
    },
  });
});

Deno.test("a status that meets another writer's change is made anew on that", () =>
  withWorker(LOOP, async ({ untilPhase, change, stored }) => {
    await untilPhase("Running");
    const kept = { type: "mine", status: "True" };
    change((pod) => ({
      ...pod,
      status: { ...pod.status, conditions: [...pod.status?.conditions ?? [], kept] },
    }));
    change((pod) => ({ ...pod, metadata: { ...pod.metadata, generation: 2 } }));
    await eventually("the new status", () => stored()?.status?.observedGeneration === 2);
    strictEqual(stored()?.status?.conditions?.some(({ type }) => type === "mine"), true);
  }, { meddle: refuseOnce() }));

/** Answers the third write of a status with a conflict. */
function refuseOnce(): Meddler {
  let writes = 0;
  return ({ method }, act) => {
    if (method === "PUT" && ++writes === 3) throw new ApiError(409, "Conflict", "changed");
    return act();
  };
}

Deno.test("a status that meets nothing but conflicts is written at growing intervals", () => {
  const writesAtMs: number[] = [];
  return withWorker(LOOP, async () => {
    await eventually("the third write", () => writesAtMs.length >= 3);
    const [first = 0, second = 0, third = 0] = writesAtMs;
    // Waits of 200 and 400 ms at least; timers may be a little early.
    deepStrictEqual([second - first > 190, third - second > 390], [true, true]);
  }, {
    meddle: ({ method }, act) => {
      if (method !== "PUT") return act();
      writesAtMs.push(performance.now());
      throw new ApiError(409, "Conflict", "changed");
    },
  });
});

Deno.test("a deleted pod ends, and then its object goes", () =>
  withWorker(`trap 'exit 0' TERM; touch set; ${LOOP}`, async (rig) => {
    const { untilPhase, change, client, folder, stored } = rig;
    await untilPhase("Running");
    await eventually("its trap", () => Deno.stat(`${folder}/pong-uid/work/set`).then(() => true));
    change((pod) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        deletionTimestamp: "2026-01-01T00:00:00Z",
        deletionGracePeriodSeconds: 5,
      },
    }));
    await eventually("the removal", () => client.writes.includes("DELETE pods/pong"));
    // Its last status came first.
    strictEqual(stored()?.status?.phase, "Succeeded");
  }));

Deno.test("a pod that is gone leaves no process and no folder", () =>
  withWorker(`trap '' TERM; echo $$$$ >pid; ${LOOP}`, async ({ worker, folder, untilPhase }) => {
    await untilPhase("Running");
    const path = `${folder}/pong-uid/work/pid`;
    const pid = await eventually("its number", async () => Number(await Deno.readTextFile(path)));
    worker.leave(0);
    await worker.ended;
    await eventually("its end", () => Deno.stat(`/proc/${pid}`).then(() => false, () => true));
    deepStrictEqual([...Deno.readDirSync(folder)], []);
  }));
