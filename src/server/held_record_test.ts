import { rejects, strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { ApiError, LEASES } from "../kube/mod.ts";
import { HeldRecord } from "./held_record.ts";
import { buildRecord, type RequestRecord } from "./records.ts";

const KEY = { namespace: "di-system", name: "di-request-1" };
const RECORD: RequestRecord = {
  state: "working",
  work: { kind: "add", job: { namespace: "rl", name: "pong", uid: "u" }, seed: "one" },
};
const SIGNAL = new AbortController().signal;

Deno.test("a holder that cannot renew stops its work before others take that back", async () => {
  let renewals = 0;
  const client = new MemoryClient(new MemoryApi(), ({ method }, act) => {
    if (method !== "PUT") return act();
    renewals++;
    throw noAnswer();
  });
  const lease = await client.create(LEASES, buildRecord(KEY, RECORD, "copy-a", 0));
  let nowMs = 0;
  const record = new HeldRecord(client, "copy-a", lease, RECORD, () => nowMs);
  const kept = record.keep(new AbortController().signal);
  await eventually("a renewal", () => renewals > 0);
  strictEqual(record.lost.aborted, false);
  nowMs = 20_001;
  await kept;
  strictEqual(record.lost.aborted, true);
});

Deno.test("remove() leaves a record alone that somebody else has taken over", async () => {
  const api = new MemoryApi();
  const client = new MemoryClient(api);
  const lease = await client.create(LEASES, buildRecord(KEY, RECORD, "copy-a", 0));
  const record = new HeldRecord(client, "copy-a", lease, RECORD);
  const other = new HeldRecord(client, "copy-b", lease, RECORD);
  strictEqual(await other.set({}, SIGNAL), true);
  await record.remove(SIGNAL);
  strictEqual(api.get(LEASES, KEY.name)?.spec?.holderIdentity, "copy-b");
  await other.remove(SIGNAL);
  strictEqual(api.get(LEASES, KEY.name), undefined);
});

Deno.test("remove() takes a record away whose last renewal lost its answer", async () => {
  const api = new MemoryApi();
  const client = new MemoryClient(api);
  const lease = await client.create(LEASES, buildRecord(KEY, RECORD, "copy-a", 0));
  const record = new HeldRecord(client, "copy-a", lease, RECORD);
  for (const renewed of api.all(LEASES)) api.put(LEASES, renewed);
  await record.remove(SIGNAL);
  strictEqual(api.get(LEASES, KEY.name), undefined);
});

Deno.test("a record that cannot be read for now is no error of ours, nor of the caller", async () => {
  const api = new MemoryApi();
  const client = new MemoryClient(api, ({ method }, act) => {
    if (method === "GET") throw new ApiError(403, "Forbidden", "not now");
    return act();
  });
  const lease = await client.create(LEASES, buildRecord(KEY, RECORD, "copy-a", 0));
  for (const changed of api.all(LEASES)) api.put(LEASES, changed);
  const record = new HeldRecord(client, "copy-a", lease, RECORD);
  await rejects(record.set({ state: "answered" }, SIGNAL), {
    failure: "later",
    message: "Cannot read a record: not now",
  });
});
