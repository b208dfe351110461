import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { mapLimited } from "./parallel.ts";

Deno.test("mapLimited() keeps the order of the items and the limit", async () => {
  let running = 0;
  let most = 0;
  const results = await mapLimited([3, 1, 2, 5, 4], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < item; turn++) await Promise.resolve();
    running--;
    return item * 10;
  });
  deepStrictEqual([results, most], [[30, 10, 20, 50, 40], 2]);
});

Deno.test("mapLimited() begins nothing after a failure and waits for what runs", async () => {
  const begun: number[] = [];
  const slow = Promise.withResolvers<void>();
  let slowEnded = false;
  const work = mapLimited([0, 1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 1) {
      queueMicrotask(slow.resolve);
      throw new RangeError("one");
    }
    await slow.promise;
    slowEnded = true;
  });
  await rejects(work, new RangeError("one"));
  deepStrictEqual(begun, [0, 1]);
  strictEqual(slowEnded, true);
});

Deno.test("mapLimited() of nothing is nothing", async () => {
  deepStrictEqual(await mapLimited([], 4, () => Promise.reject(new Error("called"))), []);
});
