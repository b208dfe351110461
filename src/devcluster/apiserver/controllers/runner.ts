/** Runs the server's own follow-up work soon after the request that caused it. */
import type { Logger } from "../../../lib/logger.ts";

/** Jobs done before other requests get their turn. */
const BATCH = 64;

/** A queue of small synchronous jobs; equal keys wait only once. */
export class Runner {
  readonly #log: Logger;
  readonly #jobs = new Map<string, () => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;
  #stopped = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Does `job` soon, unless one with this key waits already. */
  add(key: string, job: () => void): void {
    if (this.#stopped || this.#jobs.has(key)) return;
    this.#jobs.set(key, job);
    this.#timer ??= setTimeout(() => this.#run(), 0);
  }
  /** Resolves when nothing is left to do; at once when there is nothing now. */
  idle(): Promise<void> {
    if (this.#jobs.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#jobs.clear();
    this.#settle();
  }

  #run(): void {
    this.#timer = undefined;
    let done = 0;
    for (const [key, job] of this.#jobs) {
      if (done === BATCH) break;
      done += 1;
      this.#jobs.delete(key);
      try {
        job();
      } catch (error) {
        this.#log.error("Follow-up work failed", { key, error });
      }
    }
    if (this.#jobs.size > 0) this.#timer ??= setTimeout(() => this.#run(), 0);
    else this.#settle();
  }
  #settle(): void {
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
