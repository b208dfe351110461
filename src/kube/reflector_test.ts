import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { aPod } from "../../tests/support/builders.ts";
import { sleep } from "../lib/abort.ts";
import { loggerOf } from "../lib/logger.ts";
import { ObjectCache } from "./cache.ts";
import type { WatchEvent } from "./client.ts";
import { ApiError, ConnectionError } from "./errors.ts";
import {
  type ListWatch,
  type ReflectorTiming,
  runReflector,
  withoutManagedFields,
} from "./reflector.ts";
import type { KubeList, Pod } from "./types.ts";

/** One page, or why there is none. */
interface ListStep {
  readonly list: readonly Pod[] | Error;
  readonly version?: string;
  readonly more?: string;
}
/** What a watch says, and how it ends. */
interface WatchStep {
  readonly watch: readonly WatchEvent<Pod>[];
  /** `closed` by the server after a while, `dropped` by it at once, `silent` until it is cut. */
  readonly end: "closed" | "dropped" | "silent" | Error;
  /** Time before each event, in ms. */
  readonly paceMs?: number;
}
type Step = ListStep | WatchStep;

const GONE = new ApiError(410, "Expired", "too old resource version");
const LOST = new ConnectionError("connection reset", undefined);
const PROMPT: ReflectorTiming = {
  backoff: { initialMs: 1, maxMs: 2, factor: 2, jitter: 0 },
  watchLifetimeMs: 300_000,
  silenceLimitMs: 20_000,
};

/** Plays a script; then its watch stays open. Any other call than the script's next one is an error. */
class ScriptedSource implements ListWatch<Pod> {
  readonly calls: string[] = [];
  readonly #script: Step[];
  readonly #played = Promise.withResolvers<void>();
  #clockMs = 0;
  watchesOpen = 0;

  constructor(script: readonly Step[]) {
    this.#script = [...script];
  }

  /** Resolves when the script is over and the last watch stands. */
  get played(): Promise<void> {
    return this.#played.promise;
  }

  /** The reflector measures with this clock, which only a watch that lasted moves. */
  now = (): number => this.#clockMs;

  list(
    options: { readonly continue?: string; readonly signal: AbortSignal },
  ): Promise<KubeList<Pod>> {
    if (options.signal.aborted) return Promise.reject(LOST);
    this.calls.push(options.continue === undefined ? "list" : `list ${options.continue}`);
    const step = this.#script.shift();
    if (step === undefined || !("list" in step)) throw new Error("unexpected list");
    if (step.list instanceof Error) return Promise.reject(step.list);
    const { version = "10", more } = step;
    const metadata = { resourceVersion: version, ...(more !== undefined && { continue: more }) };
    return Promise.resolve({ metadata, items: [...step.list] });
  }

  async *watch(
    { resourceVersion, signal, onData }: {
      readonly resourceVersion: string;
      readonly signal: AbortSignal;
      readonly onData?: () => void;
    },
  ): AsyncGenerator<WatchEvent<Pod>> {
    this.calls.push(`watch ${resourceVersion}`);
    const step = this.#script.shift();
    if (step !== undefined && !("watch" in step)) throw new Error("unexpected watch");
    this.watchesOpen++;
    try {
      for (const event of step?.watch ?? []) {
        if (step?.paceMs !== undefined) await sleep(step.paceMs, signal);
        if (signal.aborted) throw new ConnectionError("aborted", signal.reason);
        onData?.();
        yield event;
      }
      if (step?.end instanceof Error) throw step.end;
      if (step?.end === "closed") this.#clockMs += 60_000;
      if (step?.end === "closed" || step?.end === "dropped") return;
      if (step === undefined) this.#played.resolve();
      await sleep(60_000, signal);
      throw new ConnectionError("aborted", signal.reason);
    } finally {
      this.watchesOpen--;
    }
  }
}

/** Runs a reflector through a script. `backOffs` is how often it waited before it went on. */
async function play(
  script: readonly Step[],
  { timing = PROMPT, trim, cache = new ObjectCache<Pod>() }: {
    readonly timing?: ReflectorTiming;
    readonly trim?: (pod: Pod) => Pod;
    readonly cache?: ObjectCache<Pod>;
  } = {},
): Promise<{ calls: string[]; backOffs: number; cached: string[] }> {
  const source = new ScriptedSource(script);
  const stop = new AbortController();
  let chances = 0;
  const performanceNow = performance.now;
  performance.now = source.now;
  const running = runReflector({
    source,
    cache,
    ...(trim && { trim }),
    log: loggerOf("test"),
    signal: stop.signal,
    timing,
    // Asked once for the lifetime of each watch, and once for each back-off.
    random: () => (chances++, 0),
  });
  try {
    await Promise.race([source.played, tooLate(stop.signal)]);
  } finally {
    performance.now = performanceNow;
    stop.abort();
    await running;
  }
  strictEqual(source.watchesOpen, 0);
  const watches = source.calls.filter((call) => call.startsWith("watch")).length;
  return { calls: source.calls, backOffs: chances - watches, cached: contentOf(cache) };
}

/** Rejects when a script is not played within a time that none needs. */
async function tooLate(signal: AbortSignal): Promise<void> {
  await sleep(10_000, signal);
  if (!signal.aborted) throw new Error("the script is not played to its end");
}

function contentOf(cache: ObjectCache<Pod>): string[] {
  return [...cache.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
    .sort();
}

function pod(name: string, version: number): Pod {
  return aPod(name, { version: String(version) });
}
function event(type: WatchEvent<Pod>["type"], name: string, version: number): WatchEvent<Pod> {
  return { type, object: pod(name, version) };
}

const LIST: ListStep = { list: [pod("a", 9)] };

Deno.test.each<{ when: string; script: Step[]; calls: string[]; backOffs: number }>([
  {
    when: "nothing happens",
    script: [LIST],
    calls: ["list", "watch 10"],
    backOffs: 0,
  },
  {
    when: "the server closes a watch after its time",
    script: [LIST, { watch: [event("MODIFIED", "a", 12)], end: "closed" }],
    calls: ["list", "watch 10", "watch 12"],
    backOffs: 0,
  },
  {
    when: "a watch without events is closed after its time",
    script: [LIST, { watch: [], end: "closed" }],
    calls: ["list", "watch 10", "watch 10"],
    backOffs: 0,
  },
  {
    when: "a bookmark has moved the version",
    script: [LIST, { watch: [event("BOOKMARK", "", 70)], end: "closed" }],
    calls: ["list", "watch 10", "watch 70"],
    backOffs: 0,
  },
  {
    when: "a deletion was the last event",
    script: [LIST, { watch: [event("DELETED", "a", 15)], end: "closed" }],
    calls: ["list", "watch 10", "watch 15"],
    backOffs: 0,
  },
  {
    when: "the server drops watches at once",
    script: [LIST, { watch: [], end: "dropped" }, { watch: [], end: "dropped" }],
    calls: ["list", "watch 10", "watch 10", "watch 10"],
    backOffs: 2,
  },
  {
    when: "a watch is lost",
    script: [LIST, { watch: [event("ADDED", "b", 12)], end: LOST }],
    calls: ["list", "watch 10", "watch 12"],
    backOffs: 1,
  },
  {
    when: "the API server is away",
    script: [{ list: LOST }, { list: LOST }, LIST, { watch: [], end: LOST }],
    calls: ["list", "list", "list", "watch 10", "watch 10"],
    backOffs: 3,
  },
  {
    when: "the API server refuses",
    script: [{ list: new ApiError(403, "Forbidden", "no") }, LIST, {
      watch: [],
      end: new ApiError(500, "", "no"),
    }],
    calls: ["list", "list", "watch 10", "watch 10"],
    backOffs: 2,
  },
  {
    when: "the version is too old at the start of a watch",
    script: [LIST, { watch: [], end: GONE }, { list: [], version: "90" }],
    calls: ["list", "watch 10", "list", "watch 90"],
    backOffs: 0,
  },
  {
    when: "the version becomes too old in mid-stream",
    script: [LIST, { watch: [event("ADDED", "b", 12)], end: GONE }, { list: [], version: "90" }],
    calls: ["list", "watch 10", "list", "watch 90"],
    backOffs: 0,
  },
  {
    when: "a list's next page is too old",
    script: [{ list: [pod("a", 9)], more: "p2" }, { list: GONE }, { list: [], version: "90" }],
    calls: ["list", "list p2", "list", "watch 90"],
    backOffs: 0,
  },
  {
    when: "every version is too old: the server's trouble must not make us spin",
    script: [LIST, { watch: [], end: GONE }, LIST, { watch: [], end: GONE }, LIST],
    calls: ["list", "watch 10", "list", "watch 10", "list", "watch 10"],
    backOffs: 1,
  },
])("runReflector() goes on when $when", async ({ script, calls, backOffs }) => {
  const { cached: _, ...seen } = await play(script);
  deepStrictEqual(seen, { calls, backOffs });
});

Deno.test("runReflector() cuts a watch that has been silent for too long, and watches anew", async () => {
  const script: Step[] = [LIST, { watch: [event("ADDED", "b", 12)], end: "silent" }];
  const { calls, backOffs } = await play(script, { timing: { ...PROMPT, silenceLimitMs: 20 } });
  // The last, open watch may be cut as well before the test ends.
  deepStrictEqual(calls.slice(0, 3), ["list", "watch 10", "watch 12"]);
  strictEqual(backOffs >= 1, true);
});

Deno.test("runReflector() keeps a watch that is never silent for long", async () => {
  const watch = [11, 12, 13, 14, 15, 16].map((version) => event("BOOKMARK", "", version));
  const script: Step[] = [LIST, { watch, end: "closed", paceMs: 50 }];
  const { calls } = await play(script, { timing: { ...PROMPT, silenceLimitMs: 250 } });
  deepStrictEqual(calls.slice(0, 3), ["list", "watch 10", "watch 16"]);
});

Deno.test.each<{ what: string; script: Step[]; cached: string[] }>([
  {
    what: "every page of a list",
    script: [{ list: [pod("a", 1)], more: "p2" }, { list: [pod("b", 2)], more: "p3" }, {
      list: [pod("c", 3)],
    }],
    cached: ["a@1", "b@2", "c@3"],
  },
  {
    what: "what a watch adds and changes",
    script: [LIST, { watch: [event("ADDED", "b", 11), event("MODIFIED", "a", 12)], end: "closed" }],
    cached: ["a@12", "b@11"],
  },
  {
    what: "nothing that was deleted",
    script: [LIST, { watch: [event("ADDED", "b", 11), event("DELETED", "a", 12)], end: "closed" }],
    cached: ["b@11"],
  },
  {
    what: "no bookmarks",
    script: [LIST, { watch: [event("BOOKMARK", "bookmark", 70)], end: "closed" }],
    cached: ["a@9"],
  },
  {
    what: "nothing that a later list lacks",
    script: [LIST, { watch: [], end: GONE }, { list: [pod("b", 80)], version: "90" }],
    cached: ["b@80"],
  },
  {
    what: "nothing of a list that was not finished",
    script: [{ list: [pod("a", 1)], more: "p2" }, { list: LOST }, { list: [pod("b", 2)] }],
    cached: ["b@2"],
  },
])("runReflector() keeps in its cache $what", async ({ script, cached }) => {
  deepStrictEqual((await play(script)).cached, cached);
});

Deno.test("runReflector() trims what it lists and what it watches", async () => {
  const cache = new ObjectCache<Pod>();
  const script: Step[] = [LIST, { watch: [event("ADDED", "b", 11)], end: "closed" }];
  const trim = ({ metadata }: Pod): Pod => ({ metadata });
  await play(script, { cache, trim });
  deepStrictEqual([...cache.values()].map((each) => each.spec), [undefined, undefined]);
});

Deno.test.each<{ when: string; script: Step[]; timing: Partial<ReflectorTiming> }>([
  { when: "it watches", script: [LIST], timing: {} },
  {
    when: "it backs off",
    script: [{ list: LOST }],
    timing: { backoff: { initialMs: 60_000, maxMs: 60_000, factor: 1, jitter: 0 } },
  },
])("runReflector() stops at once when $when", async ({ script, timing }) => {
  const source = new ScriptedSource(script);
  const stop = new AbortController();
  const reached = Promise.withResolvers<void>();
  const running = runReflector({
    source,
    cache: new ObjectCache<Pod>(),
    log: loggerOf("test"),
    signal: stop.signal,
    timing: { ...PROMPT, ...timing },
    random: () => (reached.resolve(), 0),
  });
  await reached.promise;
  stop.abort();
  await running; // The sanitizer would see a timer that is left.
  strictEqual(source.watchesOpen, 0);
  match(source.calls.join(), /^list(,watch 10)?$/);
});

Deno.test("withoutManagedFields() leaves everything else, and the object as it was", () => {
  const given = aPod("a");
  given.metadata.managedFields = [{ manager: "kubectl" }];
  const before = structuredClone(given);
  deepStrictEqual(withoutManagedFields(given), aPod("a"));
  deepStrictEqual(given, before);
});
