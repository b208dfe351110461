import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { backoffMs } from "./backoff.ts";

const POLICY = { initialMs: 100, maxMs: 1000, factor: 2, jitter: 0.5 };

Deno.test.each([
  { failures: 1, chance: 0, ms: 100 },
  { failures: 2, chance: 0, ms: 200 },
  { failures: 4, chance: 0, ms: 800 },
  { failures: 5, chance: 0, ms: 1000 },
  { failures: 5000, chance: 0, ms: 1000 },
  { failures: 1, chance: 0.5, ms: 125 },
  { failures: 5, chance: 1, ms: 1500 },
])("backoffMs() after $failures failures with chance $chance is $ms ms", (row) => {
  strictEqual(backoffMs(POLICY, row.failures, () => row.chance), row.ms);
});

Deno.test("backoffMs() never waits less than the first wait, nor more than the last with its jitter", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, chance) => {
      const ms = backoffMs(POLICY, n, () => chance);
      ok(ms >= 100 && ms <= 1500, `${ms}`);
    }),
  );
});
