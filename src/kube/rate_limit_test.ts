import { deepStrictEqual } from "node:assert/strict";
import { TokenBucket } from "./rate_limit.ts";

Deno.test("TokenBucket gives its burst at once, then one token after the other", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, () => now);
  deepStrictEqual([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [0, 0, 100, 200]);
  now = 200; // The four are paid for, and the bucket is empty.
  deepStrictEqual([bucket.take()], [100]);
});

Deno.test("TokenBucket fills up while nobody asks, and no further than its burst", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, () => now);
  bucket.take();
  now = 60_000;
  deepStrictEqual([bucket.take(), bucket.take()], [0, 1000]);
});
