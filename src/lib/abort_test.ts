import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { endsWithin, sleep, startDeadline } from "./abort.ts";

Deno.test("sleep() resolves when its time is over", async () => {
  const startedAt = performance.now();
  await sleep(15, new AbortController().signal);
  ok(performance.now() - startedAt >= 10);
});

Deno.test.each([
  { when: "the signal aborts meanwhile", before: false },
  { when: "the signal had aborted before", before: true },
])("sleep() resolves at once when $when, and leaves no timer", async ({ before }) => {
  const controller = new AbortController();
  if (before) controller.abort();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort();
  await sleeping; // The sanitizer would see a timer that is left.
});

Deno.test("sleep() takes its listener off the signal", async () => {
  const { signal } = new AbortController();
  const left = new Set<unknown>();
  signal.addEventListener = (_type: string, listener: unknown) => void left.add(listener);
  signal.removeEventListener = (_type: string, listener: unknown) => void left.delete(listener);
  await sleep(1, signal);
  strictEqual(left.size, 0);
});

Deno.test("startDeadline() aborts when the time is over, and says that it was the time", async () => {
  const deadline = startDeadline(5);
  await aborted(deadline.signal);
  deepStrictEqual(
    { expired: deadline.expired, name: deadline.signal.reason.name },
    { expired: true, name: "TimeoutError" },
  );
  deadline.clear();
});

Deno.test.each([
  { when: "aborts meanwhile", before: false },
  { when: "had aborted before", before: true },
])("startDeadline() ends with its parent that $when, for the parent's reason", ({ before }) => {
  const parent = new AbortController();
  const reason = new Error("enough");
  if (before) parent.abort(reason);
  const deadline = startDeadline(60_000, parent.signal);
  parent.abort(reason);
  deepStrictEqual(
    { expired: deadline.expired, reason: deadline.signal.reason },
    { expired: false, reason },
  );
  deadline.clear();
});

Deno.test("a deadline that is extended starts anew", async () => {
  const deadline = startDeadline(200);
  for (let i = 0; i < 6; i++) {
    await sleep(40);
    deadline.extend();
  }
  strictEqual(deadline.signal.aborted, false); // More than the limit has gone by.
  await aborted(deadline.signal);
  strictEqual(deadline.expired, true);
  deadline.clear();
});

Deno.test("a cleared deadline neither expires nor follows its parent", async () => {
  const parent = new AbortController();
  const deadline = startDeadline(5, parent.signal);
  deadline.clear();
  parent.abort();
  await sleep(10);
  deepStrictEqual(
    { aborted: deadline.signal.aborted, expired: deadline.expired },
    { aborted: false, expired: false },
  );
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

Deno.test("endsWithin() tells whether work ends in time, and leaves no timer", async () => {
  const never = new Promise<void>(() => {});
  strictEqual(await endsWithin(Promise.resolve(), 60_000), true);
  strictEqual(await endsWithin(never, 1), false);
  await rejects(endsWithin(Promise.reject(new RangeError("no")), 60_000), RangeError);
});
