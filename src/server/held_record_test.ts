import { strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { LEASES } from "../kube/mod.ts";
import { HeldRecord } from "./held_record.ts";
import { buildRecord, type RequestRecord } from "./records.ts";

const KEY = { namespace: "di-system", name: "di-request-1" };
const RECORD: RequestRecord = {
  state: "working",
  work: { kind: "add", job: { namespace: "rl", name: "pong", uid: "u" }, seed: "one" },
};

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
