/** The rows of crash tables. */
import type { Fault } from "../support/fault_proxy.ts";

const FAULTS: readonly Fault[] = ["killBefore", "killAfter", "cutBefore", "cutAfter"];

export interface CrashRow {
  readonly fault: Fault;
  /** Number of the write that suffers it, from 1. */
  readonly at: number;
}

/** Every fault at each of `writes` writes. */
export function crashRows(writes: number): CrashRow[] {
  return FAULTS.flatMap((fault) =>
    Array.from({ length: writes }, (_, index) => ({ fault, at: index + 1 }))
  );
}

/** All rows, or `FAULT_SAMPLE` of them, spread over writes and faults alike. */
export function sample<T>(rows: readonly T[]): readonly T[] {
  const size = Math.min(rows.length, Number(Deno.env.get("FAULT_SAMPLE") ?? rows.length));
  // A stride that shares no factor with the length meets every row once before it meets one twice.
  const stride = [37, 41, 43].find((prime) => rows.length % prime !== 0) ?? 1;
  return Array.from({ length: size }, (_, index) => rows[(index * stride) % rows.length])
    .filter((row) => row !== undefined);
}
