/** The one operator of a file of stories, with a clock and refusals that the stories set. */
import {
  AGGREGATOR_CONFIGS,
  type AggregatorConfig,
  type DIJob,
  DIJOBS,
} from "../../src/api/mod.ts";
import {
  type CallOptions,
  KubeClient,
  NAMESPACES,
  PODS,
  readKubeconfig,
  SERVICES,
} from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import {
  type OperatorOptions,
  type RunningOperator,
  startOperator,
} from "../../src/operator/mod.ts";
import { aTemplate } from "./builders.ts";
import { eventually } from "./eventually.ts";
import { createNamespace, IS_REAL, type TestCluster } from "./test_cluster.ts";

/** For tests of a file with an operator: it works on while one test ends and the next begins. */
export const WITH_OPERATOR = { sanitizeOps: false, sanitizeResources: false };

/** Ahead of the cluster's clock, in ms, so that no pod is too young to have its service restored. */
const AHEAD_MS = 60_000;
const SERVER_ADDRESS = "di-server.di-system:8080";
/** Of this operator alone: no other story puts a configuration there. */
const AGGREGATOR_CONFIG = { namespace: "di-system", name: "of-operator-stories" };

/** One request of the operator that would change something. */
export interface Write {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Says whether the operator's write fails, and how. */
export type Refusal = (write: Write) => Error | undefined;

/** Gives the tests of the calling file an operator. Call it at the top level, after `useTestCluster()`. */
export function useOperator(cluster: () => TestCluster): StoryOperator {
  const operator = new StoryOperator(cluster);
  Deno.test.beforeAll(() => operator.start());
  Deno.test.afterAll(() => operator.end());
  return operator;
}

export class StoryOperator {
  readonly #cluster: () => TestCluster;
  #client: OperatorClient | undefined;
  #running: RunningOperator | undefined;
  #aheadMs = AHEAD_MS;
  #probes = 0;
  #probeNamespace = "";

  constructor(cluster: () => TestCluster) {
    this.#cluster = cluster;
  }

  get cluster(): TestCluster {
    return this.#cluster();
  }

  /** What the operator has written, or tried to, the oldest first. */
  get writes(): readonly Write[] {
    return this.#client?.writes ?? [];
  }

  /** @param more Over the usual options, until it is started again. */
  async start(more: Partial<OperatorOptions> = {}): Promise<void> {
    this.#client ??= new OperatorClient(readKubeconfig(this.cluster.kubeconfigPath));
    if (this.#probeNamespace === "") {
      this.#probeNamespace = await createNamespace(this.cluster, "probes");
    }
    this.#running = startOperator({
      client: this.#client,
      serverAddress: SERVER_ADDRESS,
      aggregatorConfig: AGGREGATOR_CONFIG,
      workers: 4,
      log: loggerOf("operator"),
      now: () => Date.now() + this.#aheadMs,
      ...more,
    });
  }

  /** A new operator in the place of the old one: it lists everything before it works. */
  async restart(more: Partial<OperatorOptions> = {}): Promise<void> {
    await this.stop();
    await this.start(more);
  }

  /** Nobody works on jobs until {@link start}. */
  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    this.#client?.close();
    // The embedded cluster ends with the test file; a real one may serve others after it.
    const key = { namespace: "", name: this.#probeNamespace };
    if (IS_REAL) await this.cluster.client.delete(NAMESPACES, key);
  }

  /** Lets time go by for the operator alone. */
  advance(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Makes writes fail until the result is disposed. */
  refuse(refusal: Refusal): Disposable {
    const client = this.#client;
    if (client === undefined) throw new Error("The operator is only there inside of tests");
    client.refusal = refusal;
    return { [Symbol.dispose]: () => void (client.refusal = undefined) };
  }

  /** Gives the cluster an AggregatorConfig until the result is disposed. */
  async withAggregators(spec: AggregatorConfig["spec"]): Promise<AsyncDisposable> {
    const { client } = this.cluster;
    await client.create(AGGREGATOR_CONFIGS, { metadata: { ...AGGREGATOR_CONFIG }, spec });
    return {
      [Symbol.asyncDispose]: async () => {
        await client.delete(AGGREGATOR_CONFIGS, AGGREGATOR_CONFIG);
      },
    };
  }

  /**
   * Waits until the operator has seen all that was done so far, and has done what is to be done about it.
   * A job that comes later in each of its watches tells of the first, an empty queue of the second.
   */
  async settle(): Promise<void> {
    const { client } = this.cluster;
    const key = { namespace: this.#probeNamespace, name: `probe-${++this.#probes}` };
    const replica = { ...key, name: `${key.name}-coordinator` };
    await client.create<DIJob>(DIJOBS, {
      metadata: { ...key },
      spec: { coordinator: { template: aTemplate() } },
    });
    const service = await eventually("the probe's service", () => client.get(SERVICES, replica));
    await client.patch(PODS, replica, { status: { phase: "Running" } }, { subresource: "status" });
    await eventually("the probe to run", async () => {
      return (await client.get(DIJOBS, key)).status?.phase === "Running";
    });
    await client.delete(SERVICES, replica);
    await eventually("the probe's service to be restored", async () => {
      return (await client.get(SERVICES, replica)).metadata.uid !== service.metadata.uid;
    });
    await client.delete(DIJOBS, key, { propagationPolicy: "Background" });
    await eventually("the operator to have nothing to do", () => {
      const { size, workingSeconds } = this.#queue;
      return size === 0 && workingSeconds().length === 0;
    });
  }

  get #queue() {
    const queue = this.#running?.queue;
    return { size: queue?.size ?? 0, workingSeconds: () => queue?.workingSeconds() ?? [] };
  }
}

/** Keeps a record of what is written, and fails where it is told to. */
class OperatorClient extends KubeClient {
  readonly writes: Write[] = [];
  refusal: Refusal | undefined;

  override async request<T>(
    method: string,
    path: string,
    options: CallOptions,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    if (method !== "GET") {
      const write = { method, path, body };
      this.writes.push(write);
      const error = this.refusal?.(write);
      if (error !== undefined) throw error;
    }
    return await super.request(method, path, options, body, contentType);
  }
}
