/** Gives pods without a node to this one: there is no other scheduler on a laptop. */
import { isDeepStrictEqual } from "node:util";
import {
  type CacheChange,
  isConflict,
  isNotFound,
  keyOf,
  keyText,
  type KubeClient,
  type Node,
  type ObjectCache,
  objectPath,
  type Pod,
  type PodCondition,
  PODS,
} from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import type { Logger } from "../../lib/logger.ts";
import type { EventRecorder } from "./events.ts";
import { NodeUse, offerOf, reasonAgainst } from "./placement.ts";
import { timeText } from "./container_status.ts";
import { isFinished } from "./records.ts";

/** The name of the scheduler whose work this is. */
const SCHEDULER_NAME = "default-scheduler";
/** Bindings under way at once. */
const PARALLEL = 16;
const RETRY_MS = 1000;
const NO_NODE = "no nodes available to schedule pods";

/** Whether the pod waits for a scheduler like this one. */
export function isWaiting(pod: Pod): boolean {
  const { spec, metadata, status } = pod;
  return !spec?.nodeName && (spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME &&
    metadata.deletionTimestamp === undefined && (spec?.schedulingGates ?? []).length === 0 &&
    !isFinished(status?.phase);
}

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly pods: ObjectCache<Pod>;
  /** Holds the node that pods are given to, once the API server has it. */
  readonly nodes: ObjectCache<Node>;
  readonly nodeName: string;
  readonly events: EventRecorder;
  readonly log: Logger;
}

/** Binds pods as they come, many at once, in the order in which they were made. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #abort = new AbortController();
  /** By uid: pods whose binding is under way or has been made, until the cache shows it. */
  readonly #bound = new Map<string, Pod>();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #running: Promise<void>;
  readonly #busy = new Set<Promise<void>>();
  #wake = new AbortController();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#unsubscribe = [
      options.pods.subscribe((change) => {
        if (isOfInterest(change)) this.#wake.abort();
      }),
      options.nodes.subscribe(({ before, after }) => {
        if (!isSameOffer(before, after)) this.#wake.abort();
      }),
    ];
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#abort.abort();
    this.#wake.abort();
    await this.#running;
    await Promise.allSettled(this.#busy);
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const wake = this.#wake = new AbortController();
      await this.#pass();
      if (!this.#abort.signal.aborted) await sleep(2 ** 31 - 1, wake.signal);
    }
  }

  async #pass(): Promise<void> {
    const { pods, nodes, nodeName } = this.#options;
    if (!nodes.isFilled) return;
    const node = nodes.get({ namespace: "", name: nodeName });
    const offer = node && offerOf(node);
    const waiting: Pod[] = [];
    const placed: Pod[] = [];
    for (const pod of pods.values()) {
      const uid = pod.metadata.uid ?? "";
      if (pod.spec?.nodeName) this.#bound.delete(uid);
      if (pod.spec?.nodeName === nodeName || this.#bound.has(uid)) {
        if (!isFinished(pod.status?.phase)) placed.push(pod);
      } else if (isWaiting(pod)) waiting.push(pod);
    }
    if (waiting.length === 0) return;
    const used = new NodeUse();
    for (const pod of placed) used.add(pod);
    waiting.sort(byTurn);
    for (const pod of waiting) {
      if (this.#abort.signal.aborted) return;
      const reason = offer === undefined ? NO_NODE : reasonAgainst(pod, offer, used);
      if (reason === undefined) used.add(pod);
      if (this.#busy.size >= PARALLEL) await Promise.race(this.#busy);
      this.#track(reason === undefined ? this.#bind(pod) : this.#refuse(pod, reason));
    }
  }

  #track(task: Promise<void>): void {
    this.#busy.add(task);
    void task.finally(() => this.#busy.delete(task));
  }

  async #bind(pod: Pod): Promise<void> {
    const { client, nodeName, events, log } = this.#options;
    const key = keyOf(pod);
    const uid = pod.metadata.uid ?? "";
    this.#bound.set(uid, pod);
    try {
      await client.request("POST", objectPath(PODS, key, "binding"), {
        signal: this.#abort.signal,
      }, {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { ...key, uid },
        target: { apiVersion: "v1", kind: "Node", name: nodeName },
      });
      events.record(pod, {
        type: "Normal",
        reason: "Scheduled",
        message: `Successfully assigned ${keyText(key)} to ${nodeName}`,
      });
    } catch (error) {
      this.#bound.delete(uid);
      // Gone, or given to a node by somebody else: the cache will show it.
      if (isNotFound(error) || isConflict(error) || this.#abort.signal.aborted) return;
      log.warning("Could not bind pod", { pod: keyText(key), error: String(error) });
      await sleep(RETRY_MS, this.#abort.signal);
      this.#wake.abort();
    }
  }

  async #refuse(pod: Pod, message: string): Promise<void> {
    const held = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (held?.status === "False" && held.message === message) return;
    const condition: PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime: (held?.status === "False" && held.lastTransitionTime) ||
        timeText(Date.now()),
    };
    const { client, pods, events, log } = this.#options;
    events.record(pod, { type: "Warning", reason: "FailedScheduling", message });
    try {
      const patch = { status: { conditions: [condition] } };
      const options = {
        subresource: "status",
        type: "strategic",
        signal: this.#abort.signal,
      } as const;
      pods.observe(await client.patch(PODS, keyOf(pod), patch, options));
    } catch (error) {
      if (isNotFound(error) || this.#abort.signal.aborted) return;
      log.warning("Could not mark pod unschedulable", {
        pod: keyText(keyOf(pod)),
        error: String(error),
      });
      await sleep(RETRY_MS, this.#abort.signal);
      this.#wake.abort();
    }
  }
}

/** Whether a change may let a pod be bound: one waits, or one has given something back. */
function isOfInterest({ before, after }: CacheChange<Pod>): boolean {
  if (after !== undefined && isWaiting(after)) return true;
  const hasLeft = after === undefined || isFinished(after.status?.phase);
  return hasLeft && before !== undefined && !isFinished(before.status?.phase);
}

function isSameOffer(before: Node | undefined, after: Node | undefined): boolean {
  return isDeepStrictEqual(before && offerOf(before), after && offerOf(after));
}

/** The more important pod first, then the older one. */
function byTurn(one: Pod, other: Pod): number {
  const priority = (pod: Pod) => pod.spec?.priority ?? 0;
  const age = ({ metadata }: Pod) => `${metadata.creationTimestamp} ${metadata.name}`;
  return priority(other) - priority(one) || (age(one) < age(other) ? -1 : 1);
}
