/** A job with its coordinator, and a server to ask for its replicas: what the server's stories begin with. */
import { type DIJob, DIJOBS, type DIJobSpec, LABEL } from "../../src/api/mod.ts";
import {
  isNotFound,
  type KubeClient,
  NAMESPACES,
  type Pod,
  PODS,
  type Service,
  SERVICES,
} from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { buildCoordinator } from "../../src/replicas/mod.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/mod.ts";
import { AGGREGATOR_CONFIG_KEY } from "./aggregator_config.ts";
import { aContainer, aTemplate } from "./builders.ts";
import { eventually } from "./eventually.ts";
import { pythonJson, WireSession } from "./recorded_wire.ts";
import { createNamespace, IS_REAL, type TestCluster } from "./test_cluster.ts";

const REPLICAS = "/v1alpha1/replicas";
const SERVER_ADDRESS = "di-server.di-system:8080";

/** One answer of the server. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly success: boolean;
  readonly code: number;
  readonly message: string;
  readonly data: unknown;
}

export interface ReplicaLists {
  readonly collectors: readonly string[];
  readonly learners: readonly string[];
}

/** Starts a server; what the options leave out is of no concern to the story. */
export function startTestServer(
  client: KubeClient,
  options: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  return startServer({
    client,
    bindAddress: "127.0.0.1:0",
    serverAddress: SERVER_ADDRESS,
    agconfig: AGGREGATOR_CONFIG_KEY,
    log: loggerOf("test"),
    ...options,
  });
}

/** Waits until a server has filled its caches. */
export async function untilReady(server: RunningServer): Promise<void> {
  await eventually("the server to be ready", async () => {
    const { status } = await server.handle(new Request("http://server/readyz"));
    return status === 200;
  });
}

/** Its requests look like DI-engine's. Closed with `await using`. */
export class AllocationStory implements AsyncDisposable {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly server: RunningServer;
  readonly #sessions = new Map<string, WireSession>();

  private constructor(client: KubeClient, namespace: string, server: RunningServer) {
    this.client = client;
    this.namespace = namespace;
    this.server = server;
  }

  static async open(
    cluster: TestCluster,
    options: Partial<ServerOptions> = {},
  ): Promise<AllocationStory> {
    const namespace = await createNamespace(cluster, "allocation");
    const server = await startTestServer(cluster.client, options);
    const story = new AllocationStory(cluster.client, namespace, server);
    await story.createJob("demo");
    return story;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) session.close();
    await this.server.stop();
    // The embedded cluster ends with the test file; a real one may serve others after it.
    if (IS_REAL) await this.client.delete(NAMESPACES, { namespace: "", name: this.namespace });
  }

  /** Makes a job and, as the operator would, its coordinator. */
  async createJob(name: string, spec: Partial<DIJobSpec> = {}): Promise<DIJob> {
    const template = aTemplate({ containers: [aContainer({ image: "img" })] });
    const job = await this.client.create<DIJob>(DIJOBS, {
      metadata: { name, namespace: this.namespace },
      spec: {
        cleanPodPolicy: "Running",
        coordinator: { template },
        collector: { template },
        learner: { template },
        ...spec,
      },
    });
    await this.client.create(PODS, buildCoordinator(job, { serverAddress: SERVER_ADDRESS }));
    return job;
  }

  /** GET of the replicas, by `coordinator` unless other parameters are given. */
  get(parameters: Record<string, string> = { coordinator: "demo-coordinator" }): Promise<Answer> {
    const query = new URLSearchParams({ namespace: this.namespace, ...parameters });
    return this.send("GET", `${REPLICAS}?${query}`);
  }

  /** The lists that a client of `demo` is given. */
  async lists(): Promise<ReplicaLists> {
    const { data } = await this.get();
    return data as ReplicaLists;
  }

  post(body: Record<string, unknown>, server = this.server): Promise<Answer> {
    return this.send("POST", REPLICAS, this.#inPlace(body), server);
  }

  delete(body: Record<string, unknown>, server = this.server): Promise<Answer> {
    return this.send("DELETE", REPLICAS, this.#inPlace(body), server);
  }

  reportFailed(body: Record<string, unknown>, server = this.server): Promise<Answer> {
    return this.send("POST", `${REPLICAS}/failed`, this.#inPlace(body), server);
  }

  /** One request. @param body A text is sent as it is; without a body it is `{}`. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    server = this.server,
  ): Promise<Answer> {
    const session = this.#sessions.get(server.url) ?? new WireSession(server.url);
    this.#sessions.set(server.url, session);
    const answer = await session.send({
      method,
      path,
      body: typeof body === "string" ? body : pythonJson(body ?? {}),
    });
    const { status, headers, text } = answer;
    return { status, headers, ...JSON.parse(text) };
  }

  /** The pods of the namespace as the API server has them, by name. */
  async pods(): Promise<Map<string, Pod>> {
    const { items } = await this.client.list(PODS, { namespace: this.namespace });
    return new Map(items.map((pod) => [pod.metadata.name ?? "", pod]));
  }

  /** Names of the pods of a role that are there and stay, as the API server has them. */
  async namesOf(type: string): Promise<string[]> {
    return [...(await this.pods()).values()]
      .filter(({ metadata }) => metadata.labels?.[LABEL.replicaType] === type)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name ?? "").sort();
  }

  async service(name: string): Promise<Service | undefined> {
    try {
      return await this.client.get(SERVICES, { namespace: this.namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Plays the kubelet: gives a pod a phase, and makes it ready or not. */
  async setPhase(name: string, phase: "Running" | "Failed", ready = phase === "Running") {
    const status = { phase, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] };
    const key = { namespace: this.namespace, name };
    await this.client.patch(PODS, key, { status }, { subresource: "status" });
  }

  /** Plays the operator: gives a job a phase. */
  async setJobPhase(name: string, phase: "Running" | "Succeeded" | "Failed") {
    const key = { namespace: this.namespace, name };
    await this.client.patch(DIJOBS, key, { status: { phase } }, { subresource: "status" });
  }

  #inPlace(body: Record<string, unknown>): Record<string, unknown> {
    return { namespace: this.namespace, coordinator: "demo-coordinator", ...body };
  }
}

/** The pod's name in an address, as DI-engine reads it. */
export function podNameOf(address: string): string {
  return address.split(":")[0]?.split(".").slice(0, -1).join(".") ?? "";
}
