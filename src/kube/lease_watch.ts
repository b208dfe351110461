/** Lets a standby know at once that the lease it waits for has become free. */
import { endsBefore, startDeadline } from "../lib/abort.ts";
import type { Logger } from "../lib/logger.ts";
import { ObjectCache } from "./cache.ts";
import type { KubeClient } from "./client.ts";
import { listWatch, runReflector, withoutManagedFields } from "./reflector.ts";
import { LEASES } from "./resources.ts";
import type { Lease, ObjectKey } from "./types.ts";

export interface LeaseWatchOptions {
  readonly client: KubeClient;
  readonly lease: ObjectKey;
  readonly log: Logger;
}

/**
 * A watch of one lease, from the first wait on. It only shortens waits: whoever uses it looks at the
 * lease from time to time as well, for the watch may break, or not be allowed.
 */
export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  readonly #stopping = new AbortController();
  #following: Promise<void> | undefined;
  /** Seen since the last wait: it may have come while the lease was being read. */
  #isFreed = false;
  #wake = () => {};

  constructor(options: LeaseWatchOptions) {
    this.#options = options;
  }

  /** Resolves after `ms`; at once when the lease is given back or deleted, or `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#following ??= this.#follow(this.#options);
    const freed = Promise.withResolvers<void>();
    this.#wake = freed.resolve;
    const deadline = startDeadline(ms, signal);
    if (!this.#isFreed) await endsBefore(freed.promise, deadline.signal);
    deadline.clear();
    this.#isFreed = false;
  }

  /** Ends the watch, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  #follow({ client, lease: { namespace, name }, log }: LeaseWatchOptions): Promise<void> {
    const cache = new ObjectCache<Lease>();
    cache.subscribe(({ after }) => {
      if (after?.spec?.holderIdentity) return;
      this.#isFreed = true;
      this.#wake();
    });
    return runReflector({
      source: listWatch(client, LEASES, { namespace, fieldSelector: `metadata.name=${name}` }),
      cache,
      trim: withoutManagedFields,
      log,
      signal: this.#stopping.signal,
    });
  }
}
