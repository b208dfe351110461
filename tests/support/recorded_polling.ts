/**
 * The loop in which a DI-engine coordinator keeps up with the server, about once a second: it reports what
 * it could not connect to, reads the list, connects to what is new, one after the other, and forgets what
 * is gone. A replica that breaks down after it was connected is not noticed.
 */
import { sleep } from "../../src/lib/abort.ts";
import {
  type RecordedAnswer,
  type RecordedClient,
  RecordedClientError,
  type RecordedLists,
} from "./recorded_client.ts";

export type RecordedKind = keyof RecordedLists;

/** How the loop goes about it. */
export interface RecordedPollingOptions {
  /** Connects to a replica; rejects while it cannot. Without it every replica counts as connected. */
  readonly connect?: (kind: RecordedKind, url: string) => Promise<void>;
  /** Takes leave of a replica that is no longer listed; where it rejects, the loop dies, as there. */
  readonly disconnect?: (kind: RecordedKind, url: string) => Promise<void>;
  /** Told of each look at the list. */
  readonly onAnswer?: (answer: RecordedAnswer) => void;
  /** Times of DI-engine, which tests may cut. */
  readonly pollWaitMs?: number;
  readonly connectWaitMs?: number;
  readonly connectLimitMs?: number;
}

/** A loop on its way. */
export interface RecordedPolling {
  /** What the last good answer listed; `undefined` before the first. */
  readonly current: RecordedLists | undefined;
  /** The URLs it is connected to. */
  readonly connected: RecordedLists;
  /** What ended the loop; DI-engine tells nobody. */
  readonly error: Error | undefined;
  /** Has the loop report this URL at its next turn, as if it could not be connected to. */
  markFailed(kind: RecordedKind, url: string): void;
  stop(): Promise<void>;
}

const KINDS: readonly RecordedKind[] = ["collectors", "learners"];
const POLL_WAIT_MS = 1000;
/** Between two tries to connect to a replica. */
const CONNECT_WAIT_MS = 2000;
const CONNECT_LIMIT_MS = 120_000;

/** Polls until it is stopped or dies of an answer. */
export function startPolling(
  client: RecordedClient,
  options: RecordedPollingOptions = {},
): RecordedPolling {
  const failed = { collectors: new Set<string>(), learners: new Set<string>() };
  const connected = { collectors: new Set<string>(), learners: new Set<string>() };
  const stopping = new AbortController();
  let current: RecordedLists | undefined;
  let error: Error | undefined;
  const turn = async () => {
    if (failed.collectors.size + failed.learners.size > 0) {
      if ((await client.reportFailed(listsOf(failed))).success) {
        for (const kind of KINDS) failed[kind].clear();
      }
    }
    const answer = await client.getReplicas();
    options.onAnswer?.(answer);
    if (!answer.success) return;
    current = readLists(answer.data);
    for (const kind of KINDS) {
      const listed = new Set(current[kind]);
      for (const url of failed[kind].difference(listed)) failed[kind].delete(url);
      for (const url of listed.difference(connected[kind])) {
        const isConnected = await tryToConnect(kind, url, options, stopping.signal);
        (isConnected ? connected : failed)[kind].add(url);
      }
      for (const url of connected[kind].difference(listed)) {
        connected[kind].delete(url);
        await options.disconnect?.(kind, url);
      }
    }
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await turn();
      await sleep(options.pollWaitMs ?? POLL_WAIT_MS, stopping.signal);
    }
  })().catch((reason) => {
    error = reason instanceof Error ? reason : new Error(String(reason));
  });
  return {
    get current() {
      return current;
    },
    get connected() {
      return listsOf(connected);
    },
    get error() {
      return error;
    },
    markFailed: (kind, url) => void failed[kind].add(url),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function tryToConnect(
  kind: RecordedKind,
  url: string,
  { connect, connectWaitMs, connectLimitMs }: RecordedPollingOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + (connectLimitMs ?? CONNECT_LIMIT_MS);
  while (!signal.aborted && performance.now() <= end) {
    try {
      await connect?.(kind, url);
      return true;
    } catch {
      await sleep(connectWaitMs ?? CONNECT_WAIT_MS, signal);
    }
  }
  return false;
}

function listsOf(
  { collectors, learners }: Record<RecordedKind, ReadonlySet<string>>,
): RecordedLists {
  return { collectors: [...collectors], learners: [...learners] };
}

/** The lists of a GET, which must be arrays: `null` kills DI-engine's loop. */
function readLists(data: unknown): RecordedLists {
  if (
    typeof data === "object" && data !== null && "collectors" in data && "learners" in data &&
    isTexts(data.collectors) && isTexts(data.learners)
  ) return { collectors: data.collectors, learners: data.learners };
  throw new RecordedClientError(`not the lists of one coordinator: ${JSON.stringify(data)}`);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
