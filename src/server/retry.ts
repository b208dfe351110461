/** Writes that hold through short troubles of the API server. */
import { sleep } from "../lib/abort.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import { isPassing } from "./answers.ts";

export const RETRY: BackoffPolicy = { initialMs: 200, maxMs: 1600, factor: 2, jitter: 0.5 };
/** Tries of one write: about 5 s of an API server that is away. */
export const TRIES = 6;

/** Does `write` again while it fails with what passes. */
export async function retryPassing<T>(
  write: () => Promise<T>,
  signal: AbortSignal,
  isWorthIt: (error: unknown) => boolean = isPassing,
  maxTries = TRIES,
): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries >= maxTries || signal.aborted || !isWorthIt(error)) throw error;
      await sleep(backoffMs(RETRY, tries), signal);
    }
  }
}
