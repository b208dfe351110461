/** Many changes, many writers, many ways to follow them: nobody misses one, sees one twice, or out of order. */
import { deepStrictEqual } from "node:assert/strict";
import { readKubeconfig } from "../../src/kube/mod.ts";
import { HttpApi, type HttpRequest } from "../support/http_api.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";
import { isRecord } from "./expected.ts";
import { pod } from "./objects.ts";

const PODS = 5000;
const WRITERS = 16;
/** Events after which the watcher that loses its connection loses it. */
const RECONNECT_AFTER = 700;
/** The pod that is made when all else is done. */
const LAST = "z-last";
const ODD = "labelSelector=half%3Dodd";
const INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
/** How long all of it may take, in ms. */
const LIMIT_MS = 240_000;

interface SeenEvent {
  /** `DELETING` is the `MODIFIED` that a pod's deletion begins with. */
  readonly type: string;
  readonly name: string;
  readonly version: number;
  readonly odd: boolean;
}

/** A change as a writer made it; its version is 0 where the answer does not tell it. */
type Write = Omit<SeenEvent, "odd">;

const cluster = useTestCluster();

Deno.test({
  name: `the API server shows every watcher each change of ${PODS} pods once and in order`,
  fn: async () => {
    const api = new HttpApi(readKubeconfig(cluster().kubeconfigPath));
    const pods = `/api/v1/namespaces/${await createNamespace(cluster(), "big-watch")}/pods`;
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), LIMIT_MS);
    try {
      const start = versionOf((await request(api, { method: "GET", path: pods })).body);
      const { signal } = end;
      const written = Promise.withResolvers<void>();
      const opened = Promise.withResolvers<void>();
      const bookmark = await bookmarkOf(api, pods, signal);
      const watchers = Promise.all([
        follow(api, pods, start, signal),
        follow(api, pods, bookmark, signal),
        followFromNow(api, pods, signal, opened.resolve),
        follow(api, pods, start, signal, { reconnectAfter: RECONNECT_AFTER }),
        follow(api, pods, start, signal, { readsAfter: written.promise }),
        follow(api, `${pods}?${ODD}`, start, signal),
      ]);
      const [writes] = await Promise.all([
        opened.promise.then(() => writeAll(api, pods)).finally(written.resolve),
        // A watcher that fails ends the test at once.
        watchers.then(() => undefined),
      ]);
      const [fromList, fromBookmark, fromNow, reconnecting, slow, odd] = await watchers;
      deepStrictEqual(outline(fromList), outline(sorted(writes, fromList)));
      deepStrictEqual(outline(fromBookmark), outline(fromList), "from a bookmark");
      deepStrictEqual(outline(fromNow), outline(fromList), "from now");
      deepStrictEqual(outline(reconnecting), outline(fromList), "over lost connections");
      deepStrictEqual(outline(slow), outline(fromList), "read late");
      deepStrictEqual(outline(odd), outline(selected(fromList)), "by a selector");
      const versions = fromList.map(({ version }) => version);
      deepStrictEqual(versions, [...new Set(versions)].sort((a, b) => a - b), "versions rise");
    } finally {
      clearTimeout(timer);
      end.abort();
      api.close();
    }
  },
});

/** Makes all pods, changes half of them and deletes a fifth, from several writers at once. */
async function writeAll(api: HttpApi, pods: string): Promise<Write[]> {
  const writes: Write[] = [];
  let next = 0;
  const record = async (type: string, name: string, sent: HttpRequest) => {
    const { body } = await request(api, sent);
    writes.push({ type, name, version: versionOf(body) });
  };
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    for (let index = next++; index < PODS; index = next++) {
      const name = `p${index}`;
      const path = `${pods}/${name}`;
      const labels = { half: index % 2 === 0 ? "even" : "odd" };
      await record("ADDED", name, { method: "POST", path: pods, body: pod({ name, labels }) });
      if (index % 4 < 2) {
        const metadata = index % 8 < 2
          ? { labels: { half: index % 2 === 0 ? "odd" : "even" } }
          : { annotations: { changed: "yes" } };
        await record("MODIFIED", name, {
          method: "PATCH",
          path,
          body: { metadata },
          headers: { "content-type": "application/merge-patch+json" },
        });
      }
      if (index % 5 === 0) {
        await request(api, { method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
        writes.push({ type: "DELETING", name, version: 0 }, { type: "DELETED", name, version: 0 });
      }
    }
  }));
  const last = pod({ name: LAST, labels: { half: "odd" } });
  await record("ADDED", LAST, { method: "POST", path: pods, body: last });
  return writes;
}

/** What a watch from `version` shows up to the last pod; where it ends before, it is taken up again. */
async function follow(
  api: HttpApi,
  path: string,
  version: number,
  signal: AbortSignal,
  { reconnectAfter = Infinity, readsAfter = Promise.resolve() }: {
    readonly reconnectAfter?: number;
    readonly readsAfter?: Promise<void>;
  } = {},
): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  while (seen.at(-1)?.name !== LAST) {
    signal.throwIfAborted();
    const from = seen.at(-1)?.version ?? version;
    const connection = new AbortController();
    const either = AbortSignal.any([signal, connection.signal]);
    const until = seen.length + reconnectAfter;
    try {
      for await (const line of api.lines(watching(path, `resourceVersion=${from}`), either)) {
        await readsAfter;
        seen.push(eventOf(line));
        if (seen.at(-1)?.name === LAST || seen.length >= until) break;
      }
    } finally {
      connection.abort();
    }
  }
  return seen;
}

/** What a watch shows that starts with what is there now; calls `opened` when it is there. */
async function followFromNow(
  api: HttpApi,
  path: string,
  signal: AbortSignal,
  opened: () => void,
): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  let version = 0;
  for await (const line of api.lines(watching(path, INITIAL), signal)) {
    const event = eventOf(line);
    version = event.version;
    if (event.type === "BOOKMARK") opened();
    else seen.push(event);
    if (event.name === LAST) return seen;
  }
  // A server may end a watch at any time.
  return [...seen, ...await follow(api, path, version, signal)];
}

/** The version of the bookmark that ends the first list of a watch. */
async function bookmarkOf(api: HttpApi, path: string, signal: AbortSignal): Promise<number> {
  for await (const line of api.lines(watching(path, INITIAL), signal)) {
    if (isRecord(line) && line["type"] === "BOOKMARK") return versionOf(line["object"]);
  }
  throw new Error("The watch ended without a bookmark");
}

function watching(path: string, query: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}watch=1&${query}`;
}

async function request(api: HttpApi, sent: HttpRequest) {
  const answer = await api.send(sent);
  if (answer.status >= 300) {
    throw new Error(`${sent.method} ${sent.path}: ${JSON.stringify(answer.body)}`);
  }
  return answer;
}

function metadataOf(object: unknown): Record<string, unknown> {
  const metadata = isRecord(object) ? object["metadata"] : undefined;
  if (!isRecord(metadata)) throw new TypeError(`No object: ${JSON.stringify(object)}`);
  return metadata;
}

function versionOf(object: unknown): number {
  return Number(metadataOf(object)["resourceVersion"]);
}

/** @throws {Error} For anything but a change: an expired version, for one. */
function eventOf(line: unknown): SeenEvent {
  if (!isRecord(line) || line["type"] === "ERROR") throw new Error(JSON.stringify(line));
  const { name, labels, deletionTimestamp } = metadataOf(line["object"]);
  const begins = line["type"] === "MODIFIED" && deletionTimestamp !== undefined;
  return {
    type: begins ? "DELETING" : String(line["type"]),
    name: String(name),
    version: versionOf(line["object"]),
    odd: isRecord(labels) && labels["half"] === "odd",
  };
}

/** The writes in the order of their versions; those of a deletion have what the watchers saw. */
function sorted(writes: readonly Write[], seen: readonly SeenEvent[]): Write[] {
  const versions = new Map(seen.map(({ type, name, version }) => [`${type} ${name}`, version]));
  return writes
    .map((write) => ({
      ...write,
      version: write.version || (versions.get(`${write.type} ${write.name}`) ?? 0),
    }))
    .sort((a, b) => a.version - b.version);
}

/** The same changes for somebody who selects the odd ones. */
function selected(events: readonly SeenEvent[]): Write[] {
  const matching = new Set<string>();
  return events.flatMap(({ type, name, version, odd }) => {
    const before = matching.has(name);
    const after = odd && type !== "DELETED";
    if (after) matching.add(name);
    else matching.delete(name);
    if (!before && !after) return [];
    return [{ type: before ? after ? type : "DELETED" : "ADDED", name, version }];
  });
}

/** As texts, which a failed comparison shows best. */
function outline(events: readonly Write[]): string[] {
  return events.map(({ type, name, version }) => `${version} ${type} ${name}`);
}
