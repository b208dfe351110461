import { deepStrictEqual, throws } from "node:assert/strict";
import { AllocationError } from "../allocation/mod.ts";
import { buildSchemas, parseBody, parseQuery } from "./requests.ts";

const { scale, failed } = buildSchemas(100);
const nothing = { replicas: 0, gpus: 0, resources: {} };

Deno.test.each([
  {
    when: "only the place is given",
    body: { namespace: "rl", coordinator: "c" },
    collectors: nothing,
    learners: nothing,
  },
  {
    when: "parts are null",
    body: {
      namespace: "rl",
      coordinator: "c",
      collectors: null,
      learners: { replicas: null, cpus: null },
    },
    collectors: nothing,
    learners: nothing,
  },
  {
    when: "keys are in any case, and some are unknown",
    body: { NameSpace: "rl", COORDINATOR: "c", Collectors: { Replicas: 2, cpus: 1 }, more: [] },
    collectors: { replicas: 2, gpus: 0, resources: { cpu: "1" } },
    learners: nothing,
  },
  {
    when: "quantities are text or numbers",
    body: {
      namespace: "rl",
      coordinator: "c",
      collectors: { replicas: 100, cpus: "500m", memory: 1024 },
      learners: { replicas: 1, cpus: 0.5, memory: "1Gi", gpus: "1500m" },
    },
    collectors: { replicas: 100, gpus: 0, resources: { cpu: "500m", memory: "1024" } },
    learners: {
      replicas: 1,
      gpus: 2,
      resources: { cpu: "0.5", memory: "1Gi", "nvidia.com/gpu": "2" },
    },
  },
  {
    when: "quantities are zero",
    body: {
      namespace: "rl",
      coordinator: "c",
      learners: { replicas: 1, cpus: 0, memory: "0Gi", gpus: "0" },
    },
    collectors: nothing,
    learners: { replicas: 1, gpus: 0, resources: {} },
  },
])("parseBody() of a scale request when $when", ({ body, collectors, learners }) => {
  deepStrictEqual(
    parseBody(scale, JSON.stringify(body)),
    { namespace: "rl", coordinator: "c", collectors, learners },
  );
});

Deno.test("parseBody() of failed replicas drops duplicates and keeps the order", () => {
  const body = { namespace: "rl", coordinator: "c", collectors: ["b", "a", "b"], Learners: null };
  deepStrictEqual(
    parseBody(failed, JSON.stringify(body)),
    { namespace: "rl", coordinator: "c", collectors: ["b", "a"], learners: [] },
  );
});

const place = '"namespace":"rl","coordinator":"c"';
Deno.test.each([
  { text: "", reason: "EOF" },
  { text: "{", reason: "unexpected EOF" },
  { text: "[]", reason: "a request must be a JSON object, not []" },
  { text: "{}", reason: "namespace is required" },
  { text: "null", reason: "namespace is required" },
  { text: '{"namespace":""}', reason: 'namespace is required, found ""' },
  { text: '{"namespace":"rl"}', reason: "coordinator is required" },
  { text: '{"namespace":"rl","coordinator":7}', reason: "coordinator is required, found 7" },
  { text: `{${place},"collectors":3}`, reason: "collectors must be a JSON object, found 3" },
  {
    text: `{${place},"collectors":{"replicas":-1}}`,
    reason: "collectors.replicas must be a whole number from 0 to 100, found -1",
  },
  {
    text: `{${place},"learners":{"replicas":101}}`,
    reason: "learners.replicas must be a whole number from 0 to 100, found 101",
  },
  {
    text: `{${place},"learners":{"replicas":1.5}}`,
    reason: "learners.replicas must be a whole number from 0 to 100, found 1.5",
  },
  {
    text: `{${place},"learners":{"replicas":"1"}}`,
    reason: 'learners.replicas must be a whole number from 0 to 100, found "1"',
  },
  {
    text: `{${place},"learners":{"cpus":"-1"}}`,
    reason: 'learners.cpus must not be negative, found "-1"',
  },
  {
    text: `{${place},"learners":{"memory":"1Q"}}`,
    reason: `learners.memory: unable to parse quantity's suffix, found "1Q"`,
  },
  {
    text: `{${place},"learners":{"gpus":true}}`,
    reason: "learners.gpus must be a quantity, found true",
  },
])("parseBody() refuses $text", ({ text, reason }) => {
  throws(
    () => parseBody(scale, text),
    new AllocationError("badRequest", `failed to decode request body: ${reason}`),
  );
});

Deno.test.each([
  { list: "a", reason: 'collectors must be a list of pod names, found "a"' },
  { list: [""], reason: 'collectors.0 must be a pod name, found ""' },
  { list: [7], reason: "collectors.0 must be a pod name, found 7" },
])("parseBody() refuses $list for failed replicas", ({ list, reason }) => {
  const body = { namespace: "rl", coordinator: "c", collectors: list };
  throws(
    () => parseBody(failed, JSON.stringify(body)),
    new AllocationError("badRequest", `failed to decode request body: ${reason}`),
  );
});

Deno.test.each([
  { query: "", expected: { kind: "all" } },
  { query: "namespace=", expected: { kind: "all" } },
  { query: "namespace=rl", expected: { kind: "namespace", namespace: "rl" } },
  { query: "Namespace=rl&namespace=x", expected: { kind: "namespace", namespace: "rl" } },
  {
    query: "namespace=rl&COORDINATOR=c&aggregator=a",
    expected: { kind: "coordinator", namespace: "rl", name: "c" },
  },
  {
    query: "namespace=rl&aggregator=a",
    expected: { kind: "aggregator", namespace: "rl", name: "a" },
  },
  {
    query: "namespace=rl&coordinator=c&name=pong",
    expected: { kind: "job", namespace: "rl", name: "pong" },
  },
])("parseQuery() reads '$query'", ({ query, expected }) => {
  deepStrictEqual(parseQuery(new URLSearchParams(query)) as unknown, expected);
});

Deno.test.each([
  { query: "namespace=rl&nS=x", message: "request param nS is not supported" },
  { query: "name=pong", message: "request param namespace is required with name" },
  {
    query: "namespace=&coordinator=c",
    message: "request param namespace is required with coordinator",
  },
  { query: "namespace=rl&coordinator=", message: "request param coordinator is required" },
])("parseQuery() refuses '$query'", ({ query, message }) => {
  throws(() => parseQuery(new URLSearchParams(query)), new AllocationError("badRequest", message));
});
