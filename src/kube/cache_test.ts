import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { aPod } from "../../tests/support/builders.ts";
import { ObjectCache } from "./cache.ts";
import type { Pod } from "./types.ts";

/** `name` of incarnation `uid` as it was at `version`. */
function pod(name: string, version: number, { uid = name, team }: PodDetails = {}): Pod {
  return aPod(name, {
    uid,
    version: String(version),
    ...(team !== undefined && { labels: { team } }),
  });
}
interface PodDetails {
  readonly uid?: string;
  readonly team?: string;
}

function aCache(): ObjectCache<Pod> {
  const team = ({ metadata }: Pod) => metadata.labels?.["team"]?.split("+") ?? [];
  return new ObjectCache<Pod>({ team });
}

/** `name@version`, sorted. */
function contentOf(pods: Iterable<Pod>): string[] {
  return [...pods].map((each) => `${each.metadata.name}@${each.metadata.resourceVersion}`).sort();
}

Deno.test("ObjectCache finds objects by key and by what its indexes say", () => {
  const cache = aCache();
  cache.observe(pod("a", 1, { team: "red" }));
  cache.observe(pod("b", 2, { team: "red+blue" }));
  cache.observe(pod("c", 3));
  strictEqual(cache.get({ namespace: "rl", name: "a" })?.metadata.uid, "a");
  strictEqual(cache.get({ namespace: "other", name: "a" }), undefined);
  strictEqual(cache.size, 3);
  deepStrictEqual(contentOf(cache.byIndex("team", "red")), ["a@1", "b@2"]);
  deepStrictEqual(contentOf(cache.byIndex("team", "blue")), ["b@2"]);
  deepStrictEqual(contentOf(cache.byIndex("team", "green")), []);
  throws(() => cache.byIndex("colour", "red"), RangeError);
});

Deno.test("ObjectCache moves an object to where its new state belongs", () => {
  const cache = aCache();
  cache.observe(pod("a", 1, { team: "red+blue" }));
  cache.observe(pod("a", 2, { team: "blue+green" }));
  const found = ["red", "blue", "green"].map((team) => contentOf(cache.byIndex("team", team)));
  deepStrictEqual(found, [[], ["a@2"], ["a@2"]]);
  cache.forget(pod("a", 3));
  deepStrictEqual(contentOf(cache.byIndex("team", "blue")), []);
});

Deno.test("ObjectCache tells of each change once, and of nothing else", () => {
  const cache = aCache();
  const seen: string[] = [];
  const unsubscribe = cache.subscribe(({ before, after }) => {
    seen.push(`${before?.metadata.resourceVersion} → ${after?.metadata.resourceVersion}`);
  });
  cache.observe(pod("a", 5));
  cache.observe(pod("a", 5));
  cache.observe(pod("a", 4));
  cache.observe(pod("a", 10)); // A comparison of texts would take it for older.
  cache.forget(pod("a", 11, { uid: "another" }));
  cache.forget(pod("a", 11));
  cache.forget(pod("a", 11));
  cache.replaceAll([pod("b", 12)], "12");
  unsubscribe();
  cache.observe(pod("c", 13));
  deepStrictEqual(seen, [
    "undefined → 5",
    "5 → 10",
    "10 → undefined",
    "undefined → 12",
  ]);
});

Deno.test.each([
  { when: "deleted by us", end: "forget" as const, then: pod("a", 1), left: [] },
  {
    when: "deleted by us and made anew",
    end: "forget" as const,
    then: pod("a", 4, { uid: "next" }),
    left: ["a@4"],
  },
  {
    when: "deleted as the watch says, and made anew",
    end: "settle" as const,
    then: pod("a", 4, { uid: "next" }),
    left: ["a@4"],
  },
])("ObjectCache, after an object was $when, holds $left", ({ end, then, left }) => {
  const cache = aCache();
  cache.observe(pod("a", 2));
  cache[end](pod("a", 3));
  cache.observe(then);
  deepStrictEqual(contentOf(cache.values()), left);
});

Deno.test("ObjectCache leaves the namesake when an old object's deletion arrives late", () => {
  const cache = aCache();
  cache.observe(pod("a", 5, { uid: "next" }));
  cache.settle(pod("a", 4));
  deepStrictEqual(contentOf(cache.values()), ["a@5"]);
});

Deno.test.each([
  { when: "lacks an object", held: 3, listed: [], left: [] },
  { when: "lacks an object that was made after it", held: 9, listed: [], left: ["a@9"] },
  { when: "lacks an object made at its very version", held: 8, listed: [], left: [] },
  { when: "has a later state", held: 3, listed: [pod("a", 7)], left: ["a@7"] },
  { when: "has an earlier state", held: 9, listed: [pod("a", 7)], left: ["a@9"] },
  {
    when: "has a namesake",
    held: 3,
    listed: [pod("a", 7, { uid: "next" })],
    left: ["a@7"],
  },
])("ObjectCache holds $left when a list as of 8 $when", ({ held, listed, left }) => {
  const cache = aCache();
  cache.observe(pod("a", held));
  cache.replaceAll(listed, "8");
  deepStrictEqual(contentOf(cache.values()), left);
});

Deno.test("ObjectCache is filled by its first whole list, not by single objects", async () => {
  const cache = aCache();
  let filled = false;
  const waiting = cache.filled.then(() => filled = true);
  cache.observe(pod("a", 1));
  await Promise.resolve();
  deepStrictEqual([cache.isFilled, filled], [false, false]);
  cache.replaceAll([], "0");
  await waiting;
  deepStrictEqual([cache.isFilled, filled], [true, true]);
});

/** One server, its watch, and answers to our own writes that are still on their way. */
class Traffic {
  readonly cache = aCache();
  readonly #server = new Map<string, Pod>();
  #version = 10;
  #events: { readonly deleted: boolean; readonly pod: Pod }[] = [];
  #answers: (() => void)[] = [];
  #uids = 0;

  /** A write to `name`; `ours` brings an answer that the cache is told of. */
  write(name: string, what: "put" | "delete", ours: boolean): void {
    const before = this.#server.get(name);
    const version = ++this.#version;
    const deleted = what === "delete";
    if (deleted && before === undefined) return;
    const uid = before?.metadata.uid ?? `${name}${++this.#uids}`;
    const after = pod(name, version, { uid });
    if (deleted) this.#server.delete(name);
    else this.#server.set(name, after);
    this.#events.push({ deleted, pod: after });
    if (!ours) return;
    this.#answers.push(() => deleted ? this.cache.forget(after) : this.cache.observe(after));
  }

  answer(index: number): void {
    const [answer] = this.#answers.splice(index % (this.#answers.length || 1), 1);
    answer?.();
  }

  watch(): void {
    const event = this.#events.shift();
    if (event === undefined) return;
    if (event.deleted) this.cache.settle(event.pod);
    else this.cache.follow(event.pod);
  }

  /** The watch has failed: a new list, after which the watch goes on. */
  relist(): void {
    this.#events = [];
    this.cache.replaceAll([...this.#server.values()], String(this.#version));
  }

  /** Everything that is on its way arrives. */
  settle(): void {
    while (this.#answers.length > 0) this.answer(0);
    while (this.#events.length > 0) this.watch();
  }

  content(): { cache: string[]; server: string[] } {
    return { cache: contentOf(this.cache.values()), server: contentOf(this.#server.values()) };
  }
}

const TRAFFIC_STEP = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    name: fc.constantFrom("a", "b"),
    what: fc.constantFrom("put" as const, "delete" as const),
    ours: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("answer" as const), index: fc.nat(5) }),
  fc.record({ kind: fc.constant("watch" as const) }),
  fc.record({ kind: fc.constant("relist" as const) }),
);

Deno.test("ObjectCache ends at the server's state, however watch, lists and own writes interleave", () => {
  fc.assert(
    fc.property(fc.array(TRAFFIC_STEP, { maxLength: 30 }), (steps) => {
      const traffic = new Traffic();
      for (const step of steps) {
        if (step.kind === "write") traffic.write(step.name, step.what, step.ours);
        else if (step.kind === "answer") traffic.answer(step.index);
        else traffic[step.kind]();
      }
      traffic.settle();
      const { cache, server } = traffic.content();
      deepStrictEqual(cache, server);
    }),
    { numRuns: 500 },
  );
});
