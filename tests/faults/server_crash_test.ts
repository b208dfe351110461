/**
 * The server's crash table: at each single write of a POST, a DELETE and a report of failed replicas the
 * server is killed, or its connection cut, before or after the write. Whatever happens, the caller, which
 * sends again as DI-engine does, is given the same, and the same replicas are left.
 *
 * `FAULT_SAMPLE=n` runs n rows spread over the table instead of all.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type DIJob, LABEL } from "../../src/api/mod.ts";
import { type Lease, LEASES, NODES } from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { startOperator } from "../../src/operator/mod.ts";
import { readRecord } from "../../src/server/records.ts";
import { AGGREGATOR_CONFIG_KEY, putAggregatorConfig } from "../support/aggregator_config.ts";
import { AllocationStory, podNameOf, type ReplicaLists } from "../support/allocation_story.ts";
import { anAggregatorConfig } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultProxy, type ProxiedWrite, startFaultProxy } from "../support/fault_proxy.ts";
import { keptPort } from "../support/free_port.ts";
import { type RecordedAnswer, RecordedClient } from "../support/recorded_client.ts";
import { RestartedProgram } from "../support/restarted_program.ts";
import { objectsOf, SERVER_ADDRESS } from "../support/story.ts";
import { SYSTEM_NAMESPACE, type TestCluster, useTestCluster } from "../support/test_cluster.ts";
import { type CrashRow, crashRows, sample } from "./crash_rows.ts";

const cluster = useTestCluster();

/** Names of a job's replicas that are there and stay, by role. */
type Replicas = Readonly<Record<string, readonly string[]>>;

/** One kind of call. */
interface Scene {
  readonly call: string;
  /** Replicas that the job has before. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly act: (client: RecordedClient, before: Replicas) => Promise<RecordedAnswer>;
  /** Collectors and learners that the answer lists. */
  readonly granted: readonly [collectors: number, learners: number];
  /** What these are, of all replicas that clients are told of. */
  readonly lists: "new" | "gone";
  /** How many replicas of each role stay. */
  readonly left: Readonly<Record<string, number>>;
  /** The writes of a call that nothing befalls. */
  readonly writes: Readonly<Record<string, number>>;
}

/** A learner of two pods with two GPUs each. */
const GROUP = { replicas: 1, gpus: "4" };
const NO_REPLICAS = { collector: 0, learner: 0, aggregator: 0, "ddp-learner": 0 };
const RECORD_WRITES = { "POST leases": 1, "PUT leases": 1, "DELETE leases": 1 };

const SCENES: readonly Scene[] = [
  {
    call: "POST for plain replicas",
    before: { collectors: { replicas: 1 } },
    act: (client) =>
      client.postReplicas({ collectors: { replicas: 2 }, learners: { replicas: 1 } }),
    granted: [2, 1],
    lists: "new",
    left: { ...NO_REPLICAS, collector: 3, learner: 1 },
    writes: { ...RECORD_WRITES, "POST pods": 3, "POST services": 3 },
  },
  {
    call: "POST for a learner with several GPUs",
    before: { collectors: { replicas: 1 } },
    act: (client) => client.postReplicas({ learners: GROUP }),
    granted: [0, 1],
    lists: "new",
    left: { ...NO_REPLICAS, collector: 1, aggregator: 1, "ddp-learner": 2 },
    writes: { ...RECORD_WRITES, "POST pods": 3, "POST services": 3 },
  },
  {
    call: "DELETE",
    before: { collectors: { replicas: 3 }, learners: { replicas: 2 } },
    act: (client) => client.deleteReplicas({ collectors: 2, learners: 1 }),
    granted: [2, 1],
    lists: "gone",
    left: { ...NO_REPLICAS, collector: 1, learner: 1 },
    writes: { ...RECORD_WRITES, "DELETE pods": 3 },
  },
  {
    call: "DELETE of a learner with several GPUs",
    before: { collectors: { replicas: 1 }, learners: GROUP },
    act: (client) => client.deleteReplicas({ learners: 1 }),
    granted: [0, 1],
    lists: "gone",
    left: { ...NO_REPLICAS, collector: 1 },
    writes: { ...RECORD_WRITES, "DELETE pods": 1 },
  },
  {
    call: "/failed of plain replicas",
    before: { collectors: { replicas: 2 }, learners: { replicas: 1 } },
    act: (client, { collector = [], learner = [] }) =>
      client.reportFailed({
        collectors: collector.slice(0, 1).map(urlOf),
        learners: learner.map(urlOf),
      }),
    granted: [1, 1],
    lists: "new",
    left: { ...NO_REPLICAS, collector: 2, learner: 1 },
    writes: { "POST pods": 2, "POST services": 2, "DELETE pods": 2 },
  },
  {
    call: "/failed of a learner with several GPUs",
    before: { learners: GROUP },
    act: (client, { aggregator = [] }) => client.reportFailed({ learners: aggregator.map(urlOf) }),
    granted: [0, 1],
    lists: "new",
    left: { ...NO_REPLICAS, aggregator: 1, "ddp-learner": 2 },
    writes: { "POST pods": 3, "POST services": 3, "DELETE pods": 3 },
  },
];

/** An address of which only the name counts. */
function urlOf(name: string): string {
  return `${name}.any:1`;
}

/** Tells the writes that calls for one job make from what the server does besides. */
class JobWrites {
  readonly #records = new Set<string>();
  #job = "";

  /** @param job A name that no earlier job's begins with. */
  begin(job: string): void {
    this.#job = job;
    this.#records.clear();
  }

  /** False for what former rows have left to be swept, and for the renewal of a record. */
  has({ method, path, body }: ProxiedWrite): boolean {
    if (method === "DELETE" && path.includes("/leases/")) return this.#records.has(path);
    if (!path.includes(this.#job) && !body.includes(this.#job)) return false;
    if (!path.includes("/leases")) return true;
    const { metadata } = JSON.parse(body) as Lease;
    this.#records.add(`${path.replace(/leases.*$/, "leases")}/${metadata.name}`);
    return method === "POST" || readRecord({ metadata })?.state !== "working";
  }
}

/** A server process behind a proxy that fails where a row says so, and all that it needs. */
class CrashStage implements AsyncDisposable {
  readonly #test: TestCluster;
  readonly #story: AllocationStory;
  readonly #proxy: FaultProxy;
  readonly #kubeconfig: string;
  readonly #port = keptPort();
  readonly #server: RestartedProgram;
  readonly #writes: JobWrites;
  readonly #played: { readonly job: DIJob; readonly left: Replicas }[] = [];
  #jobs = 0;

  private constructor(
    test: TestCluster,
    story: AllocationStory,
    proxy: FaultProxy,
    writes: JobWrites,
    kubeconfig: string,
  ) {
    this.#test = test;
    this.#story = story;
    this.#proxy = proxy;
    this.#writes = writes;
    this.#kubeconfig = kubeconfig;
    this.#server = new RestartedProgram([
      "server",
      `--kubeconfig=${kubeconfig}`,
      `--server-bind-address=127.0.0.1:${this.#port}`,
    ]);
  }

  static async open(test: TestCluster): Promise<CrashStage> {
    await putAggregatorConfig(test.client, anAggregatorConfig("OnDemand"));
    await test.client.create(NODES, {
      metadata: { name: "two-gpus" },
      status: {
        allocatable: { "nvidia.com/gpu": "2" },
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
    const story = await AllocationStory.open(test);
    const writes = new JobWrites();
    const proxy = startFaultProxy(test.client.config, { isCounted: (write) => writes.has(write) });
    const kubeconfig = await Deno.makeTempFile();
    await Deno.writeTextFile(kubeconfig, proxy.kubeconfig);
    return new CrashStage(test, story, proxy, writes, kubeconfig);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await this.#proxy.stop();
    await this.#story[Symbol.asyncDispose]();
    await Deno.remove(this.#kubeconfig);
  }

  /** Plays a scene with a job of its own, and judges it. @returns What was written meanwhile. */
  async play(scene: Scene, row?: CrashRow): Promise<Record<string, number>> {
    const name = `job-${this.#jobs++}`;
    const coordinator = `${name}-coordinator`;
    const job = await this.#story.createJob(name);
    strictEqual((await this.#story.post({ coordinator, ...scene.before })).success, true);
    const before = await this.#replicasOf(job);
    using client = new RecordedClient({
      server: `127.0.0.1:${this.#port}`,
      namespace: this.#story.namespace,
      coordinator,
    });
    await eventually("the server", async () => (await client.getReplicas()).success);
    this.#writes.begin(name);
    const start = this.#proxy.writes.length;
    if (row !== undefined) this.#proxy.arm(start + row.at, row.fault, () => this.#server.kill());
    const answer = await scene.act(client, before);
    // Its record goes while the answer is on its way.
    const writes = () => this.#proxy.writes.slice(start);
    await eventually(
      "the last write",
      () => row === undefined ? writes().length >= totalOf(scene.writes) : this.#proxy.struck(),
    );
    const left = await this.#replicasOf(job);
    deepStrictEqual(outcomeOf(scene, answer, before, left), {
      success: true,
      granted: scene.granted,
      isTrue: true,
      left: scene.left,
    });
    this.#played.push({ job, left });
    return countEach(writes());
  }

  /** Waits for the end of all records: whatever sweeps them away leaves replicas alone. */
  async sweep(): Promise<void> {
    await eventually("the end of all records", async () => {
      const { items } = await this.#test.client.list(LEASES, { namespace: SYSTEM_NAMESPACE });
      return items.length === 0;
    }, { timeoutMs: 90_000, intervalMs: 500 });
    for (const { job, left } of this.#played) {
      deepStrictEqual(await this.#replicasOf(job), left);
    }
  }

  /** Starts the operator and waits until each replica has the service of its name. */
  async restoreServices(): Promise<void> {
    const { client } = this.#test;
    const operator = startOperator({
      client,
      serverAddress: SERVER_ADDRESS,
      aggregatorConfig: AGGREGATOR_CONFIG_KEY,
      workers: 4,
      log: loggerOf("operator"),
    });
    try {
      for (const { job } of this.#played) {
        await eventually(`the services of ${job.metadata.name}`, async () => {
          const { pods, services } = await objectsOf(this.#test, job);
          deepStrictEqual(services, pods.map(({ metadata }) => metadata.name).sort());
          return true;
        });
      }
    } finally {
      await operator.stop();
    }
  }

  async #replicasOf(job: DIJob): Promise<Replicas> {
    const { pods } = await objectsOf(this.#test, job);
    const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const namesOf = (role: string) =>
      staying.filter(({ metadata }) => metadata.labels?.[LABEL.replicaType] === role)
        .map(({ metadata }) => metadata.name ?? "").sort();
    return Object.fromEntries(Object.keys(NO_REPLICAS).map((role) => [role, namesOf(role)]));
  }
}

/** What a call came to, in the terms of its scene. */
function outcomeOf(
  { lists }: Scene,
  { success, data }: RecordedAnswer,
  before: Replicas,
  left: Replicas,
) {
  const { collectors, learners } = data as { [role in keyof ReplicaLists]: string[] | null };
  const granted = [...collectors ?? [], ...learners ?? []].map(podNameOf);
  const [now, then] = [left, before].map(toldOf).map((names) => new Set(names));
  const changed = lists === "new" ? now?.difference(then ?? now) : then?.difference(now ?? then);
  return {
    success,
    granted: [collectors?.length ?? 0, learners?.length ?? 0],
    isTrue: isDeepStrictEqual(new Set(granted), changed),
    left: Object.fromEntries(Object.entries(left).map(([role, names]) => [role, names.length])),
  };
}

/** The replicas that a coordinator is told of. */
function toldOf({ collector = [], learner = [], aggregator = [] }: Replicas): readonly string[] {
  return [...collector, ...learner, ...aggregator];
}

function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function countEach(texts: readonly string[]): Record<string, number> {
  const groups = Object.groupBy(texts, (text) => text);
  return Object.fromEntries(
    Object.entries(groups).map(([text, each]) => [text, each?.length ?? 0]),
  );
}

Deno.test("a call comes to the same whatever befalls the server at any write", async (t) => {
  await using stage = await CrashStage.open(cluster());
  for (const scene of SCENES) {
    await t.step(`${scene.call} in peace`, async () => {
      deepStrictEqual(await stage.play(scene), scene.writes);
    });
  }
  const rows = SCENES.flatMap((scene) =>
    crashRows(totalOf(scene.writes)).map((row) => ({ scene, row }))
  );
  for (const { scene, row } of sample(rows)) {
    await t.step(`${scene.call}: ${row.fault} at write ${row.at}`, async () => {
      await stage.play(scene, row);
    });
  }
  await t.step("no record is left, and sweeping has taken nothing back", () => stage.sweep());
  await t.step("each replica has a service, if need be of the operator's", async () => {
    await stage.restoreServices();
  });
});
