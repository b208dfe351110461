/** Carries out the plan of one pod, for as long as the pod is on this node. */
import {
  isConflict,
  isNotFound,
  keyOf,
  keyText,
  type KubeClient,
  type Pod,
  PODS,
  type PodStatus,
} from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import { backoffMs, type BackoffPolicy } from "../../lib/backoff.ts";
import type { Logger } from "../../lib/logger.ts";
import { type ContainerDeps, PodContainer, type RunningPlace } from "./container.ts";
import type { PodPlace } from "./container_start.ts";
import { recordsFromStatus } from "./earlier_run.ts";
import type { EventRecorder } from "./events.ts";
import type { LogFile } from "./log_file.ts";
import { isSameStatus, planPod, type PodAction } from "./pod_plan.ts";
import type { PortAllocator } from "./port_claims.ts";
import { withKeptTokens } from "./object_sources.ts";
import { PodPorts } from "./ports.ts";
import { buildPodStatus, DEADLINE_MESSAGE, DEADLINE_REASON, outcomeOf } from "./pod_status.ts";
import {
  allContainersOf,
  isDeleted,
  isFinished,
  type PodSnapshot,
  type VolumesState,
} from "./records.ts";
import { buildShutdownStatus } from "./shutdown_status.ts";
import { refreshVolumes } from "./volume_refresh.ts";
import { prepareVolumes, type VolumeSources } from "./volumes.ts";

/** What workers need of the kubelet. */
export interface WorkerDeps extends ContainerDeps {
  readonly client: KubeClient;
  readonly allocator: PortAllocator;
  readonly sources: VolumeSources;
  /** How often what volumes show is brought up to date, in ms. */
  readonly volumeRefreshMs: number;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Holds one folder for each pod. */
  readonly podsFolder: string;
  /** Takes in the pod as the API server has it after a write. */
  readonly observe: (pod: Pod) => void;
}

/** How long the last words to the API server may take, in ms. */
export const LAST_WORDS_MS = 1000;
/** Waits between tries of what the API server or the file system refused. */
const RETRY: BackoffPolicy = { initialMs: 200, maxMs: 10_000, factor: 2, jitter: 0.3 };

export class PodWorker {
  readonly uid: string;
  /** Resolves when nothing of the pod is left on this machine. */
  readonly ended: Promise<void>;
  readonly #deps: WorkerDeps;
  readonly #containers: ReadonlyMap<string, PodContainer>;
  readonly #acceptedAtMs: number;
  readonly #folder: string;
  readonly #sources: VolumeSources;
  #pod: Pod;
  #ports: PodPorts | undefined;
  #volumes: VolumesState = { kind: "none" };
  #volumePaths: ReadonlyMap<string, string> = new Map();
  /** Makes the last status; undefined when nobody is to be told. */
  #farewell: ((snapshot: PodSnapshot) => PodStatus) | undefined;
  /** Set once the pod has to leave this machine: how long its processes may take. */
  #leaveGraceMs: number | undefined;
  #wake = new AbortController();
  /** Ends requests that are under way when the pod leaves. */
  readonly #left = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #isReporting = false;
  #isDeadlineTold = false;
  #reportFailures = 0;
  /** Not before this is the status written again. */
  #reportAtMs = 0;
  #failures = 0;
  #volumeFailures = 0;

  constructor(pod: Pod, deps: WorkerDeps) {
    this.#pod = pod;
    this.#deps = deps;
    this.uid = pod.metadata.uid ?? "";
    this.#acceptedAtMs = deps.now();
    this.#folder = `${deps.podsFolder}/${this.uid}`;
    this.#sources = withKeptTokens(deps.sources, deps.now);
    const records = recordsFromStatus(pod, this.#acceptedAtMs);
    this.#containers = new Map(
      allContainersOf(pod).map((container) => {
        const record = records.get(container.name);
        return [
          container.name,
          new PodContainer({
            pod: () => this.#pod,
            container,
            place: () => this.#place(),
            logFolder: `${this.#folder}/logs/${container.name}`,
            ...(record !== undefined && { record }),
            onChange: () => this.#poke(),
            onEvent: (note) => deps.events.record(this.#pod, note),
          }, deps),
        ];
      }),
    );
    this.ended = this.#live();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The pod's ports, once it has some. */
  get ports(): PodPorts | undefined {
    return this.#ports;
  }

  /** The pod object has changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#poke();
  }

  /** Ends everything because the node stops, within the pod's own grace period and `limitMs`. */
  shutDown(limitMs: number): void {
    const { pod } = this;
    const hasOutcome = isDeleted(pod) || isFinished(pod.status?.phase) ||
      isFinished(outcomeOf(this.#snapshot()));
    this.#farewell = hasOutcome ? buildPodStatus : buildShutdownStatus;
    const seconds = pod.metadata.deletionGracePeriodSeconds ??
      pod.spec?.terminationGracePeriodSeconds ?? 30;
    this.leave(Math.min(limitMs, seconds * 1000));
  }

  /** Ends everything without a word to the API server: the object is gone. */
  leave(graceMs: number): void {
    this.#leaveGraceMs = Math.min(graceMs, this.#leaveGraceMs ?? Infinity);
    this.#left.abort();
    this.#poke();
  }

  /** A container's log; undefined when it has none. */
  logOf(container: string, previous: boolean): LogFile | undefined {
    return this.#containers.get(container)?.log(previous);
  }

  /** Where a container runs; undefined while it does not. */
  runningPlaceOf(container: string): RunningPlace | undefined {
    return this.#containers.get(container)?.running;
  }

  hasContainer(name: string): boolean {
    return this.#containers.has(name);
  }

  async #live(): Promise<void> {
    while (this.#leaveGraceMs === undefined) {
      // What happens from here on calls for another pass.
      const wake = this.#wake = new AbortController();
      const wakeAtMs = await this.#pass();
      const waitMs = wakeAtMs === undefined
        ? 2 ** 31 - 1
        : Math.max(0, wakeAtMs - this.#deps.now());
      await sleep(waitMs, wake.signal);
    }
    const graceMs = this.#leaveGraceMs;
    await Promise.all([...this.#containers.values()].map((container) => container.end(graceMs)));
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
    await this.#takeLeave();
    if (this.#ports !== undefined) this.#deps.allocator.release(this.#ports);
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }

  /** One pass over the plan. Returns when the next one is due at the latest. */
  async #pass(): Promise<number | undefined> {
    const { actions, wakeAtMs } = planPod(this.#snapshot());
    const wakes = wakeAtMs === undefined ? [] : [wakeAtMs];
    try {
      for (const action of actions) await this.#apply(action);
      this.#failures = 0;
      if (this.#reportAtMs > this.#deps.now()) wakes.push(this.#reportAtMs);
    } catch (error) {
      wakes.push(this.#deps.now() + backoffMs(RETRY, ++this.#failures));
      // The pod's end may come by the watch before the answer to its deletion does.
      if (!this.#left.signal.aborted) this.#warn("Could not bring pod on", error);
    }
    return wakes.length === 0 ? undefined : Math.min(...wakes);
  }

  #snapshot(): PodSnapshot {
    const records = new Map([...this.#containers].map(([name, { record }]) => [name, record]));
    return {
      pod: this.#pod,
      records,
      volumes: this.#volumes,
      acceptedAtMs: this.#acceptedAtMs,
      isDeadlineTold: this.#isDeadlineTold,
      nowMs: this.#deps.now(),
      timing: this.#deps.timing,
    };
  }

  async #apply(action: PodAction): Promise<void> {
    switch (action.kind) {
      case "prepareVolumes":
        this.#volumes = { kind: "preparing" };
        return this.#track(this.#prepare());
      case "start":
        return this.#containers.get(action.container)?.start(action.restart);
      case "announceBackOff":
        return this.#containers.get(action.container)?.announceBackOff();
      case "kill":
        return this.#kill(action);
      case "tellDeadline":
        return this.#tellDeadline();
      case "report":
        return this.#startReport(action.status);
      case "remove":
        return await this.#remove(this.#left.signal);
    }
  }

  #kill({ container, graceMs, message, after }: Extract<PodAction, { kind: "kill" }>): void {
    const others = after.map((name) => this.#containers.get(name)?.ended);
    this.#containers.get(container)?.kill({ graceMs, message, after: Promise.all(others) });
  }

  #tellDeadline(): void {
    this.#isDeadlineTold = true;
    const note = { type: "Normal", reason: DEADLINE_REASON, message: DEADLINE_MESSAGE } as const;
    this.#deps.events.record(this.#pod, note);
  }

  /** Ports and volumes: what must be there before the first container starts. */
  async #prepare(): Promise<void> {
    try {
      this.#ports ??= this.#deps.allocator.allocate(this.#pod);
      await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await Deno.mkdir(this.#place().folder, { recursive: true, mode: 0o700 });
      const folder = `${this.#folder}/volumes`;
      this.#volumePaths = await prepareVolumes(this.#pod, folder, this.#sources);
      this.#volumes = { kind: "ready" };
      this.#track(refreshVolumes({
        pod: () => this.#pod,
        folder,
        sources: this.#sources,
        intervalMs: this.#deps.volumeRefreshMs,
        signal: this.#left.signal,
        onFailure: (message) => this.#tellFailedMount(message),
      }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const retryAtMs = this.#deps.now() + backoffMs(RETRY, ++this.#volumeFailures);
      this.#volumes = { kind: "failed", message, retryAtMs };
      this.#tellFailedMount(message);
    }
    this.#poke();
  }

  #tellFailedMount(message: string): void {
    this.#deps.events.record(this.#pod, { type: "Warning", reason: "FailedMount", message });
  }

  /** Writes in the background, one status at a time: what runs does not wait for the API server. */
  #startReport(status: PodStatus): void {
    if (this.#isReporting || this.#deps.now() < this.#reportAtMs) return;
    this.#isReporting = true;
    this.#track((async () => {
      try {
        this.#reportFailures = await this.#report(status) ? 0 : this.#reportFailures + 1;
      } catch (error) {
        if (!this.#left.signal.aborted) this.#warn("Could not write pod status", error);
        this.#reportFailures++;
      }
      if (this.#reportFailures > 0) {
        this.#reportAtMs = this.#deps.now() + backoffMs(RETRY, this.#reportFailures);
      }
      this.#isReporting = false;
      this.#poke();
    })());
  }

  /** False when the pod is not, or no longer, what we know of it: what comes next works on the news. */
  async #report(status: PodStatus): Promise<boolean> {
    const { client, observe } = this.#deps;
    const { signal } = this.#left;
    try {
      const pod = { ...this.#pod, status };
      observe(await client.replace(PODS, pod, { subresource: "status", signal }));
      return true;
    } catch (error) {
      // Where it is gone, word of its deletion is on the way to us.
      if (isNotFound(error)) return false;
      if (!isConflict(error)) throw error;
      observe(await client.get(PODS, keyOf(this.#pod), { signal }));
      return false;
    }
  }

  async #remove(signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.client.delete(PODS, keyOf(this.#pod), {
        gracePeriodSeconds: 0,
        preconditions: { uid: this.uid },
        signal,
      });
    } catch (error) {
      // Gone already, or a namesake has taken its place: either way ours is no more.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** Writes how the pod has ended, if that goes in a short time. */
  async #takeLeave(): Promise<void> {
    if (this.#farewell === undefined) return;
    const status = this.#farewell(this.#snapshot());
    if (isSameStatus(status, this.#pod.status) && !isDeleted(this.#pod)) return;
    const key = keyOf(this.#pod);
    const signal = AbortSignal.timeout(LAST_WORDS_MS);
    try {
      const patch = { metadata: { uid: this.uid }, status };
      const options = { subresource: "status", type: "strategic", signal } as const;
      await this.#deps.client.patch(PODS, key, patch, options);
      if (isDeleted(this.#pod)) await this.#remove(signal);
    } catch (error) {
      this.#deps.log.debug("Could not say how the pod has ended", {
        pod: keyText(key),
        error: String(error),
      });
    }
  }

  #place(): PodPlace {
    return {
      folder: `${this.#folder}/work`,
      ports: this.#ports ?? new PodPorts([], []),
      volumes: this.#volumePaths,
    };
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  #warn(what: "Could not bring pod on" | "Could not write pod status", error: unknown): void {
    this.#deps.log.warning(what, { pod: keyText(keyOf(this.#pod)), error: String(error) });
  }

  #poke(): void {
    this.#wake.abort();
  }
}
