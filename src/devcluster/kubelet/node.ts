/** The Node object of this machine, and the lease that shows that it lives. */
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  type Lease,
  LEASES,
  type Node,
  NODES,
} from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import type { Logger } from "../../lib/logger.ts";
import { HOST_IP, timeText } from "./pod_status.ts";

/** What a node says of itself. */
export interface NodeFacts {
  readonly name: string;
  /** Where the kubelet answers for logs. */
  readonly kubeletPort: number;
  /** PEM of the authority that signed the kubelet's certificate. */
  readonly caPem: string | undefined;
  /** Number of `nvidia.com/gpu` to offer. */
  readonly gpus: number;
  /** Whole cores. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The annotation that tells an API server of ours whom to trust: base64 of a PEM certificate. */
export const CA_ANNOTATION = "kubelet.di-orchestrator/ca";
const LEASE_NAMESPACE = "kube-node-lease";
const LEASE_SECONDS = 40;
const HEARTBEAT_MS = 10_000;
/** Each is a few processes: what a laptop's process table takes. */
const MAX_PODS = 500;

/** Keeps the node there and alive until stopped. */
export class NodeKeeper {
  readonly #client: KubeClient;
  readonly #facts: NodeFacts;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(client: KubeClient, facts: NodeFacts, log: Logger) {
    this.#client = client;
    this.#facts = facts;
    this.#log = log;
  }

  /** Tries once to register, then goes on in the background. */
  async start(): Promise<void> {
    await this.#beat();
    this.#running = this.#run();
  }

  /** Ends the heartbeat, and says that the node is not ready if that goes within `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#abort.abort();
    await this.#running;
    try {
      const status = { conditions: buildConditions(Date.now(), undefined, false) };
      await this.#client.patch(NODES, this.#key, { status }, {
        subresource: "status",
        type: "strategic",
        timeoutMs: limitMs,
      });
    } catch (error) {
      this.#log.debug("Could not say that the node stops", { error: String(error) });
    }
  }

  get #key() {
    return { namespace: "", name: this.#facts.name };
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await sleep(HEARTBEAT_MS, this.#abort.signal);
      if (!this.#abort.signal.aborted) await this.#beat();
    }
  }

  async #beat(): Promise<void> {
    try {
      const node = await this.#ensureNode();
      await this.#renewLease(node);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#log.warning("Could not renew node", {
        node: this.#facts.name,
        error: String(error),
      });
    }
  }

  /** The node as it is in the API, written where it is missing or says something else. */
  async #ensureNode(): Promise<Node> {
    const options = { signal: this.#abort.signal };
    let held: Node;
    try {
      held = await this.#client.get(NODES, this.#key, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      held = await this.#client.create(NODES, buildNode(this.#facts), options);
    }
    const wanted = buildNode(this.#facts);
    if (!agrees(held.metadata, wanted.metadata)) {
      const { labels, annotations } = wanted.metadata;
      const patch = { metadata: { labels, annotations } };
      held = await this.#client.patch(NODES, this.#key, patch, options);
    }
    const status = buildNodeStatus(this.#facts, Date.now(), held);
    if (!agrees(held.status, withoutTimes(status))) {
      const node = { ...held, status: { ...held.status, ...status } };
      held = await this.#client.replace(NODES, node, { ...options, subresource: "status" });
    }
    return held;
  }

  async #renewLease(node: Node): Promise<void> {
    const key = { namespace: LEASE_NAMESPACE, name: this.#facts.name };
    const spec: Lease["spec"] = {
      holderIdentity: this.#facts.name,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    };
    const options = { signal: this.#abort.signal };
    try {
      await this.#client.patch(LEASES, key, { spec }, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const owner = {
        apiVersion: "v1",
        kind: "Node",
        name: key.name,
        uid: node.metadata.uid ?? "",
      };
      try {
        await this.#client.create(LEASES, {
          metadata: { ...key, ownerReferences: [owner] },
          spec,
        }, options);
      } catch (failure) {
        // An API server whose lease namespace is not there yet gets it with a later beat.
        if (!isAlreadyExists(failure) && !isConflict(failure) && !isNotFound(failure)) {
          throw failure;
        }
      }
    }
  }
}

function buildNode(facts: NodeFacts): Node {
  return {
    metadata: {
      name: facts.name,
      labels: nodeLabels(facts.name),
      annotations: facts.caPem === undefined ? {} : { [CA_ANNOTATION]: btoa(facts.caPem) },
    },
    spec: {},
  };
}

function buildNodeStatus(
  { name, kubeletPort, gpus, cpus, memoryBytes }: NodeFacts,
  nowMs: number,
  held: Node,
): NonNullable<Node["status"]> {
  const amounts = {
    cpu: String(cpus),
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    pods: String(MAX_PODS),
    ...(gpus > 0 && { "nvidia.com/gpu": String(gpus) }),
  };
  return {
    capacity: amounts,
    allocatable: amounts,
    addresses: [
      { type: "InternalIP", address: HOST_IP },
      { type: "Hostname", address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    conditions: buildConditions(nowMs, held, true),
    nodeInfo: {
      architecture: Deno.build.arch,
      bootID: "",
      containerRuntimeVersion: "process://1",
      kernelVersion: Deno.osRelease(),
      kubeProxyVersion: "",
      kubeletVersion: "v1.36.0-di-orchestrator",
      machineID: "",
      operatingSystem: Deno.build.os,
      osImage: Deno.build.os,
      systemUUID: "",
    },
  };
}

type NodeConditions = NonNullable<NonNullable<Node["status"]>["conditions"]>;

function buildConditions(nowMs: number, held: Node | undefined, isReady: boolean): NodeConditions {
  const rows: NodeConditions = [
    isReady
      ? { type: "Ready", status: "True", reason: "KubeletReady", message: "processes can be run" }
      : {
        type: "Ready",
        status: "False",
        reason: "KubeletStopped",
        message: "the kubelet has ended",
      },
  ];
  return rows.map((row) => {
    const before = held?.status?.conditions?.find(({ type }) => type === row.type);
    const since = before?.status === row.status ? before.lastTransitionTime : undefined;
    return {
      ...row,
      lastHeartbeatTime: timeText(nowMs),
      lastTransitionTime: since ?? timeText(nowMs),
    };
  });
}

function withoutTimes(
  status: NonNullable<Node["status"]>,
): { readonly [field: string]: unknown } {
  const conditions = status.conditions?.map(({ type, status }) => ({ type, status }));
  return { ...status, conditions };
}

/** Whether `held` says everything that `wanted` says; what it says besides is left out. */
function agrees(held: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return held === wanted;
  if (typeof held !== "object" || held === null) return Object.keys(wanted).length === 0;
  return Object.entries(wanted).every(([key, value]) =>
    value === undefined || agrees(Object.entries(held).find(([name]) => name === key)?.[1], value)
  );
}

/** The labels of a node called `name` on this machine. */
export function nodeLabels(name: string): Record<string, string> {
  return {
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": Deno.build.os,
    "kubernetes.io/arch": Deno.build.arch === "aarch64" ? "arm64" : "amd64",
  };
}
