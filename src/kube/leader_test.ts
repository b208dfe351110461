import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { sleep } from "../lib/abort.ts";
import { loggerOf } from "../lib/logger.ts";
import type { WatchEvent, WatchOptions } from "./client.ts";
import { ApiError } from "./errors.ts";
import { type ElectionEnd, type ElectionOptions, mayTake, runElection } from "./leader.ts";
import { LEASES, type Resource } from "./resources.ts";
import type { KubeObject, Lease } from "./types.ts";

const KEY = { namespace: "di-system", name: "election" };

function aLease(holderIdentity: string | undefined, leaseDurationSeconds = 15): Lease {
  return {
    metadata: { ...KEY, resourceVersion: "1" },
    spec: { ...(holderIdentity !== undefined && { holderIdentity }), leaseDurationSeconds },
  };
}

Deno.test.each([
  { when: "there is none", lease: undefined, silentMs: 0, may: true },
  { when: "nobody holds it", lease: aLease(undefined), silentMs: 0, may: true },
  { when: "it was given back", lease: aLease("", 1), silentMs: 0, may: true },
  { when: "it is ours", lease: aLease("me"), silentMs: 0, may: true },
  { when: "another renews it", lease: aLease("you"), silentMs: 3_000, may: false },
  { when: "another is silent up to its end", lease: aLease("you"), silentMs: 15_000, may: false },
  { when: "another is silent beyond its end", lease: aLease("you"), silentMs: 15_001, may: true },
  {
    when: "it says nothing of itself",
    lease: { metadata: KEY },
    silentMs: 0,
    may: true,
  },
])("mayTake() a lease is $may when $when", ({ lease, silentMs, may }) => {
  strictEqual(mayTake(lease, "me", silentMs), may);
});

/** A client whose watches tell of the lease whenever it has changed. */
class WatchingClient extends MemoryClient {
  readonly #objects: MemoryApi;

  constructor(api: MemoryApi, meddle?: Meddler) {
    super(api, meddle);
    this.#objects = api;
  }

  override async *watch<T extends KubeObject>(
    resource: Resource<T>,
    { resourceVersion, signal }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    for (let told: string | undefined = resourceVersion; !signal.aborted;) {
      const object = this.#objects.get(resource, KEY.name);
      if (object !== undefined && object.metadata.resourceVersion !== told) {
        told = object.metadata.resourceVersion;
        yield { type: "MODIFIED", object };
      }
      await sleep(1, signal);
    }
  }
}

/** One copy that stands for the lease. */
class Candidate {
  readonly #stop = new AbortController();
  readonly end: Promise<ElectionEnd>;
  leads = 0;

  constructor(
    api: MemoryApi,
    identity: string,
    { meddle, ...options }: Partial<ElectionOptions> & { readonly meddle?: Meddler } = {},
  ) {
    this.end = runElection({
      client: new WatchingClient(api, meddle),
      lease: KEY,
      identity,
      timing: { leaseMs: 60_000, renewMs: 40_000, retryMs: 1 },
      log: loggerOf("test"),
      signal: this.#stop.signal,
      onLead: () => this.leads++,
      ...options,
    });
  }

  stop(): Promise<ElectionEnd> {
    this.#stop.abort();
    return this.end;
  }

  /** The end, or `none` when it does not come by itself. */
  async ownEnd(): Promise<ElectionEnd | "none"> {
    const limit = new AbortController();
    const none = sleep(5_000, limit.signal).then(() => "none" as const);
    const end = await Promise.race([this.end, none]);
    limit.abort();
    return end;
  }
}

function holderIn(api: MemoryApi): string | undefined {
  return api.get(LEASES, KEY.name)?.spec?.holderIdentity;
}

function transitionsIn(api: MemoryApi): number | undefined {
  return api.get(LEASES, KEY.name)?.spec?.leaseTransitions;
}

Deno.test("of two copies one leads, and the other at once when the first gives the lease back", async () => {
  const api = new MemoryApi();
  const first = new Candidate(api, "first");
  await eventually("the first to lead", () => first.leads, { intervalMs: 1 });
  const second = new Candidate(api, "second");
  const version = api.version;
  await eventually("some renewals", () => api.version > version + 10, { intervalMs: 1 });
  deepStrictEqual([first.leads, second.leads, holderIn(api)], [1, 0, "first"]);
  strictEqual(await first.stop(), "stopped");
  await eventually("the second to lead", () => second.leads, { intervalMs: 1 });
  deepStrictEqual([holderIn(api), transitionsIn(api)], ["second", 1]);
  strictEqual(await second.stop(), "stopped");
  strictEqual(holderIn(api), "");
});

/** As it is in use: a look at the lease would come too late for these tests. */
const SELDOM = { leaseMs: 60_000, renewMs: 40_000, retryMs: 30_000 };

Deno.test("a standby takes a lease that is given back at once, long before its next look", async () => {
  const api = new MemoryApi();
  const first = new Candidate(api, "first", { timing: SELDOM });
  await eventually("the first to lead", () => first.leads, { intervalMs: 1 });
  const standby = new Candidate(api, "standby", { timing: SELDOM });
  await sleep(0);
  await first.stop();
  await eventually("the standby to lead", () => standby.leads, { intervalMs: 1 });
  strictEqual(holderIn(api), "standby");
  await standby.stop();
});

Deno.test("a standby that may not watch the lease looks at it from time to time", async () => {
  const api = new MemoryApi();
  const first = new Candidate(api, "first", { timing: SELDOM });
  await eventually("the first to lead", () => first.leads, { intervalMs: 1 });
  const standby = new Candidate(api, "standby", {
    meddle: ({ path }, act) => {
      if (path.includes("/leases?")) throw new ApiError(403, "Forbidden", "no");
      return act();
    },
  });
  await first.stop();
  await eventually("the standby to lead", () => standby.leads, { intervalMs: 1 });
  await standby.stop();
});

Deno.test("a standby looks at the lease when that runs out, if that is before its next look", async () => {
  const api = new MemoryApi();
  api.put(LEASES, aLease("silent", 0.05));
  const copy = new Candidate(api, "me", { timing: SELDOM });
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  await copy.stop();
});

Deno.test("copies that start at once, with no lease yet, have one leader", async () => {
  const api = new MemoryApi();
  const copies = ["a", "b", "c"].map((identity) => new Candidate(api, identity));
  const leaders = () => copies.filter(({ leads }) => leads > 0).length;
  await eventually("a leader", leaders, { intervalMs: 1 });
  const version = api.version;
  await eventually("some renewals", () => api.version > version + 10, { intervalMs: 1 });
  strictEqual(leaders(), 1);
  for (const copy of copies) await copy.stop();
});

Deno.test("a copy that never led gives nothing back", async () => {
  const api = new MemoryApi();
  api.put(LEASES, aLease("another"));
  let reads = 0;
  const copy = new Candidate(api, "me", { meddle: (_request, act) => (reads++, act()) });
  await eventually("a few looks", () => reads > 3, { intervalMs: 1 });
  strictEqual(await copy.stop(), "stopped");
  deepStrictEqual([copy.leads, holderIn(api)], [0, "another"]);
});

Deno.test("a silent holder's lease is taken when it has run out by our own clock", async () => {
  const api = new MemoryApi();
  // Its times are long past: clocks of two machines may differ, so they must not count.
  const lease = aLease("silent");
  api.put(LEASES, { ...lease, spec: { ...lease.spec, renewTime: "2001-01-01T00:00:00.000000Z" } });
  let nowMs = 0;
  let reads = 0;
  const copy = new Candidate(api, "me", {
    now: () => nowMs,
    meddle: (_request, act) => (reads++, act()),
  });
  await eventually("a few looks", () => reads > 3, { intervalMs: 1 });
  strictEqual(copy.leads, 0);
  nowMs += 15_001;
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  deepStrictEqual([holderIn(api), transitionsIn(api)], ["me", 1]);
  await copy.stop();
});

Deno.test("a copy of the same identity goes on with its lease", async () => {
  const api = new MemoryApi();
  const lease = aLease("me");
  const acquireTime = "2026-01-01T00:00:00.000000Z";
  api.put(LEASES, { ...lease, spec: { ...lease.spec, acquireTime, leaseTransitions: 4 } });
  const copy = new Candidate(api, "me");
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  const spec = api.get(LEASES, KEY.name)?.spec;
  deepStrictEqual([spec?.acquireTime, spec?.leaseTransitions], [acquireTime, 4]);
  await copy.stop();
});

Deno.test("a holder ends when another has the lease", async () => {
  const api = new MemoryApi();
  const copy = new Candidate(api, "me");
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  api.put(LEASES, aLease("you"));
  strictEqual(await copy.ownEnd(), "lost");
  await copy.stop();
  strictEqual(holderIn(api), "you");
});

Deno.test("a holder that stops gives back nothing that another has taken meanwhile", async () => {
  const api = new MemoryApi();
  const copy = new Candidate(api, "me", {
    timing: { leaseMs: 60_000, renewMs: 40_000, retryMs: 30_000 },
  });
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  api.put(LEASES, aLease("you"));
  strictEqual(await copy.stop(), "stopped");
  strictEqual(holderIn(api), "you");
});

Deno.test.each([
  { when: "for a short time", outageMs: 30_000, end: "stopped" },
  { when: "for longer than it may renew", outageMs: 41_000, end: "lost" },
])("a holder whose API server is away $when is $end", async ({ outageMs, end }) => {
  const api = new MemoryApi();
  let nowMs = 0;
  let outageEndMs = Infinity;
  let isAway = false;
  const copy = new Candidate(api, "me", {
    now: () => nowMs,
    meddle: (_request, act) => {
      if (!isAway || nowMs > outageEndMs) return act();
      nowMs += 1_000;
      throw noAnswer();
    },
  });
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  outageEndMs = nowMs + outageMs;
  isAway = true;
  if (end === "stopped") {
    const version = api.version;
    await eventually("it to renew again", () => api.version > version, { intervalMs: 1 });
    strictEqual(await copy.stop(), "stopped");
  } else {
    strictEqual(await copy.ownEnd(), "lost");
    await copy.stop();
  }
  strictEqual(copy.leads, 1);
});

Deno.test("a holder never believes in its lease for longer than others do", async () => {
  const timing = { leaseMs: 15_000, renewMs: 10_000, retryMs: 1 };
  const api = new MemoryApi();
  let nowMs = 0;
  let renewedMs = 0;
  let slowTry: number | undefined;
  const copy = new Candidate(api, "me", {
    timing,
    now: () => nowMs,
    meddle: ({ method, timeoutMs }, act) => {
      if (slowTry === undefined) {
        if (method !== "GET") renewedMs = nowMs;
        return act();
      }
      // A try that fails just before the time to renew is over, and then one that lasts: its read
      // comes at the last moment, its write never.
      if (slowTry++ === 0) {
        nowMs = renewedMs + 9_900;
        throw noAnswer();
      }
      nowMs += timeoutMs;
      if (method === "GET") return act();
      throw noAnswer();
    },
  });
  await eventually("it to lead", () => copy.leads, { intervalMs: 1 });
  slowTry = 0;
  strictEqual(await copy.ownEnd(), "lost");
  await copy.stop();
  ok(nowMs - renewedMs <= timing.leaseMs, `${nowMs - renewedMs} ms after the last renewal`);
});
