/**
 * A client that behaves on the wire as the one in DI-engine 0.5.3, whose faults are what the server has
 * to live with: no Content-Type, a `{}` body even on GET, an end at the first status that is not 2xx,
 * retries for lost connections only, and no time limit of its own.
 *
 * Made from what DI-engine was seen to send; it shares no code with the product.
 */
import { Buffer } from "node:buffer";
import { request } from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";

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
  /** Waits of DI-engine, which tests of this client alone may cut. */
  readonly retryWaitMs?: number;
  readonly busyWaitMs?: number;
  readonly pollWaitMs?: number;
}

/** A poll loop on its way. */
export interface RecordedPolling {
  /** What the last good answer listed; `undefined` before the first. */
  readonly current: RecordedLists | undefined;
  /** What ended the loop; DI-engine tells nobody. */
  readonly error: Error | undefined;
  /** Has the loop report this replica at its next turn. Give the URL. */
  markFailed(kind: keyof RecordedLists, url: string): void;
  stop(): Promise<void>;
}

/** DI-engine's `DEFAULT_RETRIES`: tries after the first one. */
const RETRIES = 5;
const RETRY_WAIT_MS = 1000;
const BUSY_WAIT_MS = 2000;
const BUSY_LIMIT_MS = 120_000;
const POLL_WAIT_MS = 1000;

export class RecordedClient {
  readonly #options: RecordedClientOptions;
  readonly #host: string;
  readonly #port: number;

  constructor(options: RecordedClientOptions) {
    this.#options = options;
    const [host = "", port = ""] = options.server.replace(/^http:\/\//, "").split(":");
    this.#host = host;
    this.#port = Number(port);
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
      await wait(this.#options.busyWaitMs ?? BUSY_WAIT_MS);
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

  /** Reports what has failed and reads the list, about every second, until it is stopped or dies. */
  startPolling(): RecordedPolling {
    const failed = { collectors: new Set<string>(), learners: new Set<string>() };
    const stop = new AbortController();
    let current: RecordedLists | undefined;
    let error: Error | undefined;
    const turn = async () => {
      if (failed.collectors.size + failed.learners.size > 0) {
        const report = { collectors: [...failed.collectors], learners: [...failed.learners] };
        if ((await this.reportFailed(report)).success) {
          failed.collectors.clear();
          failed.learners.clear();
        }
      }
      const { success, data } = await this.getReplicas();
      if (success) current = listsOf(data);
    };
    const running = (async () => {
      while (!stop.signal.aborted) {
        await turn();
        await wait(this.#options.pollWaitMs ?? POLL_WAIT_MS, stop.signal);
      }
    })().catch((reason) => {
      error = reason instanceof Error ? reason : new Error(String(reason));
    });
    return {
      get current() {
        return current;
      },
      get error() {
        return error;
      },
      markFailed: (kind, url) => void failed[kind].add(url),
      async stop() {
        stop.abort();
        await running;
      },
    };
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
      let answer: RawAnswer;
      try {
        answer = await sendOnce({
          host: this.#host,
          port: this.#port,
          method,
          path: `/v1alpha1${path}`,
          body: JSON.stringify(body),
        });
      } catch (error) {
        if (retries === RETRIES) {
          const why = error instanceof Error ? error.message : String(error);
          throw new RecordedClientError(`${method} ${path}: ${why}`, undefined, { cause: error });
        }
        await wait(this.#options.retryWaitMs ?? RETRY_WAIT_MS);
        continue;
      }
      return readAnswer(`${method} ${path}`, answer);
    }
  }

  #self(): { namespace: string; coordinator: string } {
    return { namespace: this.#options.namespace, coordinator: this.#options.coordinator };
  }
}

/** The text before `:` without its last dotted label. */
export function recordedPodName(url: string): string {
  return (url.split(":")[0] ?? "").split(".").slice(0, -1).join(".");
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** `node:http`, because `fetch` neither sends a body with GET nor leaves headers alone. */
function sendOnce(
  { host, port, method, path, body }: {
    readonly host: string;
    readonly port: number;
    readonly method: string;
    readonly path: string;
    readonly body: string;
  },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const bytes = new TextEncoder().encode(body);
    const headers = {
      "User-Agent": "python-requests/2.32.5",
      "Accept-Encoding": "gzip, deflate",
      "Accept": "*/*",
      "Content-Length": bytes.length,
    };
    const sent = request({ host, port, method, path, headers, agent: false }, (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      response.on("error", reject);
      response.on("aborted", () => reject(new Error("the answer was cut short")));
      response.on("end", () => {
        const text = decode(Buffer.concat(chunks), response.headers["content-encoding"]);
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.on("error", reject);
    sent.end(bytes);
  });
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  if (encoding === "gzip") return gunzipSync(bytes).toString();
  if (encoding === "deflate") return inflateSync(bytes).toString();
  return bytes.toString();
}

function readAnswer(what: string, { status, text }: RawAnswer): RecordedAnswer {
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

/** The lists of a GET, which must be arrays: `null` kills DI-engine's poll loop. */
function listsOf(data: unknown): RecordedLists {
  if (
    typeof data === "object" && data !== null && "collectors" in data && "learners" in data &&
    isTexts(data.collectors) && isTexts(data.learners)
  ) return { collectors: data.collectors, learners: data.learners };
  throw new RecordedClientError(`not the lists of one coordinator: ${JSON.stringify(data)}`);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end);
  });
}
