import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import {
  kubeStatus,
  rawAnswer,
  withCuttingServer,
  withServer,
} from "../../tests/support/api_stub.ts";
import { aPod } from "../../tests/support/builders.ts";
import { sleep } from "../lib/abort.ts";
import type { KubeClient, WatchEvent } from "./client.ts";
import { ConnectionError } from "./errors.ts";
import { PODS } from "./resources.ts";
import type { Pod } from "./types.ts";

/** A response that comes in pieces. */
function streamOf(pieces: readonly string[]): Response {
  const bytes = pieces.map((piece) => new TextEncoder().encode(piece));
  return new Response(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        const next = bytes.shift();
        if (next !== undefined) controller.enqueue(next);
        else controller.close();
      },
    }),
  );
}

function lineOf(type: string, object: unknown): string {
  return JSON.stringify({ type, object }) + "\n";
}

async function watched(
  client: KubeClient,
  { signal = new AbortController().signal, onEvent, onData }: {
    readonly signal?: AbortSignal;
    readonly onEvent?: (event: WatchEvent<Pod>) => void;
    readonly onData?: () => void;
  } = {},
): Promise<string[]> {
  const seen: string[] = [];
  const watch = client.watch(PODS, {
    namespace: "rl",
    labelSelector: "a=b",
    resourceVersion: "7",
    timeoutSeconds: 300,
    signal,
    ...(onData && { onData }),
  });
  for await (const event of watch) {
    seen.push(`${event.type} ${event.object.metadata.name}`);
    onEvent?.(event);
  }
  return seen;
}

Deno.test("KubeClient watches from a version with bookmarks, and returns when the server ends it", async () => {
  const lines = lineOf("ADDED", aPod("a")) + lineOf("BOOKMARK", aPod("b"));
  await withServer(() => streamOf([lines]), async (client, seen) => {
    let pieces = 0;
    deepStrictEqual(await watched(client, { onData: () => pieces++ }), ["ADDED a", "BOOKMARK b"]);
    strictEqual(pieces > 0, true);
    strictEqual(
      seen[0]?.path,
      "/api/v1/namespaces/rl/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7" +
        "&timeoutSeconds=300&labelSelector=a%3Db",
    );
  });
});

Deno.test.each<{ when: string; answer: () => Response; error: Record<string, unknown> }>([
  {
    when: "the version is too old at the start",
    answer: () => kubeStatus(410, "Expired"),
    error: { name: "ApiError", code: 410 },
  },
  {
    when: "an ERROR comes in mid-stream",
    answer: () =>
      streamOf([
        lineOf("ADDED", aPod("a")),
        lineOf("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" }),
        lineOf("ADDED", aPod("b")),
      ]),
    error: { name: "ApiError", code: 410, reason: "Expired", message: "too old" },
  },
  {
    when: "half a line comes",
    answer: () => streamOf(['{"type":"ADD']),
    error: { name: "ConnectionError" },
  },
])("KubeClient's watch throws when $when", async ({ answer, error }) => {
  await withServer(answer, (client) => rejects(watched(client), error));
});

Deno.test("KubeClient's watch throws when the connection breaks", async () => {
  const answer = rawAnswer(lineOf("ADDED", aPod("a")), 10_000);
  await withCuttingServer([answer], (client) => rejects(watched(client), ConnectionError));
});

Deno.test("KubeClient's watch ends when it is called off, with nothing left behind", async () => {
  const stop = new AbortController();
  const open = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(lineOf("ADDED", aPod("a")))),
      }),
    );
  await withServer(open, async (client) => {
    const onEvent = () => stop.abort();
    await rejects(watched(client, { signal: stop.signal, onEvent }), ConnectionError);
  });
});

Deno.test("KubeClient's watch ends when it is called off after the garbage collector has run", async () => {
  const open = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(" ")),
      }),
    );
  await withServer(open, async (client) => {
    const stop = new AbortController();
    const opened = Promise.withResolvers<void>();
    const watching = watched(client, { signal: stop.signal, onData: opened.resolve });
    await opened.promise;
    await collectGarbage();
    stop.abort();
    await rejects(watching, ConnectionError);
  });
});

/** What nobody holds is gone afterwards. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // A collection may leave to the next what was reachable from a task that has just ended.
  for (let count = 0; count < 5; count++) {
    collect();
    await sleep(1);
  }
}
