/**
 * A client that behaves as the one in DI-engine 0.5.3, whose faults are what the server has to live with:
 * an end at the first status that is not 2xx, retries for lost connections only, and no time limit of its
 * own. What its requests look like is in `recorded_wire.ts`, what its coordinator does with the answers in
 * `recorded_polling.ts`.
 *
 * Made from what DI-engine was seen to send; it shares no code with the clients of the product.
 */
import { sleep } from "../../src/lib/abort.ts";
import { pythonJson, type WireAnswer, WireSession } from "./recorded_wire.ts";

/** URLs, or pod names where a method says so. */
export interface RecordedLists {
  readonly collectors: readonly string[];
  readonly learners: readonly string[];
}

/** What DI-engine asks for of one kind; the keys are the ones it sends. */
export interface RecordedRequest {
  readonly replicas: number;
  readonly cpus?: string;
  readonly gpus?: string;
  readonly memory?: string;
}

/** The body of any 2xx answer. */
export interface RecordedAnswer {
  readonly status: number;
  readonly success: boolean;
  readonly code: number;
  readonly message: string;
  readonly data: unknown;
}

/** Why the client has died. */
export class RecordedClientError extends Error {
  override readonly name = "RecordedClientError";
  /** The status that ended it, or `undefined` when no connection could be had or an answer read. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Whom the client speaks to, and as whom. */
export interface RecordedClientOptions {
  /** `host:port` or `http://host:port`, as `KUBERNETES_SERVER_URL` may have it. */
  readonly server: string;
  readonly namespace: string;
  /** Name of the coordinator's pod. */
  readonly coordinator: string;
  /** As of {@link WireSession}. */
  readonly proxy?: string;
  /** Waits of DI-engine, which tests of this client alone may cut. */
  readonly retryWaitMs?: number;
  readonly busyWaitMs?: number;
  /** Told before each wait after a lost connection: how many tries of the request have failed. */
  readonly onRetry?: (failed: number) => void;
}

/** DI-engine's `DEFAULT_RETRIES`: tries after the first one. */
const RETRIES = 5;
const RETRY_WAIT_MS = 1000;
const BUSY_WAIT_MS = 2000;
const BUSY_LIMIT_MS = 120_000;

/** Closed with `using`. */
export class RecordedClient implements Disposable {
  readonly #options: RecordedClientOptions;
  readonly #session: WireSession;

  constructor(options: RecordedClientOptions) {
    this.#options = options;
    this.#session = new WireSession(options.server, options.proxy);
  }

  /** The one request at the start: sent again every 2 s for up to 120 s while there is no success. */
  async postReplicas(
    requests: { readonly collectors?: RecordedRequest; readonly learners?: RecordedRequest },
  ): Promise<RecordedAnswer> {
    const start = performance.now();
    while (true) {
      const answer = await this.send("POST", "/replicas", { ...requests, ...this.#self() });
      if (answer.success) return answer;
      if (performance.now() - start > BUSY_LIMIT_MS) {
        throw new RecordedClientError(`no success in ${BUSY_LIMIT_MS} ms: ${answer.message}`);
      }
      await sleep(this.#options.busyWaitMs ?? BUSY_WAIT_MS);
    }
  }

  /** One look at the list. */
  getReplicas(): Promise<RecordedAnswer> {
    return this.send("GET", `/replicas?${new URLSearchParams(this.#self())}`, {});
  }

  /** Gives replicas back: with a body, on DELETE. */
  deleteReplicas(
    { collectors = 0, learners = 0 }: { readonly collectors?: number; readonly learners?: number },
  ): Promise<RecordedAnswer> {
    return this.send("DELETE", "/replicas", {
      ...this.#self(),
      collectors: { replicas: collectors },
      learners: { replicas: learners },
    });
  }

  /** Reports URLs as failed: what goes out is the names of their pods, as DI-engine cuts them out. */
  reportFailed(
    { collectors = [], learners = [] }: Partial<RecordedLists>,
  ): Promise<RecordedAnswer> {
    return this.send("POST", "/replicas/failed", {
      ...this.#self(),
      collectors: collectors.map(recordedPodName),
      learners: learners.map(recordedPodName),
    });
  }

  /**
   * Any request, with DI-engine's retries: after a lost connection or an answer cut short, never after
   * a status.
   *
   * @param path Below `/v1alpha1`, query included.
   * @throws {RecordedClientError} For any status but 2xx, and after the last retry.
   */
  async send(method: string, path: string, body: unknown): Promise<RecordedAnswer> {
    for (let retries = 0;; retries++) {
      let answer: WireAnswer;
      try {
        answer = await this.#session.send({
          method,
          path: `/v1alpha1${path}`,
          body: pythonJson(body),
        });
      } catch (error) {
        if (retries === RETRIES) {
          const why = error instanceof Error ? error.message : String(error);
          throw new RecordedClientError(`${method} ${path}: ${why}`, undefined, { cause: error });
        }
        this.#options.onRetry?.(retries + 1);
        await sleep(this.#options.retryWaitMs ?? RETRY_WAIT_MS);
        continue;
      }
      return readAnswer(`${method} ${path}`, answer);
    }
  }

  [Symbol.dispose](): void {
    this.#session.close();
  }

  #self(): { namespace: string; coordinator: string } {
    return { namespace: this.#options.namespace, coordinator: this.#options.coordinator };
  }
}

/** The text before `:` without its last dotted label. */
export function recordedPodName(url: string): string {
  return (url.split(":")[0] ?? "").split(".").slice(0, -1).join(".");
}

function readAnswer(what: string, { status, text }: WireAnswer): RecordedAnswer {
  if (status < 200 || status >= 300) {
    throw new RecordedClientError(`${what}: status ${status}: ${text}`, status);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new RecordedClientError(`${what}: not JSON: ${text}`, status, { cause: error });
  }
  if (
    typeof body !== "object" || body === null ||
    !("success" in body && "code" in body && "message" in body && "data" in body) ||
    typeof body.success !== "boolean" || typeof body.code !== "number" ||
    typeof body.message !== "string"
  ) throw new RecordedClientError(`${what}: not the envelope: ${text}`, status);
  const { success, code, message, data } = body;
  return { status, success, code, message, data };
}
