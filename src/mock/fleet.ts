/** The replicas of one job as its coordinator sees them, kept in step with the server's list. */
import { sleep } from "../lib/abort.ts";
import { resourceAnswer } from "./protocol.ts";
import type { ReplicaClient } from "./replica_client.ts";
import type { RoleClient } from "./role_client.ts";
import { planRoster, podNameOf, type ReplicaLists, type ReplicaRole } from "./roster.ts";

/** Pause between two tries to connect: a pod takes about that long to become ready. */
const CONNECT_PAUSE_MS = 300;

/** One collector or learner. */
export class Replica {
  readonly role: ReplicaRole;
  /** `<pod>.<namespace>:<port>`. */
  readonly url: string;
  /** It has answered and has the role it should have. */
  connected = false;
  readonly #gone = new AbortController();

  constructor(role: ReplicaRole, url: string) {
    this.role = role;
    this.url = url;
  }

  /** Aborts as soon as nothing should be asked of it any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  leave(): void {
    this.#gone.abort();
  }
}

/** What a fleet needs. */
export interface FleetOptions {
  readonly server: ReplicaClient;
  readonly roles: RoleClient;
  readonly pollIntervalMs: number;
  /** A replica that has not answered for so long is reported as failed. */
  readonly connectTimeoutMs: number;
  readonly log: (line: string) => void;
}

/** Connects what the list gains, drops what it loses, reports what has failed. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #replicas = new Map<string, Replica>();
  readonly #connecting = new Set<Promise<void>>();
  /** Failed, and not yet known to the server. */
  readonly #failed = new Map<string, ReplicaRole>();
  /** Given back or failed: left alone for as long as the list still names them. */
  readonly #retired = new Set<string>();
  #printed = "";

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** The connected replicas of one kind, in the order in which the list first named them. */
  connected(role: ReplicaRole): Replica[] {
    return [...this.#replicas.values()].filter((each) => each.role === role && each.connected);
  }

  /** Takes a replica out and has the server replace it at the next look at the list. */
  markFailed(replica: Replica, why: string): void {
    if (replica.gone.aborted) return;
    this.#options.log(`${replica.role}(${replica.url}) is marked as failed: ${why}`);
    this.#failed.set(replica.url, replica.role);
    this.retire(replica.url);
  }

  /** Takes a replica out that the server has removed. */
  retire(url: string): void {
    this.#retired.add(url);
    this.#drop(url);
  }

  /**
   * Looks at the list again and again until `signal` aborts; then every replica is dropped.
   *
   * @throws {MockFailure} What the server client throws.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#reportFailed();
        this.#applyLists(await this.#options.server.getReplicas());
        await sleep(this.#options.pollIntervalMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const url of [...this.#replicas.keys()]) this.#drop(url);
      await Promise.allSettled(this.#connecting);
    }
  }

  async #reportFailed(): Promise<void> {
    if (this.#failed.size === 0) return;
    const lists = listsOf(this.#failed);
    const { log, server } = this.#options;
    log(`failed list: ${JSON.stringify(lists.collectors)} ${JSON.stringify(lists.learners)}`);
    const answer = await server.reportFailed({
      collectors: lists.collectors.map(podNameOf),
      learners: lists.learners.map(podNameOf),
    });
    log(`send failed and received ${JSON.stringify(answer)}`);
    for (const url of [...lists.collectors, ...lists.learners]) this.#failed.delete(url);
  }

  #applyLists(lists: ReplicaLists): void {
    const listed = new Map<string, ReplicaRole>();
    for (const url of lists.collectors) listed.set(url, "collector");
    for (const url of lists.learners) listed.set(url, "learner");
    this.#printWhenNew(listed);
    const { connect, drop } = planRoster({
      listed: [...listed.keys()],
      known: this.#replicas.keys(),
      retired: this.#retired,
    });
    for (const url of drop) {
      this.#options.log(`${url} is no longer listed`);
      this.#drop(url);
    }
    for (const url of [...this.#retired]) if (!listed.has(url)) this.#retired.delete(url);
    // A pod that is gone anyway has nothing to be replaced, and reporting it would be an error.
    for (const url of [...this.#failed.keys()]) if (!listed.has(url)) this.#failed.delete(url);
    for (const url of connect) this.#add(new Replica(listed.get(url) ?? "collector", url));
  }

  #printWhenNew(listed: ReadonlyMap<string, ReplicaRole>): void {
    const failed = listsOf(this.#failed);
    const current = listsOf(listed);
    const text = `failed list: ${JSON.stringify(failed.collectors)} ${
      JSON.stringify(failed.learners)
    }\ncurrent list: ${JSON.stringify(current.collectors)} ${JSON.stringify(current.learners)}`;
    if (text === this.#printed) return;
    this.#printed = text;
    for (const line of text.split("\n")) this.#options.log(line);
  }

  #add(replica: Replica): void {
    this.#replicas.set(replica.url, replica);
    const connecting = this.#connect(replica).finally(() => this.#connecting.delete(connecting));
    this.#connecting.add(connecting);
  }

  #drop(url: string): void {
    this.#replicas.get(url)?.leave();
    this.#replicas.delete(url);
  }

  async #connect(replica: Replica): Promise<void> {
    const { log, roles, connectTimeoutMs } = this.#options;
    const { url, role, gone } = replica;
    log(`try to connect to ${url}`);
    const start = performance.now();
    while (!gone.aborted) {
      try {
        const found = await roles.call({
          url,
          path: "/resource",
          shape: resourceAnswer,
          signal: gone,
        });
        if (found.role === role) {
          if (gone.aborted) return;
          replica.connected = true;
          log(`connected to ${url}`);
          return;
        }
        if (isOver()) this.markFailed(replica, `it is a ${found.role}`);
      } catch (error) {
        if (isOver()) this.markFailed(replica, error instanceof Error ? error.message : `${error}`);
      }
      await sleep(CONNECT_PAUSE_MS, gone);
    }

    function isOver(): boolean {
      return performance.now() - start > connectTimeoutMs;
    }
  }
}

function listsOf(roles: ReadonlyMap<string, ReplicaRole>): ReplicaLists {
  const urls = [...roles.keys()].sort();
  return {
    collectors: urls.filter((url) => roles.get(url) === "collector"),
    learners: urls.filter((url) => roles.get(url) === "learner"),
  };
}
