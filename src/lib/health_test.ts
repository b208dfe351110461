import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { answerHealth } from "./health.ts";

const CHECKS = [
  { name: "ping", failure: () => undefined },
  { name: "pods", failure: () => "the cache is not filled yet" },
];

async function ask(url: string, checks = CHECKS) {
  const answer = answerHealth(new URL(url, "http://h"), "/readyz", checks);
  return answer && [answer.status, await answer.text()];
}

Deno.test.each([
  {
    url: "/readyz",
    answer: [
      500,
      "[+]ping ok\n[-]pods failed: the cache is not filled yet\nreadyz check failed\n",
    ],
  },
  { url: "/readyz?exclude=pods", answer: [200, "ok"] },
  { url: "/readyz?exclude=pods&verbose", answer: [200, "[+]ping ok\nreadyz check passed\n"] },
  { url: "/readyz/ping", answer: [200, "ok"] },
  {
    url: "/readyz/pods",
    answer: [500, "[-]pods failed: the cache is not filled yet\nreadyz check failed\n"],
  },
  { url: "/readyz/jobs", answer: [404, 'no check is called "jobs"\n'] },
])("answerHealth() of $url", async ({ url, answer }) => {
  deepStrictEqual(await ask(url), answer);
});

Deno.test("answerHealth() has no answer to another path", async () => {
  strictEqual(await ask("/readyzz"), undefined);
  strictEqual(await ask("/healthz"), undefined);
});
