import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { AllocationError } from "../allocation/mod.ts";
import { ApiError, LEASES } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { loggerOf } from "../lib/logger.ts";
import { type LedgerOptions, type Order, RequestLedger, type Task } from "./ledger.ts";
import { buildRecord, readRecord, type RecordedWork, recordNameOf } from "./records.ts";

const NAMESPACE = "di-system";
const IDENTITY = { caller: "c", method: "POST", path: "/replicas", content: "{}" };
const NAME = recordNameOf(IDENTITY);
const SENT = Promise.resolve();

function workOf(seed: string): RecordedWork {
  return { kind: "add", job: { namespace: "rl", name: "pong", uid: "u" }, seed };
}

/** One process of the server, as far as its ledger goes. */
class Copy {
  readonly client: MemoryClient;
  readonly lifetime = new AbortController();
  readonly undone: string[] = [];
  readonly #ledger: RequestLedger;

  constructor(
    api: MemoryApi,
    { holder = "copy-a", meddle, ...options }: Partial<LedgerOptions> & { meddle?: Meddler } = {},
  ) {
    this.client = new MemoryClient(api, meddle);
    this.#ledger = new RequestLedger({
      client: this.client,
      namespace: NAMESPACE,
      holder,
      log: loggerOf("test"),
      lifetime: this.lifetime.signal,
      undo: (work) => Promise.resolve(void this.undone.push(seedOf(work))),
      ...options,
    });
  }

  /** Serves a request whose answer is the seed it was recorded with. */
  serve(seed: string, order: Partial<Order<string>> = {}): Promise<string> {
    return this.#ledger.serve({
      identity: IDENTITY,
      plan: () => Promise.resolve(workOf(seed)),
      perform: ({ work, isResumed }) =>
        Promise.resolve(seedOf(work) + (isResumed ? ", again" : "")),
      isGone: () => false,
      sent: SENT,
      ...order,
    }, this.lifetime.signal);
  }

  settled(): Promise<void> {
    return this.#ledger.settled();
  }
}

function seedOf(work: RecordedWork): string {
  return work.kind === "add" ? work.seed : "";
}

/** Of a caller that hangs up while the work it has asked for is done. */
function goneOnceBegun(): () => boolean {
  let looks = 0;
  return () => looks++ > 0;
}

function recordIn(api: MemoryApi) {
  const lease = api.get(LEASES, NAME);
  return lease && { holder: lease.spec?.holderIdentity, ...readRecord(lease) };
}

Deno.test("a record is there from before the work until the answer is sent", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const sent = Promise.withResolvers<void>();
  const answer = await copy.serve("one", {
    perform: ({ work }) => {
      deepStrictEqual(recordIn(api), { holder: "copy-a", state: "working", work: workOf("one") });
      return Promise.resolve(seedOf(work));
    },
    sent: sent.promise,
  });
  strictEqual(answer, "one");
  deepStrictEqual(recordIn(api), { holder: "copy-a", state: "answered", work: workOf("one") });
  sent.resolve();
  await copy.settled();
  deepStrictEqual(
    copy.client.writes,
    [`POST leases/${NAME}`, `PUT leases/${NAME}`, `DELETE leases/${NAME}`],
  );
});

Deno.test("equal requests that are each answered all count", async () => {
  const api = new MemoryApi();
  const [a, b] = [new Copy(api), new Copy(api, { holder: "copy-b" })];
  const answers = await Promise.all([a.serve("one"), a.serve("two"), b.serve("three")]);
  await Promise.all([a.settled(), b.settled()]);
  deepStrictEqual([answers, recordIn(api)], [["one", "two", "three"], undefined]);
});

Deno.test("an equal request waits until the answer to the first is sent", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const sent = Promise.withResolvers<void>();
  await copy.serve("one", { sent: sent.promise });
  const second = copy.serve("two", {
    plan: () => {
      deepStrictEqual(recordIn(api), undefined);
      return Promise.resolve(workOf("two"));
    },
  });
  sent.resolve();
  strictEqual(await second, "two");
  await copy.settled();
});

Deno.test.each([
  { where: "the same copy", holder: "copy-a" },
  { where: "another copy", holder: "copy-b" },
])("what nobody took is given to the next equal request at $where, once", async ({ holder }) => {
  const api = new MemoryApi();
  const first = new Copy(api);
  await first.serve("one", { isGone: goneOnceBegun() });
  await first.settled();
  deepStrictEqual(recordIn(api), { holder: "copy-a", state: "undelivered", work: workOf("one") });
  const next = new Copy(api, { holder });
  strictEqual(await next.serve("two"), "one, again");
  strictEqual(await next.serve("three"), "three");
  await next.settled();
  strictEqual(recordIn(api), undefined);
});

Deno.test("nothing is begun for a caller that hung up while it waited", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const sent = Promise.withResolvers<void>();
  await copy.serve("one", { sent: sent.promise });
  let isGone = false;
  const second = copy.serve("two", { isGone: () => isGone });
  isGone = true;
  sent.resolve();
  await rejects(second, { failure: "later" });
  strictEqual(await copy.serve("three"), "three");
  await copy.settled();
  strictEqual(recordIn(api), undefined);
});

Deno.test("a caller that hangs up before its answer is sent has not taken it", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const sent = Promise.withResolvers<void>();
  let isGone = false;
  await copy.serve("one", { isGone: () => isGone, sent: sent.promise });
  isGone = true;
  sent.resolve();
  await copy.settled();
  strictEqual(recordIn(api)?.state, "undelivered");
});

Deno.test.each([
  { state: "working" as const },
  { state: "answered" as const },
])("a record whose holder has died is taken over when it was $state", async ({ state }) => {
  const api = new MemoryApi();
  const key = { namespace: NAMESPACE, name: NAME };
  const record = { state, work: workOf("one") };
  await new MemoryClient(api).create(LEASES, buildRecord(key, record, "dead", 0));
  let now = 0;
  const copy = new Copy(api, {
    now: () => now,
    meddle: ({ method }, act) => {
      if (method === "GET") now += 1000;
      return act();
    },
  });
  strictEqual(await copy.serve("two"), "one, again");
  await copy.settled();
  // Seen first after 1 s, and then for 3 s as it was.
  deepStrictEqual([recordIn(api), now], [undefined, 4000]);
});

Deno.test("a record whose holder renews it is waited for, however long that takes", async () => {
  const api = new MemoryApi();
  const a = new Copy(api);
  const done = Promise.withResolvers<string>();
  const first = a.serve("one", { perform: () => done.promise });
  await eventually("the record", () => recordIn(api));
  // On this clock the holder is silent for longer than it may be, were it not for its renewals.
  let now = 0;
  const b = new Copy(api, { holder: "copy-b", now: () => now += 500 });
  const second = b.serve("two");
  await eventually("a third of renewals", () => now > 6000);
  done.resolve("one");
  deepStrictEqual(await Promise.all([first, second]), ["one", "two"]);
  await Promise.all([a.settled(), b.settled()]);
});

Deno.test("an answer that is being sent is waited for, however slow its caller", async () => {
  const api = new MemoryApi();
  const a = new Copy(api);
  const sent = Promise.withResolvers<void>();
  await a.serve("one", { sent: sent.promise });
  let now = 0;
  const b = new Copy(api, { holder: "copy-b", now: () => now += 500 });
  const second = b.serve("two");
  await eventually("a third of renewals", () => now > 6000);
  sent.resolve();
  strictEqual(await second, "two");
  await Promise.all([a.settled(), b.settled()]);
});

Deno.test("work that fails is taken back, and its record goes", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const perform = () => Promise.reject(new RangeError("no room"));
  await rejects(copy.serve("one", { perform }), RangeError);
  await copy.settled();
  deepStrictEqual([copy.undone, recordIn(api)], [["one"], undefined]);
});

Deno.test("work that was taken over and fails is taken back twice: its holder may only have been slow", async () => {
  const api = new MemoryApi();
  const key = { namespace: NAMESPACE, name: NAME };
  const record = { state: "working" as const, work: workOf("one") };
  await new MemoryClient(api).create(LEASES, buildRecord(key, record, "slow", 0));
  const copy = new Copy(api, { now: fastClock() });
  await rejects(copy.serve("two", { perform: () => Promise.reject(new RangeError("no room")) }));
  await copy.settled();
  deepStrictEqual([copy.undone, recordIn(api)], [["one", "one"], undefined]);
});

Deno.test("what was answered once is not taken back when its repeat fails", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  await copy.serve("one", { isGone: goneOnceBegun() });
  await rejects(copy.serve("two", { perform: () => Promise.reject(new RangeError("no room")) }));
  await copy.settled();
  deepStrictEqual([copy.undone, recordIn(api)?.state], [[], "undelivered"]);
});

Deno.test("a server that stops at work leaves it to the next equal request at once", async () => {
  const api = new MemoryApi();
  const first = new Copy(api);
  const perform = () => {
    first.lifetime.abort();
    return Promise.reject(noAnswer());
  };
  await rejects(first.serve("one", { perform }));
  await first.settled();
  const next = new Copy(api, { holder: "copy-b", now: () => 0 });
  strictEqual(await next.serve("two"), "one, again");
  await next.settled();
  deepStrictEqual([first.undone, recordIn(api)], [[], undefined]);
});

Deno.test("a server that stops while an answer is being sent takes its record away", async () => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const sent = Promise.withResolvers<void>();
  await copy.serve("one", { sent: sent.promise });
  copy.lifetime.abort();
  sent.resolve();
  await copy.settled();
  strictEqual(recordIn(api), undefined);
});

Deno.test("a request whose work another copy has taken over stops, and takes nothing back", async () => {
  const api = new MemoryApi();
  const a = new Copy(api);
  const begun = Promise.withResolvers<void>();
  const first = a.serve("one", {
    perform: async ({ signal }) => {
      begun.resolve();
      await sleep(60_000, signal);
      throw noAnswer();
    },
  });
  const refused = rejects(first, { message: "another server has taken this request over" });
  await begun.promise;
  const b = new Copy(api, { holder: "copy-b", now: fastClock() });
  strictEqual(await b.serve("two"), "one, again");
  await refused;
  await Promise.all([a.settled(), b.settled()]);
  deepStrictEqual([a.undone, recordIn(api)], [[], undefined]);
});

Deno.test("work that was taken over and answered meanwhile is not answered a second time", async () => {
  const api = new MemoryApi();
  const a = new Copy(api);
  const done = Promise.withResolvers<string>();
  const first = a.serve("one", { perform: () => done.promise });
  const refused = rejects(first, { message: "another server has taken this request over" });
  await eventually("the record", () => recordIn(api));
  const b = new Copy(api, { holder: "copy-b", now: fastClock() });
  strictEqual(await b.serve("two"), "one, again");
  await b.settled();
  done.resolve("one");
  await refused;
  await a.settled();
  deepStrictEqual([a.undone, recordIn(api)], [[], undefined]);
});

Deno.test("work that was taken over and answered meanwhile is not taken back when it fails here", async () => {
  const api = new MemoryApi();
  const a = new Copy(api);
  const done = Promise.withResolvers<string>();
  const first = a.serve("one", { perform: () => done.promise });
  const refused = rejects(first, { message: "another server has taken this request over" });
  await eventually("the record", () => recordIn(api));
  const b = new Copy(api, { holder: "copy-b", now: fastClock() });
  strictEqual(await b.serve("two"), "one, again");
  await b.settled();
  done.reject(new RangeError("no room"));
  await refused;
  await a.settled();
  deepStrictEqual([a.undone, recordIn(api)], [[], undefined]);
});

/** On it every holder has been silent for too long. */
function fastClock(): () => number {
  let now = 0;
  return () => now += 4000;
}

const REMOVAL: RecordedWork = {
  kind: "remove",
  job: { namespace: "rl", name: "pong", uid: "u" },
  collectors: [{ name: "pong-collector-a", uid: "12345678", port: 22270 }],
  learners: [],
};

Deno.test.each([
  { what: "an API server that is away", error: noAnswer() },
  { what: "a refusal that passes", error: new ApiError(403, "Forbidden", "not now") },
  { what: "a pod that keeps changing", error: new AllocationError("later", "keeps changing") },
])("a DELETE that $what cut short is finished by the next equal request", async ({ error }) => {
  const api = new MemoryApi();
  const copy = new Copy(api);
  const order = { plan: () => Promise.resolve(REMOVAL) };
  await rejects(copy.serve("", { ...order, perform: () => Promise.reject(error) }));
  await copy.settled();
  let seen: unknown;
  const perform = ({ work, isResumed }: Task) => {
    seen = [work, isResumed];
    return Promise.resolve("");
  };
  await copy.serve("", { plan: () => Promise.reject(new RangeError("chosen anew")), perform });
  await copy.settled();
  deepStrictEqual([seen, copy.undone, recordIn(api)], [[REMOVAL, true], [], undefined]);
});

Deno.test("an answer that was handed over stays so when its record cannot be deleted", async () => {
  const api = new MemoryApi();
  let refusals = 0;
  const copy = new Copy(api, {
    meddle: ({ method }, act) => {
      if (method !== "DELETE" || refusals === 1) return act();
      refusals++;
      throw new ApiError(403, "Forbidden", "not now");
    },
  });
  deepStrictEqual(await copy.serve("one"), "one");
  deepStrictEqual(await copy.serve("two"), "two");
  await copy.settled();
  deepStrictEqual([refusals, recordIn(api)], [1, undefined]);
});

Deno.test("work that is written down anew stays so when the answer to that is lost", async () => {
  const api = new MemoryApi();
  let lost = 0;
  const copy = new Copy(api, {
    meddle: ({ method }, act) => {
      const result = act();
      if (method !== "PUT" || lost > 0) return result;
      lost++;
      throw noAnswer();
    },
  });
  await copy.serve("one", {
    perform: async ({ amend }) => {
      await amend(workOf("two"));
      return "";
    },
    isGone: goneOnceBegun(),
  });
  await copy.settled();
  deepStrictEqual([lost, recordIn(api)?.work], [1, workOf("two")]);
});

Deno.test.each([
  { write: "POST" },
  { write: "PUT" },
  { write: "DELETE" },
])("the answer to the $write of a record may be lost", async ({ write }) => {
  const api = new MemoryApi();
  let isLost = false;
  const copy = new Copy(api, {
    meddle: ({ method }, act) => {
      const result = act();
      if (method !== write || isLost) return result;
      isLost = true;
      throw noAnswer();
    },
  });
  strictEqual(await copy.serve("one"), "one");
  await copy.settled();
  deepStrictEqual([isLost, copy.undone, recordIn(api)], [true, [], undefined]);
});
