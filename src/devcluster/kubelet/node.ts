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
import {
  buildNode,
  buildNodeStatus,
  isNews,
  metadataPatch,
  type NodeFacts,
  stoppedConditions,
} from "./node_object.ts";

const LEASE_NAMESPACE = "kube-node-lease";
const LEASE_SECONDS = 40;
const HEARTBEAT_MS = 10_000;

/** Keeps the node there and alive until stopped. */
export class NodeKeeper {
  readonly #client: KubeClient;
  readonly #facts: NodeFacts;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** As it was last seen. */
  #node: Node | undefined;

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
    if (this.#node === undefined) return;
    try {
      const status = { conditions: stoppedConditions(this.#node, Date.now()) };
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
      this.#node = await this.#ensureNode();
      await this.#renewLease(this.#node);
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
    const patch = metadataPatch(held, this.#facts);
    if (patch !== undefined) held = await this.#client.patch(NODES, this.#key, patch, options);
    const nowMs = Date.now();
    const status = buildNodeStatus(this.#facts, held, nowMs);
    if (isNews(status, held.status, nowMs)) {
      const node = { ...held, status };
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
