/** Workers that take keys from a queue and bring each to its goal. */
import type { Logger } from "../lib/logger.ts";
import type { WorkQueue } from "./queue.ts";

export interface ControllerOptions {
  readonly queue: WorkQueue;
  /** One pass over one key. What it throws is logged, and the key comes again after a back-off. */
  readonly reconcile: (key: string) => Promise<void>;
  /** Keys worked on at once. */
  readonly workers: number;
  readonly log: Logger;
  /** Told of every pass, with its duration in s. */
  readonly onPass?: (pass: { readonly failed: boolean; readonly seconds: number }) => void;
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
    try {
      await reconcile(key);
    } catch (error) {
      failed = true;
      log.warning("Could not reconcile; trying again", { key, error: String(error) });
    }
    queue.done(key, failed);
    onPass({ failed, seconds: (performance.now() - startedAt) / 1000 });
  }
}
