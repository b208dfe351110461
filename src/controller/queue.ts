/** A queue of keys: each waits at most once and is worked on by at most one worker at a time. */
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";

/** 5 ms doubling to 5 min: quick when it was a race, patient when the cluster says no. */
export const RETRY_BACKOFF: BackoffPolicy = {
  initialMs: 5,
  maxMs: 300_000,
  factor: 2,
  jitter: 0.1,
};

/** Longest wait after a failure during which the key was added, in ms. */
const CHANGED_WAIT_MAX_MS = 1000;

/** Told of what happens to keys; for metrics. Times in s. */
export interface QueueObserver {
  /** A key has come in that was not there. */
  onAdd(): void;
  /** A worker has taken a key that waited for so long. */
  onTake(waitedSeconds: number): void;
  /** A worker has ended its work on a key. */
  onDone(workedSeconds: number): void;
  /** A key whose work failed comes again. */
  onRetry(): void;
}

const NOBODY: QueueObserver = { onAdd() {}, onTake() {}, onDone() {}, onRetry() {} };

/**
 * First in, first out, so that no key starves another. Only keys are kept: whoever takes one reads the
 * rest of the world anew. A key added while it is being worked on comes again afterwards.
 */
export class WorkQueue {
  readonly #backoff: BackoffPolicy;
  readonly #observer: QueueObserver;
  /** Keys ready to be taken and since when, in ms, oldest first (a Map keeps the order of insertion). */
  readonly #ready = new Map<string, number>();
  /** Keys that are worked on, and since when, in ms. */
  readonly #working = new Map<string, number>();
  /** Keys added while they were worked on. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly stop: () => void; readonly dueAt: number }>();
  /** Keys that were told to rest, and until when, in ms. */
  readonly #restUntil = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(backoff: BackoffPolicy = RETRY_BACKOFF, observer: QueueObserver = NOBODY) {
    this.#backoff = backoff;
    this.#observer = observer;
  }

  /** Keys that wait, without those that wait for their time. */
  get size(): number {
    return this.#ready.size;
  }

  /** For how long each key has been worked on that is worked on now, in s. */
  workingSeconds(): number[] {
    return [...this.#working.values()].map(secondsSince);
  }

  add(key: string): void {
    if (this.#closed) return;
    const restMs = (this.#restUntil.get(key) ?? 0) - performance.now();
    if (restMs > 0) return this.addAfter(key, restMs);
    this.#cancelTimer(key);
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#observer.onAdd();
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.set(key, performance.now());
    else taker(this.#take(key, performance.now()));
  }

  /** Adds `key` when `ms` have gone by, unless it is added sooner. The earlier of two times counts. */
  addAfter(key: string, ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#closed || (this.#timers.get(key)?.dueAt ?? Infinity) <= dueAt) return;
    this.#cancelTimer(key);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, ms);
    this.#timers.set(key, { stop: () => clearTimeout(timer), dueAt });
  }

  /** The next key, once there is one; undefined after {@link close}. Each needs its {@link done}. */
  next(): Promise<string | undefined> {
    const [first] = this.#ready;
    if (first !== undefined) {
      const [key, since] = first;
      this.#ready.delete(key);
      return Promise.resolve(this.#take(key, since));
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /**
   * Ends the work on `key`. After a failure it comes again, later each time; sooner if it was added
   * meanwhile, since what has changed may be what was missing. Not at once: it may be our own word of
   * the failure that has changed.
   *
   * @param restMs For how long the key is not given again, whoever adds it: many changes then cost one
   * piece of work.
   */
  done(key: string, failed: boolean, restMs = 0): void {
    this.#observer.onDone(secondsSince(this.#working.get(key) ?? performance.now()));
    this.#working.delete(key);
    const failures = failed ? (this.#failures.get(key) ?? 0) + 1 : 0;
    if (failed) this.#failures.set(key, failures);
    else this.#failures.delete(key);
    const changed = this.#again.delete(key);
    if (restMs > 0) this.#restUntil.set(key, performance.now() + restMs);
    else this.#restUntil.delete(key);
    if (!failed) {
      if (changed) this.add(key);
      return;
    }
    this.#observer.onRetry();
    const waitMs = backoffMs(this.#backoff, failures);
    this.addAfter(key, changed ? Math.min(waitMs, CHANGED_WAIT_MAX_MS) : waitMs);
  }

  /** Lets every waiting worker go and takes no more keys. */
  close(): void {
    this.#closed = true;
    this.#ready.clear();
    for (const key of [...this.#timers.keys()]) this.#cancelTimer(key);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #take(key: string, since: number): string {
    this.#observer.onTake(secondsSince(since));
    this.#working.set(key, performance.now());
    return key;
  }

  #cancelTimer(key: string): void {
    this.#timers.get(key)?.stop();
    this.#timers.delete(key);
  }
}

function secondsSince(ms: number): number {
  return (performance.now() - ms) / 1000;
}
