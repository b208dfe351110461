import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { eventually } from "./eventually.ts";

Deno.test("eventually() returns the first truthy value", async () => {
  const values = [undefined, false, null, "third time"];
  const seen: unknown[] = [];
  const value = await eventually("a value", () => {
    seen.push(values[0]);
    return values.shift();
  }, { intervalMs: 1 });
  strictEqual(value, "third time");
  deepStrictEqual(seen, [undefined, false, null, "third time"]);
});

Deno.test("eventually() takes an error as not yet", async () => {
  let tries = 0;
  const value = await eventually("the second try", () => {
    if (++tries === 1) throw new Error("too early");
    return Promise.resolve(tries);
  }, { intervalMs: 1 });
  strictEqual(value, 2);
});

Deno.test("eventually() says what it waited for and the last error", async () => {
  const cause = new Error("pod is Pending");
  await rejects(
    eventually("the pod to run", () => Promise.reject(cause), { timeoutMs: 20, intervalMs: 5 }),
    { message: "Waited 20 ms for the pod to run; last error: pod is Pending", cause },
  );
});

Deno.test("eventually() says what it waited for and the last value", async () => {
  await rejects(
    eventually("a pod", () => undefined, { timeoutMs: 20, intervalMs: 5 }),
    { message: "Waited 20 ms for a pod; last value: undefined" },
  );
});

Deno.test("eventually() gives up on a check that hangs", async () => {
  const start = performance.now();
  await rejects(
    eventually("an answer", () => new Promise<boolean>(() => {}), { timeoutMs: 20 }),
    { message: "Waited 20 ms for an answer; the check has not answered" },
  );
  ok(performance.now() - start < 5_000);
});
