/** Gives pods without a node to this one: there is no other scheduler on a laptop. */
import {
  type CacheChange,
  isConflict,
  isNotFound,
  keyOf,
  keyText,
  type KubeClient,
  type ObjectCache,
  objectPath,
  type Pod,
  type PodCondition,
  PODS,
} from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import type { Logger } from "../../lib/logger.ts";
import { parseQuantity } from "../../lib/quantity.ts";
import type { EventRecorder } from "./events.ts";
import { isFinished, timeText } from "./pod_status.ts";

/** The node that pods are given to. */
export interface NodeOffer {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /**
   * What is counted, by resource. On a laptop this is GPUs alone: `cpu` and `memory` requests are made
   * for a cluster's machines, and a job that would fit in practice must not wait for ever here.
   */
  readonly allocatable: Readonly<Record<string, number>>;
}

/** The name of the scheduler whose work this is. */
const SCHEDULER_NAME = "default-scheduler";
/** Bindings under way at once. */
const PARALLEL = 16;
const RETRY_MS = 1000;
/** Resources that are never counted. */
const UNCOUNTED = ["cpu", "memory", "ephemeral-storage"];

/** Whether the pod waits for a scheduler like this one. */
export function isWaiting(pod: Pod): boolean {
  const { spec, metadata, status } = pod;
  return !spec?.nodeName && (spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME &&
    metadata.deletionTimestamp === undefined && (spec?.schedulingGates ?? []).length === 0 &&
    !isFinished(status?.phase);
}

/** Why a pod cannot go to the node, in a scheduler's words; undefined when it can. */
export function reasonAgainst(
  pod: Pod,
  { labels, allocatable }: NodeOffer,
  used: ReadonlyMap<string, number>,
): string | undefined {
  const selector = Object.entries(pod.spec?.nodeSelector ?? {});
  if (selector.some(([key, value]) => labels[key] !== value)) {
    return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  }
  const short = [...requestsOf(pod)].filter(([name, amount]) =>
    amount > 0 && (used.get(name) ?? 0) + amount > (allocatable[name] ?? 0)
  ).map(([name]) => `1 Insufficient ${name}`);
  return short.length === 0 ? undefined : `0/1 nodes are available: ${short.join(", ")}.`;
}

/** What a pod asks for of the resources that are counted: its containers' sum, or its largest init one. */
export function requestsOf(pod: Pod): Map<string, number> {
  const sum = new Map<string, number>();
  for (const { resources } of pod.spec?.containers ?? []) {
    for (const [name, amount] of Object.entries({ ...resources?.limits, ...resources?.requests })) {
      if (UNCOUNTED.includes(name)) continue;
      sum.set(name, (sum.get(name) ?? 0) + parseQuantity(String(amount)));
    }
  }
  for (const { resources } of pod.spec?.initContainers ?? []) {
    for (const [name, amount] of Object.entries({ ...resources?.limits, ...resources?.requests })) {
      if (UNCOUNTED.includes(name)) continue;
      sum.set(name, Math.max(sum.get(name) ?? 0, parseQuantity(String(amount))));
    }
  }
  return sum;
}

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly pods: ObjectCache<Pod>;
  readonly node: NodeOffer;
  readonly events: EventRecorder;
  readonly log: Logger;
}

/** Binds pods as they come, many at once, in the order in which they were made. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #abort = new AbortController();
  /** By uid: pods whose binding is under way or has been made, until the cache shows it. */
  readonly #bound = new Map<string, Pod>();
  readonly #unsubscribe: () => void;
  readonly #running: Promise<void>;
  readonly #busy = new Set<Promise<void>>();
  #wake = new AbortController();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#unsubscribe = options.pods.subscribe((change) => {
      if (isOfInterest(change)) this.#wake.abort();
    });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
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
    const { pods, node } = this.#options;
    const waiting: Pod[] = [];
    const used = new Map<string, number>();
    for (const pod of pods.values()) {
      const uid = pod.metadata.uid ?? "";
      if (pod.spec?.nodeName) this.#bound.delete(uid);
      if (pod.spec?.nodeName === node.name || this.#bound.has(uid)) {
        if (!isFinished(pod.status?.phase)) addUse(used, pod);
      } else if (isWaiting(pod)) waiting.push(pod);
    }
    waiting.sort((a, b) => (created(a) < created(b) ? -1 : 1));
    for (const pod of waiting) {
      if (this.#abort.signal.aborted) return;
      const reason = reasonAgainst(pod, node, used);
      if (reason === undefined) addUse(used, pod);
      if (this.#busy.size >= PARALLEL) await Promise.race(this.#busy);
      this.#track(reason === undefined ? this.#bind(pod) : this.#refuse(pod, reason));
    }
  }

  #track(task: Promise<void>): void {
    this.#busy.add(task);
    void task.finally(() => this.#busy.delete(task));
  }

  async #bind(pod: Pod): Promise<void> {
    const { client, node, events, log } = this.#options;
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
        target: { apiVersion: "v1", kind: "Node", name: node.name },
      });
      events.record(pod, {
        type: "Normal",
        reason: "Scheduled",
        message: `Successfully assigned ${keyText(key)} to ${node.name}`,
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
      lastTransitionTime: timeText(Date.now()),
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
  return hasLeft && before !== undefined && requestsOf(before).size > 0;
}

function addUse(used: Map<string, number>, pod: Pod): void {
  for (const [name, amount] of requestsOf(pod)) used.set(name, (used.get(name) ?? 0) + amount);
}

function created({ metadata }: Pod): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}
