import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ApiObject, JsonObject } from "../json.ts";
import { shortDuration } from "./age.ts";
import { findByPath } from "./json_path.ts";
import { podReady, podRestarts, podStatus } from "./pod_cells.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

Deno.test.each([
  { ms: 0, text: "0s" },
  { ms: 119 * SECOND, text: "119s" },
  { ms: 2 * MINUTE, text: "2m" },
  { ms: 9 * MINUTE + 5 * SECOND, text: "9m5s" },
  { ms: 179 * MINUTE, text: "179m" },
  { ms: 3 * HOUR + MINUTE, text: "3h1m" },
  { ms: 8 * HOUR + MINUTE, text: "8h" },
  { ms: 47 * HOUR, text: "47h" },
  { ms: 2 * DAY + 3 * HOUR, text: "2d3h" },
  { ms: 400 * DAY, text: "400d" },
  { ms: 800 * DAY, text: "2y70d" },
  { ms: -5 * SECOND, text: "<invalid>" },
])("shortDuration() of $ms ms is $text", ({ ms, text }) => {
  strictEqual(shortDuration(ms), text);
});

const pod = (status: JsonObject, more: JsonObject = {}): ApiObject => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "p", ...more },
  spec: { containers: [{ name: "c" }], initContainers: [{ name: "i" }] },
  status,
});
const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };

Deno.test.each<{ status: JsonObject; more?: JsonObject; word: string }>([
  { status: { phase: "Pending" }, word: "Pending" },
  {
    status: { phase: "Running", containerStatuses: [{ ready: true, state: running }] },
    word: "Running",
  },
  {
    status: {
      phase: "Pending",
      containerStatuses: [{ state: { waiting: { reason: "ContainerCreating" } } }],
    },
    word: "ContainerCreating",
  },
  {
    status: {
      phase: "Succeeded",
      containerStatuses: [{ state: { terminated: { reason: "Completed", exitCode: 0 } } }],
    },
    word: "Completed",
  },
  {
    status: { phase: "Failed", containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] },
    word: "ExitCode:3",
  },
  {
    status: { phase: "Pending", initContainerStatuses: [{ state: running }] },
    word: "Init:0/1",
  },
  {
    status: {
      phase: "Pending",
      initContainerStatuses: [{ state: { waiting: { reason: "CrashLoopBackOff" } } }],
    },
    word: "Init:CrashLoopBackOff",
  },
  {
    status: { phase: "Running", containerStatuses: [{ ready: true, state: running }] },
    more: { deletionTimestamp: "2026-01-01T00:00:00Z" },
    word: "Terminating",
  },
])("podStatus() says $word", ({ status, more, word }) => {
  strictEqual(podStatus(pod(status, more)), word);
});

Deno.test("podReady() and podRestarts() count containers", () => {
  const finishedAt = "2026-01-01T00:00:00Z";
  const object = pod({
    containerStatuses: [{
      ready: true,
      state: running,
      restartCount: 2,
      lastState: { terminated: { finishedAt } },
    }],
  });
  strictEqual(podReady(object), "1/1");
  strictEqual(podRestarts(object, Date.parse(finishedAt) + 5 * MINUTE), "2 (5m ago)");
});

Deno.test.each([
  { path: ".spec.n", values: [3] },
  { path: ".spec['n']", values: [3] },
  { path: ".list[1].k", values: ["b"] },
  { path: ".list[*].k", values: ["a", "b"] },
  { path: '.list[?(@.k=="b")].v', values: [2] },
  { path: ".labels.a\\.b/c", values: [] },
  { path: ".nothing.here", values: [] },
])("findByPath() of $path", ({ path, values }) => {
  const root = { spec: { n: 3 }, list: [{ k: "a", v: 1 }, { k: "b", v: 2 }] };
  deepStrictEqual(findByPath(root, path), values);
});
