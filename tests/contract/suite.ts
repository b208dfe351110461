/**
 * The contract suite: what this project needs of a Kubernetes API server, said in plain HTTP. Every
 * expectation was seen on a real kube-apiserver first; the embedded one must meet it too, except where
 * `differences.ts` lists it.
 *
 * A row is an expectation. To add one, add a row.
 */
import { deepStrictEqual } from "node:assert/strict";
import { readKubeconfig } from "../../src/kube/mod.ts";
import { HttpApi } from "../support/http_api.ts";
import { createNamespace, IS_REAL, useTestCluster } from "../support/test_cluster.ts";
import { DIFFERENCES } from "./differences.ts";
import { type Body, type Exchange, type FromSeen, Scene } from "./exchange.ts";
import { assertMatches } from "./expected.ts";
import { postOf } from "./objects.ts";

export interface Expectation extends Partial<Exchange> {
  /** What the API server does: `refuses a name with capitals`. Unique in its area. */
  readonly it: string;
  /** Objects that are made first. */
  readonly given?: readonly FromSeen<Body>[];
  /** Exchanges before the one that is looked at. */
  readonly after?: readonly Exchange[];
  /** Exchanges after it. */
  readonly then?: readonly Exchange[];
  /** A watch that is open during `then`, or from before `given` where it comes from a version. */
  readonly watch?: FromSeen<string>;
  /** What the watch must see, in this order: `ADDED a`, or an event to be compared. */
  readonly sees?: readonly FromSeen<Body>[];
}

/** Makes a test of each row, in a namespace of its own. `before` runs once, first. */
export function contract(
  area: string,
  rows: readonly Expectation[],
  before: (api: HttpApi) => Promise<void> = () => Promise.resolve(),
): void {
  const cluster = useTestCluster();
  let api: HttpApi | undefined;
  Deno.test.beforeAll(async () => {
    api = new HttpApi(readKubeconfig(cluster().kubeconfigPath));
    await before(api);
  });
  Deno.test.afterAll(() => api?.close());
  for (const row of rows) {
    const name = `${area}: ${row.it}`;
    const accepted = IS_REAL ? undefined : DIFFERENCES[name];
    Deno.test({
      name: `the API server, ${name}${accepted === undefined ? "" : ` (accepted: ${accepted})`}`,
      ignore: accepted !== undefined,
      // The embedded server lives in this process, and what follows from a write may outlast the test.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        if (api === undefined) throw new Error("beforeAll() has not run");
        await check(row, new Scene(api, await createNamespace(cluster(), "contract")));
      },
    });
  }
  Deno.test(`the API server, ${area}: the listed differences are expectations of the suite`, () => {
    const known = new Set(rows.map(({ it }) => `${area}: ${it}`));
    const listed = Object.keys(DIFFERENCES).filter((name) => name.startsWith(`${area}: `));
    deepStrictEqual(listed.filter((name) => !known.has(name)), []);
    deepStrictEqual(known.size, rows.length, "two rows have the same name");
  });
}

async function check(row: Expectation, scene: Scene): Promise<void> {
  for (const object of row.given ?? []) await scene.perform(postOf(scene.resolve(object)));
  for (const exchange of row.after ?? []) await scene.perform(exchange);
  if (row.send !== undefined) await scene.perform({ ...row, send: row.send });
  const follow = async () => {
    for (const exchange of row.then ?? []) await scene.perform(exchange);
  };
  if (row.watch === undefined) await follow();
  else await checkWatch(scene, scene.resolve(row.watch), row, follow);
}

interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata?: { readonly name?: string } };
}

/** How long a watch may take to show what it must, in ms. */
const WATCH_LIMIT_MS = 10_000;

async function checkWatch(
  scene: Scene,
  watch: string,
  { sees = [], accept }: Expectation,
  act: () => Promise<void>,
): Promise<void> {
  const path = `${watch}${watch.includes("?") ? "&" : "?"}watch=1`;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), WATCH_LIMIT_MS);
  const events: WatchEvent[] = [];
  const headers = { ...(accept !== undefined && { accept }) };
  const lines = scene.api.lines(scene.pathOf(path), ending.signal, headers);
  try {
    const read = (async () => {
      if (sees.length === 0) return;
      for await (const event of lines) {
        events.push(event as WatchEvent);
        if (events.length === sees.length) return;
      }
    })().catch((error) => {
      if (!ending.signal.aborted) throw error;
    });
    await act();
    await read;
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
  const expected = sees.map((event) => scene.resolve(event));
  const found = events.map((event, index) =>
    typeof expected[index] === "string" ? `${event.type} ${event.object.metadata?.name}` : event
  );
  assertMatches(found, expected);
}
