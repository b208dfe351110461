/** Events on pods, as `kubectl describe pod` shows them. */
import { type CoreEvent, EVENTS, isNotFound, type KubeClient, type Pod } from "../../kube/mod.ts";
import type { Logger } from "../../lib/logger.ts";
import { timeText } from "./container_status.ts";
import { EventBudget } from "./event_budget.ts";

export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** One word: `Started`, `BackOff`, … */
  readonly reason: string;
  readonly message: string;
  /** `spec.containers{name}`, where it is about one container. */
  readonly fieldPath?: string;
}

/** Events that are kept in mind, so that a repeat is counted instead of written anew. */
const REMEMBERED = 4096;
/** Events that wait while the API server is away; more are dropped. */
const WAITING_LIMIT = 1000;

interface Written {
  readonly namespace: string;
  readonly name: string;
  count: number;
}

/** Writes events one after the other, in the background. Those that cannot be written are lost. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #component: string;
  readonly #host: string;
  readonly #log: Logger;
  readonly #written = new Map<string, Written>();
  readonly #abort = new AbortController();
  readonly #budget = new EventBudget();
  #waiting = 0;
  #queue: Promise<void> = Promise.resolve();

  /** @param component Who speaks: `kubelet`, `default-scheduler`. */
  constructor(client: KubeClient, component: string, host: string, log: Logger) {
    this.#client = client;
    this.#component = component;
    this.#host = host;
    this.#log = log;
  }

  /** Notes something about a pod. */
  record(pod: Pod, note: EventNote): void {
    this.#push({
      apiVersion: "v1",
      kind: "Pod",
      ...(pod.metadata.namespace !== undefined && { namespace: pod.metadata.namespace }),
      name: pod.metadata.name ?? "",
      uid: pod.metadata.uid ?? "",
      ...(pod.metadata.resourceVersion !== undefined &&
        { resourceVersion: pod.metadata.resourceVersion }),
      ...(note.fieldPath !== undefined && { fieldPath: note.fieldPath }),
    }, note);
  }

  /** Waits for what is being written, at most `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), limitMs);
    await this.#queue;
    clearTimeout(timer);
    this.#abort.abort();
  }

  #push(involvedObject: CoreEvent["involvedObject"], note: EventNote): void {
    if (this.#waiting >= WAITING_LIMIT || this.#abort.signal.aborted) return;
    const nowMs = Date.now();
    if (!this.#budget.spend(involvedObject.uid ?? "", nowMs)) return;
    this.#waiting++;
    this.#queue = this.#queue.then(async () => {
      this.#waiting--;
      if (this.#abort.signal.aborted) return;
      try {
        await this.#write(involvedObject, note, nowMs);
      } catch (error) {
        this.#log.debug("Could not write event", { reason: note.reason, error: String(error) });
      }
    });
  }

  async #write(
    involvedObject: CoreEvent["involvedObject"],
    note: EventNote,
    nowMs: number,
  ): Promise<void> {
    const key = JSON.stringify([involvedObject.uid, involvedObject.fieldPath, note]);
    const held = this.#written.get(key);
    this.#written.delete(key);
    if (held !== undefined && await this.#count(held, nowMs)) return this.#keep(key, held);
    const namespace = involvedObject.namespace ?? "default";
    const name = `${involvedObject.name}.${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
    const time = timeText(nowMs);
    await this.#client.create(EVENTS, {
      metadata: { namespace, name },
      involvedObject,
      type: note.type,
      reason: note.reason,
      message: note.message.slice(0, 1024),
      source: { component: this.#component, host: this.#host },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: this.#component,
      reportingInstance: this.#host,
    }, { signal: this.#abort.signal });
    this.#keep(key, { namespace, name, count: 1 });
  }

  /** As the one last used; the one that was not used for longest makes room. */
  #keep(key: string, written: Written): void {
    this.#written.set(key, written);
    const oldest = this.#written.keys().next().value;
    if (this.#written.size > REMEMBERED && oldest !== undefined) this.#written.delete(oldest);
  }

  /** Counts a repeat; false when the event is gone by now and must be written anew. */
  async #count(held: Written, nowMs: number): Promise<boolean> {
    const patch = { count: held.count + 1, lastTimestamp: timeText(nowMs) };
    try {
      await this.#client.patch(EVENTS, held, patch, { signal: this.#abort.signal });
      held.count++;
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}
