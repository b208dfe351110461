import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { objectOf } from "../json.ts";
import { TestApi, WatchReader } from "../test_support.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const MEGABYTE = 1_000_000;

/** Changes the one object of these tests so often. */
async function change(api: TestApi, times: number, filling = ""): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    const { code } = await api.merge(`${CONFIG_MAPS}/a`, { data: { turn: `${turn}`, filling } });
    strictEqual(code, 200);
  }
}

async function startWithObject(): Promise<{ api: TestApi; version: string }> {
  const api = new TestApi();
  const { body } = await api.call("POST", CONFIG_MAPS, { metadata: { name: "a" } });
  return { api, version: String(objectOf(body.metadata).resourceVersion) };
}

function watch(api: TestApi, version: string): Promise<WatchReader> {
  return api.send("GET", `${CONFIG_MAPS}?watch=1&resourceVersion=${version}`)
    .then((response) => new WatchReader(response));
}

interface Turn {
  readonly turn: unknown;
  readonly version: string;
}

/** What a watch shows until it ends, or has shown so many. */
async function turns(reader: WatchReader, limit = Infinity): Promise<Turn[]> {
  const seen: Turn[] = [];
  while (seen.length < limit) {
    const line = await reader.next();
    if (line === undefined) break;
    const { data, metadata } = objectOf(line.object);
    seen.push({
      turn: objectOf(data).turn,
      version: String(objectOf(metadata).resourceVersion),
    });
  }
  return seen;
}

Deno.test("a watch from a version that is long past is told so, a late one sees all the rest", async () => {
  const { api, version } = await startWithObject();
  await change(api, 9000);
  const early = await watch(api, version);
  const { type, object } = objectOf(await early.next());
  strictEqual(type, "ERROR");
  const { code, reason } = objectOf(object);
  deepStrictEqual({ code, reason }, { code: 410, reason: "Expired" });
  strictEqual(await early.next(), undefined);
  const late = await watch(api, String(Number(version) + 6000));
  const seen = await turns(late, 3000);
  deepStrictEqual(
    seen.map(({ turn }) => turn),
    Array.from({ length: 3000 }, (_, i) => `${i + 6000}`),
  );
  await late.close();
  api.server.stop();
});

Deno.test("a client that does not read loses its watch, and nothing else: it goes on where it was", async () => {
  const { api, version } = await startWithObject();
  const [slow, quick] = [await watch(api, version), await watch(api, version)];
  const quickly = turns(quick, 40);
  await change(api, 40, "x".repeat(MEGABYTE));
  const all = Array.from({ length: 40 }, (_, turn) => `${turn}`);
  deepStrictEqual((await quickly).map(({ turn }) => turn), all);
  const first = await turns(slow);
  ok(first.length < 40, "its watch has ended early");
  const again = await watch(api, first.at(-1)?.version ?? "");
  const rest = await turns(again, 40 - first.length);
  deepStrictEqual([...first, ...rest].map(({ turn }) => turn), all);
  await Promise.all([quick.close(), again.close()]);
  api.server.stop();
});

Deno.test("a watch from a version that is yet to come shows only what comes after it", async () => {
  const { api, version } = await startWithObject();
  const early = await watch(api, String(Number(version) + 2));
  await change(api, 4);
  deepStrictEqual((await turns(early, 2)).map(({ turn }) => turn), ["2", "3"]);
  await early.close();
  api.server.stop();
});

Deno.test("five hundred watchers see every change", async () => {
  const { api, version } = await startWithObject();
  const watchers = await Promise.all(Array.from({ length: 500 }, () => watch(api, version)));
  await change(api, 20);
  const expected = Array.from({ length: 20 }, (_, turn) => `${turn}`);
  for (const watcher of watchers) {
    deepStrictEqual((await turns(watcher, 20)).map(({ turn }) => turn), expected);
    await watcher.close();
  }
  api.server.stop();
});
