/** Requests to one API server over `fetch`. Every request has a time limit. */
import { sleep, startDeadline } from "../lib/abort.ts";
import { linesOf } from "../lib/lines.ts";
import { ApiError, ConnectionError } from "./errors.ts";
import type { ClusterConfig } from "./kubeconfig.ts";
import { listPath, objectPath, queryOf } from "./paths.ts";
import { type RateLimit, TokenBucket } from "./rate_limit.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import type { DeleteOptions, KubeList, KubeObject, ObjectKey, Status } from "./types.ts";

/** How long a request may take when the caller says nothing else, in ms. */
export const REQUEST_LIMIT_MS = 30_000;
/** Longest `Retry-After` of a 429 that is waited for, in ms; beyond it the error is thrown. */
const RETRY_AFTER_MAX_MS = 10_000;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}
export interface WriteOptions extends CallOptions {
  /** `status`, `binding`, `token`, …; absent: the object itself. */
  readonly subresource?: string;
  /** Checks everything and stores nothing. */
  readonly dryRun?: boolean;
  /** Refuses fields that the kind does not have, instead of leaving them out. */
  readonly strict?: boolean;
  readonly fieldManager?: string;
}
export interface PatchOptions extends WriteOptions {
  readonly type?: keyof typeof PATCH_TYPES;
  /** For `apply` only: take fields over from other managers. */
  readonly force?: boolean;
}
export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects per page; the rest is behind `metadata.continue`. */
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}
export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  /** When the server shall end the watch, in s. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Called for every piece of data, bookmarks included: the silence limit hangs on it. */
  readonly onData?: () => void;
}
export type DeleteCallOptions = CallOptions & Omit<DeleteOptions, "apiVersion" | "kind">;

/** One line of a watch. An `ERROR` is thrown instead. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

const PATCH_TYPES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/** What a finished request was; for metrics. `code` 0: no answer came. */
export interface RequestReport {
  readonly method: string;
  readonly code: number;
  /** Host and port of the API server. */
  readonly host: string;
}

export interface ClientOptions {
  readonly onRequest?: (report: RequestReport) => void;
  /** Of all requests together; absent: none, the API server itself says when it is too much. */
  readonly limit?: RateLimit | undefined;
}

/**
 * One process's way to the API server. HTTP/1.1 on purpose: a connection that has silently died then
 * stalls one request, where with HTTP/2 it stalls all of them until the kernel gives up.
 */
export class KubeClient {
  readonly config: ClusterConfig;
  readonly #http: Deno.HttpClient;
  readonly #host: string;
  readonly #onRequest: (report: RequestReport) => void;
  readonly #bucket: TokenBucket | undefined;

  constructor(config: ClusterConfig, options: ClientOptions = {}) {
    this.config = config;
    this.#host = new URL(config.server).host;
    this.#onRequest = options.onRequest ?? (() => {});
    this.#bucket = options.limit && new TokenBucket(options.limit);
    this.#http = Deno.createHttpClient({
      http1: true,
      http2: false,
      poolMaxIdlePerHost: 32,
      ...(config.caPem !== undefined && { caCerts: [config.caPem] }),
      ...(config.clientCertPem !== undefined && config.clientKeyPem !== undefined &&
        { cert: config.clientCertPem, key: config.clientKeyPem }),
    });
  }

  get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T> {
    return this.request("GET", objectPath(resource, key), options);
  }

  list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<KubeList<T>> {
    const query = queryOf({
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      limit: options.limit,
      continue: options.continue,
      resourceVersion: options.resourceVersion,
    });
    return this.request("GET", listPath(resource, options.namespace) + query, options);
  }

  create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = options.subresource === undefined
      ? listPath(resource, object.metadata.namespace)
      : objectPath(resource, {
        namespace: object.metadata.namespace ?? "",
        name: object.metadata.name ?? "",
      }, options.subresource);
    return this.request("POST", path + writeQuery(options), options, typed(resource, object));
  }

  /** Writes the whole object; with `metadata.resourceVersion` set only over that version. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { namespace = "", name = "" } = object.metadata;
    const path = objectPath(resource, { namespace, name }, options.subresource);
    return this.request("PUT", path + writeQuery(options), options, typed(resource, object));
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, key, options.subresource);
    const query = writeQuery(options, options.force);
    return this.request(
      "PATCH",
      path + query,
      options,
      patch,
      PATCH_TYPES[options.type ?? "merge"],
    );
  }

  /** Starts a deletion. The answer is the object as it still is, or a `Status` when it is gone. */
  delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    { signal, timeoutMs, ...options }: DeleteCallOptions = {},
  ): Promise<T | Status> {
    const call = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
    return this.request("DELETE", objectPath(resource, key), call, {
      kind: "DeleteOptions",
      apiVersion: "v1",
      ...options,
    });
  }

  /**
   * The changes after `resourceVersion`, as they come. Returns when the server ends the watch.
   *
   * @throws {ApiError} When it refuses, also in mid-stream: code 410 means the version is too old.
   * @throws {ConnectionError} When the connection fails, or `signal` aborts.
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const query = queryOf({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    });
    const path = listPath(resource, options.namespace) + query;
    const { body } = await this.stream(path, options.signal);
    if (body === null) return;
    try {
      for await (const line of linesOf(body, options)) {
        const event = JSON.parse(line) as { type: string; object: unknown };
        if (event.type === "ERROR") throw statusError(event.object as Status, 500);
        yield event as WatchEvent<T>;
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ConnectionError(`Watch of ${resource.plural} broke: ${textOf(error)}`, error);
    }
  }

  /**
   * Sends one request and reads the JSON answer. Reads are tried twice when the connection fails, and
   * anything again that was turned away with 429 and a short `Retry-After`: neither can do harm.
   *
   * @param path Path and query below the server's URL.
   * @throws {ApiError} When the server says no.
   * @throws {ConnectionError} When no whole answer came in time; a write may have happened.
   */
  async request<T>(
    method: string,
    path: string,
    { signal, timeoutMs = REQUEST_LIMIT_MS }: CallOptions,
    body?: unknown,
    contentType = "application/json",
  ): Promise<T> {
    await this.#takeTurn(method, path, signal);
    const deadline = startDeadline(timeoutMs, signal);
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      for (let attempt = 1;; attempt++) {
        try {
          const response = await this.#fetch(method, path, deadline.signal, text, contentType);
          if (response.ok) return await response.json() as T;
          throw await apiErrorOf(response, path);
        } catch (error) {
          if (deadline.signal.aborted) throw connectionError(method, path, deadline.signal.reason);
          const waitMs = retryWaitMs(error, method, attempt);
          if (waitMs !== undefined) await sleep(waitMs, deadline.signal);
          else if (error instanceof ApiError) throw error;
          else throw connectionError(method, path, error);
        }
      }
    } finally {
      deadline.clear();
    }
  }

  /**
   * A response as it comes, for bodies that are not JSON (`/log`). The caller reads or cancels it, and
   * ends the reading by `signal` itself, as {@link linesOf} does.
   */
  async stream(path: string, signal: AbortSignal): Promise<Response> {
    await this.#takeTurn("GET", path, signal);
    const response = await this.#fetch("GET", path, signal);
    if (!response.ok) throw await apiErrorOf(response, path);
    return response;
  }

  /** Ends every connection. */
  close(): void {
    this.#http.close();
  }

  /** Waits until our own limit lets a request go out; a request's time begins after that. */
  async #takeTurn(method: string, path: string, signal: AbortSignal | undefined): Promise<void> {
    const waitMs = this.#bucket?.take() ?? 0;
    if (waitMs > 0) await sleep(waitMs, signal);
    if (signal?.aborted) throw connectionError(method, path, signal.reason);
  }

  async #fetch(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: string,
    contentType?: string,
  ): Promise<Response> {
    const headers = new Headers({ accept: "application/json", "user-agent": "di-orchestrator" });
    if (body !== undefined && contentType !== undefined) headers.set("content-type", contentType);
    if (this.config.token !== undefined) {
      headers.set("authorization", `Bearer ${this.config.token()}`);
    }
    let code = 0;
    try {
      const response = await fetch(this.config.server + path, {
        client: this.#http,
        method,
        headers,
        signal,
        // Deno sends a body that it can copy a second time, by itself, when a kept connection is lost
        // under the request; but a write may have been done.
        ...(body !== undefined && { body: ReadableStream.from([new TextEncoder().encode(body)]) }),
      });
      code = response.status;
      return response;
    } catch (error) {
      if (error instanceof DOMException || error instanceof TypeError) {
        throw connectionError(method, path, error);
      }
      throw error;
    } finally {
      this.#onRequest({ method, code, host: this.#host });
    }
  }
}

function typed<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return object.kind !== undefined && object.apiVersion !== undefined
    ? object
    : { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function writeQuery(options: WriteOptions, force?: boolean): string {
  return queryOf({
    dryRun: options.dryRun ? "All" : undefined,
    fieldValidation: options.strict ? "Strict" : undefined,
    fieldManager: options.fieldManager,
    force: force ? "true" : undefined,
  });
}

/** How long to wait before the same request may go out again; undefined: it may not. */
function retryWaitMs(error: unknown, method: string, attempt: number): number | undefined {
  if (error instanceof ApiError) {
    return error.code === 429 && attempt <= 5 && error.retryAfterMs !== undefined &&
        error.retryAfterMs <= RETRY_AFTER_MAX_MS
      ? error.retryAfterMs
      : undefined;
  }
  // A pooled connection may have been closed under us: the second try gets a fresh one.
  return method === "GET" && attempt === 1 ? 0 : undefined;
}

async function apiErrorOf(response: Response, path: string): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("retry-after") ?? NaN);
  const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined;
  const text = await response.text();
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return statusError(status, response.status, retryAfterMs);
  } catch {
    // Not every proxy in between answers in JSON: the text says what there is to say.
  }
  const message = text.trim().slice(0, 300) || `HTTP ${response.status} for ${path}`;
  return new ApiError(response.status, "", message, undefined, retryAfterMs);
}

function statusError(status: Status, code: number, retryAfterMs?: number): ApiError {
  return new ApiError(
    status.code ?? code,
    status.reason ?? "",
    status.message ?? `HTTP ${code}`,
    status,
    retryAfterMs,
  );
}

function connectionError(method: string, path: string, cause: unknown): ConnectionError {
  if (cause instanceof ConnectionError) return cause;
  return new ConnectionError(
    `${method} ${path.split("?", 1)[0]} got no answer: ${textOf(cause)}`,
    cause,
  );
}

/** The message with its causes: `fetch` itself says no more than that it failed. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${textOf(error.cause)}`;
}
