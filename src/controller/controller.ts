/** Workers that take keys from a queue and bring each to its goal. */
import type { Logger } from "../lib/logger.ts";
import { traced } from "../lib/trace.ts";
import type { WorkQueue } from "./queue.ts";

/** One pass that has ended. */
export interface PassReport {
  readonly failed: boolean;
  readonly seconds: number;
}

export interface ControllerOptions {
  readonly queue: WorkQueue;
  /**
   * One pass over one key. What it throws is logged, and the key comes again after a back-off.
   *
   * @returns For how long the key is to rest after it, in ms.
   */
  readonly reconcile: (key: string) => Promise<number>;
  /** Keys worked on at once. */
  readonly workers: number;
  readonly log: Logger;
  readonly onPass?: (pass: PassReport) => void;
}

/** Works until the queue is closed and the last pass has ended. Never rejects. */
export async function runController(options: ControllerOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.workers }, () => runWorker(options)));
}

async function runWorker(
  { queue, reconcile, log, onPass = () => {} }: ControllerOptions,
): Promise<void> {
  for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
    const startedAt = performance.now();
    let failed = false;
    let restMs = 0;
    await traced("reconcile", { key }, async () => {
      try {
        restMs = await reconcile(key);
      } catch (error) {
        failed = true;
        log.warning("Could not reconcile; trying again", { error: String(error) });
      }
    });
    queue.done(key, failed, restMs);
    onPass({ failed, seconds: (performance.now() - startedAt) / 1000 });
  }
}
