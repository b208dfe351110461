import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { WorkQueue } from "./queue.ts";

const PROMPT = { initialMs: 1, maxMs: 4, factor: 2, jitter: 0 };

Deno.test("WorkQueue gives keys in the order they came, each once", async () => {
  const queue = new WorkQueue();
  for (const key of ["b", "a", "b", "c"]) queue.add(key);
  deepStrictEqual([await queue.next(), await queue.next(), await queue.next()], ["b", "a", "c"]);
  strictEqual(queue.size, 0);
});

Deno.test("WorkQueue gives a key added during its work again when the work is done", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.next();
  queue.add("a");
  queue.add("a");
  strictEqual(queue.size, 0);
  queue.done("a", false);
  strictEqual(queue.size, 1);
});

Deno.test("WorkQueue wakes a waiting worker", async () => {
  const queue = new WorkQueue();
  const next = queue.next();
  queue.add("a");
  strictEqual(await next, "a");
});

Deno.test("WorkQueue brings a failed key again after a back-off", async () => {
  const queue = new WorkQueue(PROMPT);
  queue.add("a");
  await queue.next();
  queue.done("a", true);
  strictEqual(queue.size, 0);
  strictEqual(await queue.next(), "a");
  queue.close();
});

Deno.test("WorkQueue lets a key wait that was added while its work failed", async () => {
  const queue = new WorkQueue({ ...PROMPT, initialMs: 60_000, maxMs: 60_000 });
  queue.add("a");
  await queue.next();
  queue.add("a");
  queue.done("a", true);
  strictEqual(queue.size, 0);
  queue.close();
});

Deno.test("WorkQueue gives a key that is to rest once when its rest is over, whoever adds it", async () => {
  const queue = new WorkQueue();
  queue.add("large");
  await queue.next();
  queue.add("large");
  const restsFrom = performance.now();
  queue.done("large", false, 50);
  queue.add("large");
  queue.addAfter("large", 1);
  queue.add("small");
  deepStrictEqual([await queue.next(), await queue.next()], ["small", "large"]);
  ok(performance.now() - restsFrom >= 50);
  strictEqual(queue.size, 0);
  queue.done("large", false);
  queue.add("large");
  strictEqual(queue.size, 1);
  queue.close();
});

Deno.test("WorkQueue gives a key after its rest that was to come much later", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.next();
  queue.addAfter("a", 60_000);
  queue.done("a", false, 5);
  queue.add("a");
  strictEqual(await queue.next(), "a");
  queue.close();
});

Deno.test("WorkQueue lets its workers go when it is closed, and takes nothing more", async () => {
  const queue = new WorkQueue();
  const next = queue.next();
  queue.addAfter("later", 60_000);
  queue.close();
  strictEqual(await next, undefined);
  queue.add("a");
  strictEqual(await queue.next(), undefined);
});

Deno.test("WorkQueue never has one key in two hands and loses none, in any order of calls", async () => {
  const step = fc.constantFrom<"add" | "take" | "done">("add", "take", "done");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.constantFrom("a", "b", "c"))), async (steps) => {
      const queue = new WorkQueue();
      const held: string[] = [];
      const owed = new Set<string>();
      for (const [what, key] of steps) {
        if (what === "add") {
          queue.add(key);
          owed.add(key);
        } else if (what === "take" && queue.size > 0) {
          const taken = await queue.next() ?? "";
          strictEqual(held.includes(taken), false);
          held.push(taken);
          owed.delete(taken);
        } else if (what === "done") {
          const last = held.pop();
          if (last !== undefined) queue.done(last, false);
        }
      }
      for (const key of held.splice(0)) queue.done(key, false);
      const rest: string[] = [];
      while (queue.size > 0) rest.push(await queue.next() ?? "");
      deepStrictEqual(rest.sort(), [...owed].sort());
    }),
  );
});
