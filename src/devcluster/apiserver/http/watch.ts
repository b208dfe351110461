/** Watches: changes as they happen, one JSON object a line. */
import type { Cluster } from "../cluster.ts";
import type { Collection, Watcher } from "../collection.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf } from "../resources.ts";
import { expired, StatusError } from "../status.ts";
import { type Change, seal, type Stored } from "../store.ts";
import { type Selection, tooLarge } from "./list.ts";
import { booleanOf, integerOf, versionOf } from "./request.ts";
import { changeLine, objectText, type View, watchLine } from "./views.ts";

/** How often an idle watch tells its version, in ms. */
const BOOKMARK_INTERVAL_MS = 25_000;
/** How long before its end a watch tells its version once more, in ms: as the real server does. */
const LAST_BOOKMARK_MS = 2000;
/** A watch lives this long at most when the client does not say, in s: 30 to 60 min as the real one. */
const DEFAULT_TIMEOUT_S = 1800;
/** Bytes that may wait for a slow client before its watch is ended. */
const BACKLOG_MAX_BYTES = 32 * 1024 * 1024;
/** Marks the bookmark after the objects that were there at the start. */
const INITIAL_EVENTS_END = { "k8s.io/initial-events-end": "true" };

/** What a change is for somebody who only sees matching objects. */
export function eventFor(
  change: Change,
  test: ((stored: Stored) => boolean) | undefined,
): "ADDED" | "MODIFIED" | "DELETED" | undefined {
  if (test === undefined) return change.type;
  const before = change.previous !== undefined && test(change.previous);
  const after = change.type !== "DELETED" && test(change.current);
  if (before) return after ? "MODIFIED" : "DELETED";
  return after ? "ADDED" : undefined;
}

/** Starts a watch and gives its answer. @throws {StatusError} For parameters that make no sense. */
export function watchResponse(
  cluster: Cluster,
  type: ResourceType,
  selection: Selection,
  query: URLSearchParams,
  view: View,
): Response {
  const timeoutSeconds = integerOf(query, "timeoutSeconds") ?? 0;
  const session = new WatchSession(cluster, type, selection, view, {
    version: startOf(query),
    sendInitialEvents: booleanOf(query, "sendInitialEvents"),
    bookmarks: booleanOf(query, "allowWatchBookmarks"),
    timeoutMs: 1000 *
      (timeoutSeconds > 0 ? timeoutSeconds : DEFAULT_TIMEOUT_S * (1 + Math.random())),
  });
  const headers = { "content-type": "application/json", "cache-control": "no-cache, private" };
  return new Response(session.stream, { headers });
}

/** The version to start from. @throws {StatusError} 500 when it is no number, as the real server says. */
function startOf(query: URLSearchParams): number | undefined {
  try {
    return versionOf(query);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw new StatusError(500, "", error.message.replace("invalid resource version: ", ""));
  }
}

interface WatchOptions {
  readonly version: number | undefined;
  readonly sendInitialEvents: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** One client's watch. Fed synchronously; a client that does not read is cut off, not waited for. */
class WatchSession implements Watcher {
  readonly stream: ReadableStream<Uint8Array>;
  readonly namespace: string;
  readonly #cluster: Cluster;
  readonly #collection: Collection;
  readonly #type: ResourceType;
  readonly #test: ((stored: Stored) => boolean) | undefined;
  /** Changes up to this version are not shown. */
  readonly #after: number;
  #view: View;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #lastBookmark: ReturnType<typeof setTimeout> | undefined;

  constructor(
    cluster: Cluster,
    type: ResourceType,
    selection: Selection,
    view: View,
    options: WatchOptions,
  ) {
    this.#cluster = cluster;
    this.#type = type;
    this.#collection = cluster.collectionOf(type);
    this.#view = view;
    this.#after = options.version ?? 0;
    this.namespace = selection.namespace;
    const { test } = selection;
    this.#test = test === undefined ? undefined : ({ value }) => test(value);
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        this.#begin(options);
      },
      cancel: () => this.#end(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: BACKLOG_MAX_BYTES }));
  }

  send(change: Change): void {
    if (change.version <= this.#after) return;
    const event = eventFor(change, this.#test);
    if (event === undefined) return;
    // An object that stops matching goes with the content that still matched, under the new version.
    const left = event === "DELETED" && change.type !== "DELETED";
    const shown = left && change.previous !== undefined
      ? atVersion(change.previous, change.version)
      : change.current;
    this.#write(changeLine(change, event, shown, this.#type, this.#view));
    this.#leaveColumnsOut();
  }
  close(): void {
    const controller = this.#controller;
    this.#end();
    controller?.close();
  }

  #begin({ version, sendInitialEvents, bookmarks, timeoutMs }: WatchOptions): void {
    const fromNow = version === undefined || version === 0;
    const current = this.#cluster.store.version;
    if (sendInitialEvents && version !== undefined && version > current) {
      return this.#fail(tooLarge(version, current));
    }
    if (fromNow || sendInitialEvents) this.#sendState(sendInitialEvents && bookmarks);
    else {
      const changes = this.#collection.changesSince(version);
      if (changes === undefined) {
        const oldest = this.#collection.forgottenVersion;
        return this.#fail(expired(`too old resource version: ${version} (${oldest})`));
      }
      for (const change of changes) {
        if (this.namespace === "" || change.key.startsWith(`${this.namespace}/`)) this.send(change);
      }
    }
    this.#collection.addWatcher(this);
    this.#deadline = setTimeout(() => this.close(), timeoutMs);
    if (!bookmarks) return;
    this.#ticker = setInterval(() => this.#bookmark(), BOOKMARK_INTERVAL_MS);
    const lastMs = timeoutMs - LAST_BOOKMARK_MS;
    if (lastMs > 0) this.#lastBookmark = setTimeout(() => this.#bookmark(), lastMs);
  }

  #sendState(announceEnd: boolean): void {
    for (const stored of this.#collection.list(this.namespace)) {
      if (this.#test !== undefined && !this.#test(stored)) continue;
      this.#show("ADDED", stored);
    }
    if (announceEnd) this.#bookmark(INITIAL_EVENTS_END);
  }

  /** A bookmark is an object of the kind that has nothing but its version. */
  #bookmark(annotations?: Record<string, string>): void {
    const { info } = this.#type;
    const { version } = this.#cluster.store;
    const metadata = annotations === undefined ? {} : { annotations };
    const object = { kind: info.kind, apiVersion: apiVersionOf(info), metadata };
    this.#show("BOOKMARK", seal(object, version));
  }

  #show(event: "ADDED" | "BOOKMARK", stored: Stored): void {
    this.#write(watchLine(event, objectText(stored, this.#type, this.#view)));
    this.#leaveColumnsOut();
  }

  /** Only the first table names its columns. */
  #leaveColumnsOut(): void {
    if (this.#view.as === "Table" && this.#view.columns !== "none") {
      this.#view = { ...this.#view, columns: "none" };
    }
  }

  #fail(error: StatusError): void {
    this.#write(watchLine("ERROR", JSON.stringify(error)));
    this.close();
  }

  #write(line: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    controller.enqueue(line);
    if ((controller.desiredSize ?? 0) <= 0) this.close();
  }

  #end(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#ticker);
    clearTimeout(this.#lastBookmark);
    this.#collection.removeWatcher(this);
    this.#controller = undefined;
  }
}

function atVersion({ value }: Stored, version: number): Stored {
  const metadata = { ...value.metadata, resourceVersion: String(version) };
  const moved = { ...value, metadata };
  return { value: moved, text: JSON.stringify(moved), version };
}
