import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { PODS, SERVICES } from "../../src/kube/mod.ts";
import { aPod, aService, NAMESPACE } from "./builders.ts";
import { MemoryApi, MemoryClient } from "./memory_api.ts";

const KEY = { namespace: NAMESPACE, name: "pong" };

Deno.test("MemoryApi names, versions and refuses as an API server does", async () => {
  const client = new MemoryClient(new MemoryApi());
  const { metadata } = await client.create(PODS, aPod("pong"));
  deepStrictEqual([metadata.uid, metadata.resourceVersion], ["uid-1", "1"]);
  await rejects(client.create(PODS, aPod("pong")), { code: 409, reason: "AlreadyExists" });
  await rejects(client.get(SERVICES, KEY), { code: 404, reason: "NotFound" });
  const replaced = await client.replace(PODS, { ...aPod("pong"), metadata });
  strictEqual(replaced.metadata.resourceVersion, "2");
  await rejects(client.replace(PODS, { ...aPod("pong"), metadata }), { reason: "Conflict" });
  const other = { preconditions: { uid: "other" } };
  await rejects(client.delete(PODS, KEY, other), { reason: "Conflict" });
  const old = { preconditions: { resourceVersion: "1" } };
  await rejects(client.delete(PODS, KEY, old), { reason: "Conflict" });
  deepStrictEqual(client.writes, ["POST pods/pong", "PUT pods/pong"]);
});

Deno.test("MemoryApi lists what is in a namespace and has the labels", async () => {
  const client = new MemoryClient(new MemoryApi());
  await client.create(PODS, aPod("pong", { labels: { a: "1", b: "2" } }));
  await client.create(PODS, aPod("ping", { labels: { a: "1" } }));
  await client.create(SERVICES, aService("pong"));
  const namesOf = async (namespace: string, labelSelector?: string) => {
    const { items } = await client.list(PODS, {
      namespace,
      ...(labelSelector && { labelSelector }),
    });
    return items.map(({ metadata }) => metadata.name);
  };
  deepStrictEqual(await namesOf(NAMESPACE), ["pong", "ping"]);
  deepStrictEqual(await namesOf(NAMESPACE, "a=1,b=2"), ["pong"]);
  deepStrictEqual(await namesOf("other"), []);
});

Deno.test("MemoryApi lets pods end, and takes along what they owned", async () => {
  const api = new MemoryApi();
  const client = new MemoryClient(api);
  const pod = await client.create(PODS, aPod("pong"));
  await client.create(SERVICES, aService("pong", { ownedBy: pod }));
  await client.create(SERVICES, aService("other"));
  await client.delete(PODS, KEY);
  strictEqual(api.get(PODS, "pong")?.metadata.deletionTimestamp, "2026-01-01T00:00:00.000Z");
  api.reap(PODS);
  deepStrictEqual([api.all(PODS).length, api.all(SERVICES).map(({ metadata }) => metadata.name)], [
    0,
    ["other"],
  ]);
});
