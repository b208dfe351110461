/** Keeps an {@link ObjectCache} equal to what the API server has, through whatever happens. */
import { sleep, startDeadline } from "../lib/abort.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import type { Logger } from "../lib/logger.ts";
import type { ObjectCache } from "./cache.ts";
import type { KubeClient, WatchEvent, WatchOptions } from "./client.ts";
import { ApiError } from "./errors.ts";
import type { Resource } from "./resources.ts";
import type { KubeList, KubeObject } from "./types.ts";

/** The two requests a reflector lives on. */
export interface ListWatch<T extends KubeObject> {
  list(options: { continue?: string; signal: AbortSignal }): Promise<KubeList<T>>;
  watch(
    options: Pick<WatchOptions, "resourceVersion" | "timeoutSeconds" | "signal" | "onData">,
  ): AsyncIterable<WatchEvent<T>>;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly source: ListWatch<T>;
  readonly cache: ObjectCache<T>;
  /** Drops what nobody reads, before it is cached. */
  readonly trim?: (object: T) => T;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly timing?: ReflectorTiming;
  readonly random?: () => number;
}

/** All in milliseconds. */
export interface ReflectorTiming {
  readonly backoff: BackoffPolicy;
  /** A watch ends by itself after one to two of these, so that many clients do not return at once. */
  readonly watchLifetimeMs: number;
  /** Bookmarks come about once a minute: a watch silent for longer than this is dead. */
  readonly silenceLimitMs: number;
}

export const REFLECTOR_TIMING: ReflectorTiming = {
  backoff: { initialMs: 800, maxMs: 30_000, factor: 2, jitter: 0.5 },
  watchLifetimeMs: 5 * 60_000,
  silenceLimitMs: 70_000,
};

/** Objects per page of a list. */
const PAGE_SIZE = 500;
/** A watch that the server closes sooner than this counts as lost, or the two would spin. */
const SHORTEST_WATCH_MS = 1000;

/** Why a list or a watch ended. */
export type PassEnd = "listed" | "expired" | "closed" | "lost" | "aborted";
type Next = "watch" | "relist" | "rewatch" | "backOff" | "stop";

const AFTER: Readonly<Record<PassEnd, Next>> = {
  listed: "watch",
  expired: "relist",
  closed: "rewatch",
  lost: "backOff",
  aborted: "stop",
};

/** Lists and watches until `signal` aborts. Never rejects: failures are logged and tried again. */
export async function runReflector<T extends KubeObject>(
  options: ReflectorOptions<T>,
): Promise<void> {
  const { signal, timing = REFLECTOR_TIMING, random = Math.random } = options;
  const state: PassState = { failures: 0 };
  for (let next: Next = "relist"; next !== "stop";) {
    if (next === "relist") delete state.version;
    if (next === "backOff") {
      await sleep(backoffMs(timing.backoff, ++state.failures, random), signal);
    }
    next = AFTER[await (state.version === undefined ? listOnce : watchOnce)(options, state)];
  }
}

/** What one pass leaves to the next. */
interface PassState {
  /** The version the cache stands at; absent: it must be listed anew. */
  version?: string;
  failures: number;
}

async function listOnce<T extends KubeObject>(
  { source, cache, trim = keep, signal, log }: ReflectorOptions<T>,
  state: PassState,
): Promise<PassEnd> {
  try {
    const objects: T[] = [];
    let page = await source.list({ signal });
    for (;;) {
      for (const object of page.items) objects.push(trim(object));
      if (!page.metadata.continue) break;
      page = await source.list({ signal, continue: page.metadata.continue });
    }
    state.version = page.metadata.resourceVersion ?? "0";
    cache.replaceAll(objects, state.version);
    // Not none: a server that lists and then refuses every watch must not be asked in a circle.
    state.failures = Math.min(state.failures, 1);
    return "listed";
  } catch (error) {
    return endOf(error, signal, log, state);
  }
}

async function watchOnce<T extends KubeObject>(
  { source, cache, trim = keep, signal, log, timing = REFLECTOR_TIMING, random = Math.random }:
    ReflectorOptions<T>,
  state: PassState,
): Promise<PassEnd> {
  const startedAt = performance.now();
  const silence = startDeadline(timing.silenceLimitMs, signal);
  const lifetimeMs = timing.watchLifetimeMs * (1 + random());
  try {
    const events = source.watch({
      resourceVersion: state.version ?? "0",
      timeoutSeconds: Math.ceil(lifetimeMs / 1000),
      signal: silence.signal,
      onData: () => silence.extend(),
    });
    for await (const { type, object } of events) {
      state.failures = 0;
      state.version = object.metadata.resourceVersion ?? state.version ?? "0";
      if (type === "DELETED") cache.settle(object);
      else if (type === "BOOKMARK") cache.reach(state.version);
      else cache.follow(trim(object));
    }
    if (signal.aborted) return "aborted";
    return performance.now() - startedAt < SHORTEST_WATCH_MS ? "lost" : "closed";
  } catch (error) {
    return endOf(error, signal, log, state);
  } finally {
    silence.clear();
  }
}

function endOf(error: unknown, signal: AbortSignal, log: Logger, state: PassState): PassEnd {
  if (signal.aborted) return "aborted";
  if (error instanceof ApiError && error.code === 410) {
    // A version that is too old costs a list. Twice in a row it is the server's trouble, not ours.
    return state.failures++ === 0 ? "expired" : startOver(state);
  }
  log.warning("Lost the API server; trying again", { error: String(error) });
  return "lost";
}

function startOver(state: PassState): PassEnd {
  delete state.version;
  return "lost";
}

function keep<T>(object: T): T {
  return object;
}

/** A reflector's requests for one kind, over all namespaces or one. */
export function listWatch<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  scope: { readonly namespace?: string; readonly labelSelector?: string; fieldSelector?: string } =
    {},
): ListWatch<T> {
  return {
    list: (options) => client.list(resource, { ...scope, ...options, limit: PAGE_SIZE }),
    watch: (options) => client.watch(resource, { ...scope, ...options }),
  };
}

/** `object` without `managedFields`, which is often its larger half and read by nobody here. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
