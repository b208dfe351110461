/** Submits jobs, and sees when their coordinators are there. */
import {
  AGGREGATOR_CONFIGS,
  coordinatorName,
  DIJOBS,
  type DIJobSpec,
  LABEL,
} from "../../src/api/mod.ts";
import {
  KubeClient,
  listWatch,
  ObjectCache,
  type Pod,
  PODS,
  readKubeconfig,
  runReflector,
} from "../../src/kube/mod.ts";
import { sleep } from "../../src/lib/abort.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { createNamespace } from "../support/test_cluster.ts";

/** Between two fresh jobs beside other work, in ms. */
const PAUSE_MS = 500;

/** A coordinator that has come to be. */
export interface Start {
  readonly pod: Pod;
  /** From the submission of its job, in ms. */
  readonly ms: number;
}

export interface StartsBeside {
  readonly fresh: readonly Start[];
  /** The same requests, made without the operator. */
  readonly direct: readonly Start[];
}

/** A user who submits jobs into a namespace of their own. */
export class Submitter {
  readonly client: KubeClient;
  readonly namespace: string;
  /** All coordinators of the namespace. */
  readonly #coordinators = new ObjectCache<Pod>();
  readonly #awaited = new Map<string, (pod: Pod) => void>();
  readonly #closing = new AbortController();
  readonly #following: Promise<void>;
  #submitted = 0;

  private constructor(client: KubeClient, namespace: string) {
    this.client = client;
    this.namespace = namespace;
    this.#coordinators.subscribe(({ after }) => {
      if (after !== undefined) this.#awaited.get(after.metadata.name ?? "")?.(after);
    });
    const labelSelector = `${LABEL.replicaType}=coordinator`;
    this.#following = runReflector({
      source: listWatch(client, PODS, { namespace, labelSelector }),
      cache: this.#coordinators,
      log: loggerOf("bench"),
      signal: this.#closing.signal,
    });
  }

  static async open(kubeconfigPath: string): Promise<Submitter> {
    const client = new KubeClient(readKubeconfig(kubeconfigPath));
    const cluster = { client, kubeconfigPath, hasGarbageCollector: true };
    const submitter = new Submitter(client, await createNamespace(cluster, "bench"));
    await submitter.#coordinators.filled;
    return submitter;
  }

  /** Submits a job whose templates are the least there can be, and waits for its coordinator. */
  async start(spec: Partial<DIJobSpec> = {}): Promise<Start> {
    const name = this.#nextName();
    const seen = this.#seen(coordinatorName(name));
    const startedAt = performance.now();
    await this.#submit(name, spec);
    const pod = await seen;
    return { pod, ms: performance.now() - startedAt };
  }

  /**
   * Does by itself what the operator asks the API server for until a coordinator is there: what of the
   * time of a start is the API server's. The operator leaves the job alone.
   */
  async startDirectly(): Promise<Start> {
    const name = this.#nextName();
    const { client, namespace } = this;
    const seen = this.#seen(coordinatorName(name));
    const startedAt = performance.now();
    await this.#submit(name, { managedBy: "example.com/bench" });
    await client.get(AGGREGATOR_CONFIGS, { namespace, name: "none" }).catch(() => undefined);
    await client.create(PODS, {
      metadata: {
        name: coordinatorName(name),
        namespace,
        labels: { [LABEL.replicaType]: "coordinator" },
      },
      spec: { containers: [aContainer()] },
    });
    const pod = await seen;
    return { pod, ms: performance.now() - startedAt };
  }

  /** Starts a fresh job every half second until `work` has ended, and one directly beside each. */
  async startBeside(work: Promise<unknown>): Promise<StartsBeside> {
    let isDone = false;
    const ending = work.finally(() => isDone = true);
    const fresh: Promise<Start>[] = [];
    const direct: Promise<Start>[] = [];
    while (!isDone) {
      fresh.push(this.start());
      direct.push(this.startDirectly());
      await sleep(PAUSE_MS);
    }
    await ending;
    return { fresh: await Promise.all(fresh), direct: await Promise.all(direct) };
  }

  async #submit(name: string, spec: Partial<DIJobSpec>): Promise<void> {
    const template = aTemplate();
    await this.client.create(DIJOBS, {
      metadata: { name, namespace: this.namespace },
      spec: { coordinator: { template }, collector: { template }, ...spec },
    });
  }

  #nextName(): string {
    return `job-${this.#submitted++}`;
  }

  /** The pod of that name, once it is there. */
  async #seen(name: string): Promise<Pod> {
    const pod = await new Promise<Pod>((resolve) => this.#awaited.set(name, resolve));
    this.#awaited.delete(name);
    return pod;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#following;
    this.client.close();
  }
}
