/** What a user sees of one job: its pods as they change, its log, its events. */
import { coordinatorName, type DIJob, DIJOBS, LABEL } from "../api/mod.ts";
import {
  type CoreEvent,
  EVENTS,
  type KubeClient,
  listWatch,
  ObjectCache,
  type ObjectKey,
  objectPath,
  type Pod,
  PODS,
  queryOf,
  runReflector,
} from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { linesOf } from "../lib/lines.ts";
import { loggerOf } from "../lib/logger.ts";
import { isReady } from "../replicas/mod.ts";

/** How often the API server is asked for what is not watched, in ms. */
const POLL_MS = 150;

/** Follows one job from before it is created. */
export class JobView {
  readonly key: ObjectKey;
  /** Every pod ever seen, as it was last seen, by name. */
  readonly seen = new Map<string, Pod>();
  readonly #client: KubeClient;
  readonly #pods = new ObjectCache<Pod>();
  readonly #stopping = new AbortController();
  readonly #reflector: Promise<void>;
  readonly #print: (line: string) => void;
  readonly #startedAt = performance.now();

  constructor(client: KubeClient, key: ObjectKey, print: (line: string) => void) {
    this.key = key;
    this.#client = client;
    this.#print = print;
    this.#pods.subscribe(({ before, after }) => this.#show(before, after));
    const source = listWatch(client, PODS, {
      namespace: key.namespace,
      labelSelector: `${LABEL.job}=${key.name}`,
    });
    this.#reflector = runReflector({
      source,
      cache: this.#pods,
      log: loggerOf("demo"),
      signal: this.#stopping.signal,
    });
  }

  /** The pods that are there now, by name. */
  pods(): Pod[] {
    return [...this.#pods.values()].sort((a, b) =>
      (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1
    );
  }

  job(): Promise<DIJob> {
    return this.#client.get(DIJOBS, this.key);
  }

  /** The job's events, oldest first. */
  async events(): Promise<CoreEvent[]> {
    const { items } = await this.#client.list(EVENTS, {
      namespace: this.key.namespace,
      fieldSelector: `involvedObject.kind=${DIJOBS.kind},involvedObject.name=${this.key.name}`,
    });
    // Their times are whole seconds; their versions grow with every write.
    const version = (event: CoreEvent) => Number(event.metadata.resourceVersion);
    return items.sort((a, b) => version(a) - version(b));
  }

  /** Prints the coordinator's log as it grows, from its first line to its end. */
  async followLog(container: string, signal: AbortSignal): Promise<string[]> {
    const { namespace, name } = this.key;
    const pod = objectPath(PODS, { namespace, name: coordinatorName(name) }, "log");
    const path = pod + queryOf({ container, follow: "true" });
    const lines: string[] = [];
    while (!signal.aborted) {
      try {
        const { body } = await this.#client.stream(path, signal);
        for await (const line of body === null ? [] : linesOf(body, { signal })) {
          lines.push(line);
          this.#print(`      | ${line}`);
        }
        // Before the pod is on a node its log is empty, which is not its end.
        if (lines.length > 0 || this.#hasEnded(coordinatorName(name))) return lines;
      } catch (error) {
        if (signal.aborted) break;
        // Until its container runs the coordinator has no log.
        if (lines.length > 0) {
          this.#print(
            `      | (the log broke off: ${error instanceof Error ? error.message : error})`,
          );
          return lines;
        }
      }
      await sleep(POLL_MS, signal);
    }
    return lines;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reflector;
  }

  #hasEnded(name: string): boolean {
    const phase = this.seen.get(name)?.status?.phase;
    return phase === "Succeeded" || phase === "Failed";
  }

  #show(before: Pod | undefined, after: Pod | undefined): void {
    const pod = after ?? before;
    if (pod === undefined) return;
    const name = pod.metadata.name ?? "";
    this.seen.set(name, pod);
    const now = after === undefined ? "gone" : describeState(after);
    if (before !== undefined && now === describeState(before)) return;
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(6);
    this.#print(`${seconds}s  ${name.padEnd(40)} ${now}`);
  }
}

function describeState(pod: Pod): string {
  const why = podTroubleText(pod);
  return `${podStateText(pod)}${why === undefined ? "" : `: ${why}`}`;
}

/** Why the pod or a container of it does not run, where scheduler or kubelet have said so. */
function podTroubleText({ status }: Pod): string | undefined {
  const unplaced = status?.conditions?.find(({ type, status }) =>
    type === "PodScheduled" && status === "False"
  );
  const states = status?.containerStatuses?.map(({ state }) => state) ?? [];
  return unplaced?.message ??
    states.map((state) => state?.waiting?.message ?? state?.terminated?.message)
      .find((message) => message !== undefined);
}

/** One word for a pod, as `kubectl get pod` has it in its STATUS column, and whether it is ready. */
export function podStateText(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating";
  const states = pod.status?.containerStatuses?.map(({ state }) => state) ?? [];
  const reason = states.find((state) => state?.waiting?.reason)?.waiting?.reason ??
    states.find((state) => state?.terminated?.reason)?.terminated?.reason;
  const phase = pod.status?.phase ?? "Pending";
  return (phase === "Failed" || phase === "Pending" ? reason : undefined) ??
    (phase === "Succeeded" ? "Completed" : phase === "Running" && isReady(pod) ? "Running" : phase);
}
