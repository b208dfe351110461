/** Waiting that can be called off. */

/** Resolves after `ms`, or at once when `signal` aborts; never rejects and leaves no timer behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Waits for `work`, but at most `ms`; tells whether it has ended. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const enough = new AbortController();
  const late = sleep(ms, enough.signal).then(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    enough.abort();
  }
}

/** Waits for `work` until `signal` aborts; tells whether it has ended. Leaves no listener behind. */
export async function endsBefore(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const aborted = Promise.withResolvers<boolean>();
  const abort = () => aborted.resolve(false);
  if (signal.aborted) return false;
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work.then(() => true), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A time limit joined to a caller's signal. `clear()` must be called when the work has ended. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True once the limit, rather than the caller, ended it. */
  readonly expired: boolean;
  /** Starts the time anew: for limits on silence. */
  extend(): void;
  clear(): void;
}

/** Starts a time limit of `ms` that also ends when `parent` aborts. */
export function startDeadline(ms: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const expire = () => {
    expired = true;
    controller.abort(new DOMException(`No answer within ${ms} ms`, "TimeoutError"));
  };
  const follow = () => controller.abort(parent?.reason);
  let timer = setTimeout(expire, ms);
  if (parent?.aborted) follow();
  else parent?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    extend() {
      clearTimeout(timer);
      timer = setTimeout(expire, ms);
    },
    clear() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", follow);
    },
  };
}
