/** Requests from the coordinator to the server, made the way DI-engine 0.5.3 makes them. */
import * as z from "zod";
import { sleep, startDeadline } from "../lib/abort.ts";
import { MockFailure } from "./failure.ts";
import type { ReplicaLists } from "./roster.ts";

/** What to ask for of one kind. Quantities as Kubernetes writes them; "0" leaves the template's. */
export interface ReplicaRequest {
  readonly replicas: number;
  readonly cpus: string;
  readonly gpus: string;
  readonly memory: string;
}

/** What the server says it did. */
export interface ReplicaAnswer extends ReplicaLists {
  readonly namespace: string;
  readonly coordinator: string;
}

/** How long the client bears a server that is away or busy. DI-engine's own numbers by default. */
export interface Patience {
  /** Tries after the first one when there was no answer. */
  readonly connectRetries: number;
  readonly connectWaitMs: number;
  /** Pause after an answer with `success: false`. */
  readonly busyWaitMs: number;
  /** Time in all for answers with `success: false`. */
  readonly busyLimitMs: number;
}

/** How to reach the server, and as whom. */
export interface ReplicaClientOptions {
  /** `http://host:port`. */
  readonly serverUrl: string;
  readonly namespace: string;
  /** Name of the coordinator's pod. */
  readonly coordinator: string;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly patience?: Patience;
}

const DI_ENGINE_PATIENCE: Patience = {
  connectRetries: 5,
  connectWaitMs: 1000,
  busyWaitMs: 2000,
  busyLimitMs: 120_000,
};

const envelope = z.object({ success: z.boolean(), message: z.string(), data: z.unknown() });
type Envelope = z.infer<typeof envelope>;
/** A list that was not touched is `null` in answers to POST and DELETE. */
const urls = z.array(z.string()).nullable().transform((list) => list ?? []);
const replicaAnswer = z.object({
  namespace: z.string(),
  coordinator: z.string(),
  collectors: urls,
  learners: urls,
});

/** What a gateway on the way answers for a server that is away. */
const GATEWAY_STATUSES = [502, 503, 504];

/** No answer came. Tried again as DI-engine does, although the request may have been met. */
class NoAnswerError extends Error {}

/** Talks to `/v1alpha1/replicas` as one coordinator. Every method throws {@link MockFailure}. */
export class ReplicaClient {
  readonly #options: ReplicaClientOptions;
  readonly #patience: Patience;

  constructor(options: ReplicaClientOptions) {
    this.#options = options;
    this.#patience = options.patience ?? DI_ENGINE_PATIENCE;
  }

  /** Asks for so many replicas more. */
  postReplicas(
    request: { readonly collectors: ReplicaRequest; readonly learners: ReplicaRequest },
  ): Promise<ReplicaAnswer> {
    return this.#request("POST", "/replicas", { ...request, ...this.#self() });
  }

  /** All replicas that the job has now. */
  getReplicas(): Promise<ReplicaAnswer> {
    return this.#request("GET", `/replicas?${new URLSearchParams(this.#self())}`);
  }

  /** Gives back so many replicas; the server picks which, and the answer names them. */
  deleteReplicas(
    { collectors, learners }: { readonly collectors: number; readonly learners: number },
  ): Promise<ReplicaAnswer> {
    return this.#request("DELETE", "/replicas", {
      ...this.#self(),
      collectors: { replicas: collectors },
      learners: { replicas: learners },
    });
  }

  /** Reports pods, by name and not by URL, as failed. The answer has the URLs that replace them. */
  reportFailed(podNames: ReplicaLists): Promise<ReplicaAnswer> {
    return this.#request("POST", "/replicas/failed", { ...this.#self(), ...podNames });
  }

  #self(): { namespace: string; coordinator: string } {
    return { namespace: this.#options.namespace, coordinator: this.#options.coordinator };
  }

  async #request(method: string, path: string, body?: unknown): Promise<ReplicaAnswer> {
    const { log, signal } = this.#options;
    const busySince = performance.now();
    while (true) {
      const { success, message, data } = await this.#requestThroughOutage(method, path, body);
      if (success) return parseAnswer(method, data);
      if (performance.now() - busySince > this.#patience.busyLimitMs) {
        throw new MockFailure("serverBusy", `The server could not ${method} replicas: ${message}`);
      }
      log(`the server cannot ${method} replicas now: ${message}`);
      await sleep(this.#patience.busyWaitMs, signal);
      signal.throwIfAborted();
    }
  }

  async #requestThroughOutage(method: string, path: string, body?: unknown): Promise<Envelope> {
    const { log, signal } = this.#options;
    const { connectRetries, connectWaitMs } = this.#patience;
    for (let retries = 0;; retries++) {
      try {
        return await this.#requestOnce(method, path, body);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof NoAnswerError)) throw error;
        if (retries === connectRetries) {
          throw new MockFailure("serverUnreachable", error.message, { cause: error });
        }
        log(`${error.message}; retry ${retries + 1} of ${connectRetries}`);
      }
      await sleep(connectWaitMs, signal);
      signal.throwIfAborted();
    }
  }

  async #requestOnce(method: string, path: string, body?: unknown): Promise<Envelope> {
    const { serverUrl, signal, requestTimeoutMs } = this.#options;
    const deadline = startDeadline(requestTimeoutMs, signal);
    try {
      const response = await fetch(`${serverUrl}/v1alpha1${path}`, {
        method,
        signal: deadline.signal,
        // As bytes, because a string would add a Content-Type, which DI-engine does not send.
        ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
      });
      return readEnvelope(method, response.status, await response.text());
    } catch (error) {
      if (error instanceof MockFailure || error instanceof NoAnswerError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new NoAnswerError(`no answer from server ${serverUrl} (${why})`);
    } finally {
      deadline.clear();
    }
  }
}

function readEnvelope(method: string, status: number, text: string): Envelope {
  const parsed = envelope.safeParse(jsonOrUndefined(text));
  if (status >= 200 && status < 300 && parsed.success) return parsed.data;
  if (!parsed.success && GATEWAY_STATUSES.includes(status)) {
    throw new NoAnswerError(`no answer from the server behind its gateway (status ${status})`);
  }
  const message = parsed.success ? parsed.data.message : "not an answer of this API";
  throw new MockFailure(
    "serverRefused",
    `The server refused to ${method} replicas: status ${status}, ${message}`,
  );
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseAnswer(method: string, data: unknown): ReplicaAnswer {
  const parsed = replicaAnswer.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new MockFailure(
    "serverRefused",
    `Cannot read the server's answer to ${method} replicas: ${JSON.stringify(data)}`,
    { cause: parsed.error },
  );
}
