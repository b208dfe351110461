import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { MemoryApi, MemoryClient } from "../../tests/support/memory_api.ts";
import { LEASES } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { RequestLedger } from "./ledger.ts";
import { buildRecord, type RecordedWork, recordNameOf, type RecordState } from "./records.ts";
import { sweep } from "./sweeper.ts";

const NAMESPACE = "di-system";
const WORK: RecordedWork = {
  kind: "add",
  job: { namespace: "rl", name: "pong", uid: "u" },
  seed: "s",
};
const IDENTITY = { caller: "c", method: "POST", path: "/replicas", content: "{}" };
const KEY = { namespace: NAMESPACE, name: recordNameOf(IDENTITY) };
/** Every 10 s one: a record untouched in so many has been so for 30 s. */
const SWEEPS = 4;

/** A server that sweeps when it is told to. */
function aSweeper(api: MemoryApi, onUndo = () => Promise.resolve()) {
  const undone: RecordedWork[] = [];
  const options = {
    client: new MemoryClient(api),
    namespace: NAMESPACE,
    holder: "me",
    log: loggerOf("test"),
    lifetime: new AbortController().signal,
    undo: (work: RecordedWork) => {
      undone.push(work);
      return onUndo();
    },
  };
  const ledger = new RequestLedger(options);
  const sweepTimes = async (times: number, between = () => {}) => {
    let seen: Awaited<ReturnType<typeof sweep>> = new Map();
    for (let count = 0; count < times; count++) {
      if (count > 0) between();
      seen = await sweep({ ...options, ledger }, seen);
    }
  };
  return { undone, ledger, lifetime: options.lifetime, sweepTimes };
}

async function leave(api: MemoryApi, state: RecordState): Promise<void> {
  await new MemoryClient(api).create(LEASES, buildRecord(KEY, { state, work: WORK }, "dead", 0));
}

Deno.test.each<{ state: RecordState; undone: RecordedWork[] }>([
  { state: "working", undone: [WORK] },
  { state: "answered", undone: [] },
  { state: "undelivered", undone: [] },
])("sweep() clears a record that is left $state, and takes back only work at work", async (row) => {
  const api = new MemoryApi();
  await leave(api, row.state);
  const { undone, sweepTimes } = aSweeper(api);
  await sweepTimes(SWEEPS - 1);
  deepStrictEqual([undone, api.all(LEASES).length], [[], 1]);
  await sweepTimes(SWEEPS);
  deepStrictEqual([undone, api.all(LEASES).length], [row.undone, 0]);
});

Deno.test("sweep() leaves a record alone whose holder renews it", async () => {
  const api = new MemoryApi();
  await leave(api, "working");
  const { undone, sweepTimes } = aSweeper(api);
  await sweepTimes(3 * SWEEPS, () => api.all(LEASES).forEach((lease) => api.put(LEASES, lease)));
  deepStrictEqual([undone, api.all(LEASES).length], [[], 1]);
});

Deno.test("sweep() leaves a record alone that is being worked on in this process", async () => {
  const api = new MemoryApi();
  const { undone, ledger, lifetime, sweepTimes } = aSweeper(api);
  const answer = await ledger.serve({
    identity: IDENTITY,
    plan: () => Promise.resolve(WORK),
    perform: async () => {
      await sweepTimes(SWEEPS);
      return api.all(LEASES).length;
    },
    isGone: () => false,
    sent: Promise.resolve(),
  }, lifetime);
  await ledger.settled();
  deepStrictEqual([answer, undone], [1, []]);
});

Deno.test("an equal request waits for the sweep that takes its first try back", async () => {
  const api = new MemoryApi();
  await leave(api, "working");
  const steps: string[] = [];
  const undoing = Promise.withResolvers<void>();
  const { ledger, lifetime, sweepTimes } = aSweeper(api, async () => {
    steps.push("undo begins");
    await undoing.promise;
    steps.push("undo ends");
  });
  const swept = sweepTimes(SWEEPS);
  await eventually("the sweep", () => steps.length === 1);
  const served = ledger.serve({
    identity: IDENTITY,
    plan: () => Promise.resolve(WORK),
    perform: ({ isResumed }) => Promise.resolve(void steps.push(`served, resumed: ${isResumed}`)),
    isGone: () => false,
    sent: Promise.resolve(),
  }, lifetime);
  undoing.resolve();
  await Promise.all([swept, served]);
  await ledger.settled();
  deepStrictEqual(steps, ["undo begins", "undo ends", "served, resumed: false"]);
});

Deno.test("sweep() clears a record that nobody can read", async () => {
  const api = new MemoryApi();
  const lease = buildRecord(KEY, { state: "working", work: WORK }, "dead", 0);
  api.put(LEASES, { ...lease, metadata: { ...lease.metadata, uid: "left", annotations: {} } });
  const { undone, sweepTimes } = aSweeper(api);
  await sweepTimes(SWEEPS);
  deepStrictEqual(undone, []);
  strictEqual(api.all(LEASES).length, 0);
});
