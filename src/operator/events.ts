/** Kubernetes Events on DIJobs: what `kubectl describe` shows under a job. */
import { createHash } from "node:crypto";
import { API_VERSION, type DIJob, DIJOBS, type DIJobStatus } from "../api/mod.ts";
import {
  type CoreEvent,
  EVENTS,
  isAlreadyExists,
  isNotFound,
  type KubeClient,
} from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";
import { ACCEPTED } from "./status.ts";

/** As DI-orchestrator v0.1.0 signs its events. */
const SOURCE = "di-orchestrator";
/** Events are a courtesy: nobody waits long for one. */
const EVENT_LIMIT_MS = 5000;
/** Successes of one pass that are told; as many as client-go lets through at once for one object. */
const SUCCESSES_TOLD = 25;
/** Longest message that the API server takes. */
const MESSAGE_MAX = 1024;

export interface JobEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Tells two events of the same words apart: the uid of the pod they are about. */
  readonly subject?: string;
  /** What makes two events the same where the words may vary; default: the message. */
  readonly identity?: string;
}

/** What is to be said of a status that follows another one. */
export function statusEvents(
  after: DIJobStatus,
  before: DIJobStatus | undefined,
): JobEvent[] {
  return [phaseEvent(after, before), refusalEvent(after, before)]
    .filter((event) => event !== undefined);
}

/** Templates that the API server would not take, or for another reason than before. */
function refusalEvent(after: DIJobStatus, before: DIJobStatus | undefined): JobEvent | undefined {
  const [now, then] = [after, before].map((status) =>
    status?.conditions?.find(({ type }) => type === ACCEPTED)
  );
  if (now?.status !== "False" || now.message === then?.message) return undefined;
  const { reason = "", message = "" } = now;
  return { type: "Warning", reason, message };
}

/**
 * A phase that is newly reached, or a coordinator that is started again. Running has no event: the pods
 * have theirs.
 */
function phaseEvent(
  after: DIJobStatus,
  before: DIJobStatus | undefined,
): JobEvent | undefined {
  const { phase, restarts = 0, conditions = [] } = after;
  if (restarts > (before?.restarts ?? 0)) {
    const { reason = "", message = "" } = conditions.find(({ type }) => type === "Running") ?? {};
    return { type: "Warning", reason, message: `Restart ${restarts}: ${message}` };
  }
  if (phase === undefined || phase === before?.phase || phase === "Running") return undefined;
  const { reason = "", message = "" } = conditions.find(({ type }) => type === phase) ?? {};
  return {
    type: phase === "Failed" ? "Warning" : "Normal",
    reason,
    message,
    // A job may be suspended, and created anew, more than once.
    ...(after.startTime !== undefined && { subject: after.startTime }),
  };
}

/**
 * The object for an event. Its name derives from what it says, so that saying it again, after a crash
 * or at every try of a failing write, meets the one that is there.
 */
export function buildEvent(job: DIJob, event: JobEvent, now: number): CoreEvent {
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = job.metadata;
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
  const digest = createHash("sha256")
    .update([uid, event.reason, event.identity ?? event.message, event.subject ?? ""].join("\0"))
    .digest("hex").slice(0, 16);
  return {
    metadata: { name: `${name}.${digest}`, namespace },
    involvedObject: {
      apiVersion: API_VERSION,
      kind: DIJOBS.kind,
      name,
      namespace,
      uid,
      resourceVersion,
    },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, MESSAGE_MAX),
    source: { component: SOURCE },
    reportingComponent: SOURCE,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}

/** Writes events beside the work, which never waits for them. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #pending = new Set<Promise<void>>();

  constructor(client: KubeClient, now: () => number, log: Logger) {
    this.#client = client;
    this.#now = now;
    this.#log = log;
  }

  /** Starts to write an event. A failure is logged and no more, since no work hangs on it. */
  record(job: DIJob, event: JobEvent): void {
    const writing = this.#write(buildEvent(job, event, this.#now()));
    this.#pending.add(writing);
    writing.finally(() => this.#pending.delete(writing));
  }

  /**
   * The same recorder for the writes of one pass, of whose successes it tells only the first: with an
   * event for each, a job with thousands of pods would keep the API server twice as busy.
   */
  forPass(): Pick<EventRecorder, "record"> {
    let successes = 0;
    return {
      record: (job, event) => {
        if (event.type === "Normal" && successes++ >= SUCCESSES_TOLD) return;
        this.record(job, event);
      },
    };
  }

  /** Resolves when every event so far has been written or given up. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #write(event: CoreEvent): Promise<void> {
    try {
      await this.#client.create(EVENTS, event, { timeoutMs: EVENT_LIMIT_MS });
    } catch (error) {
      // Not found: the namespace is on its way out, and whoever would read the event with it.
      if (isAlreadyExists(error) || isNotFound(error)) return;
      this.#log.warning("Could not record event", { reason: event.reason, error: String(error) });
    }
  }
}
