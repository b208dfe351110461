/** Waiting for a node stream to take more. */
import type { Writable } from "node:stream";

/** Resolves when what was written has gone out after `write()` gave false, or never will. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.once("drain", done);
    stream.once("close", done);
  });
}
