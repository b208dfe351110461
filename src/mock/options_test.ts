import { deepStrictEqual, throws } from "node:assert/strict";
import { MockFailure } from "./failure.ts";
import {
  COORDINATOR_FLAGS,
  flagOf,
  parseCollectorOptions,
  parseCoordinatorOptions,
} from "./options.ts";

const POD = {
  KUBERNETES_SERVER_URL: "di-server.di-system:8080",
  KUBERNETES_POD_NAMESPACE: "rl",
  KUBERNETES_POD_NAME: "pong-coordinator",
  COORDINATOR_PORT: "22273",
};

Deno.test("parseCoordinatorOptions() needs no flag in a pod", () => {
  deepStrictEqual(parseCoordinatorOptions({}, POD), {
    serverUrl: "http://di-server.di-system:8080",
    port: 22273,
    namespace: "rl",
    name: "pong-coordinator",
    collectors: 2,
    learners: 2,
    steps: 400,
    paceMs: 100,
    pollIntervalMs: 500,
    connectTimeoutMs: 120_000,
    requestTimeoutMs: 30_000,
  });
});

Deno.test("parseCoordinatorOptions() takes flags before variables, and both forms of an address", () => {
  const options = parseCoordinatorOptions(
    { server: "http://localhost:8081/", steps: "12" },
    { ...POD, KUBERNETES_AGGREGATOR_URL: "pong-aggregator.rl:80" },
  );
  deepStrictEqual(
    { serverUrl: options.serverUrl, steps: options.steps, aggregator: options.aggregatorUrl },
    { serverUrl: "http://localhost:8081", steps: 12, aggregator: "pong-aggregator.rl:80" },
  );
});

Deno.test.each([
  {
    flags: { steps: "many" },
    env: POD,
    message: 'Cannot use --steps "many": want a whole number from 1 to 1000000000',
  },
  {
    flags: {},
    env: { ...POD, COORDINATOR_PORT: "70000" },
    message: 'Cannot use $COORDINATOR_PORT "70000": want a whole number from 1 to 65535',
  },
  {
    flags: { server: "https://x:1" },
    env: POD,
    message: 'Cannot use --server "https://x:1": want host:port or http://host:port',
  },
  {
    flags: {},
    env: { ...POD, KUBERNETES_SERVER_URL: "" },
    message: "Give --server or set $KUBERNETES_SERVER_URL: want host:port or http://host:port",
  },
])("parseCoordinatorOptions() refuses: $message", ({ flags, env, message }) => {
  throws(() => parseCoordinatorOptions(flags, env), new MockFailure("badOption", message));
});

Deno.test("parseCollectorOptions() knows its port from the pod", () => {
  deepStrictEqual(parseCollectorOptions({}, { COLLECTOR_PORT: "80" }), {
    port: 80,
    name: "collector",
  });
  throws(() => parseCollectorOptions({}, {}), /--port or set \$COLLECTOR_PORT/);
});

Deno.test("flagOf() spells flags as the command line does", () => {
  deepStrictEqual(COORDINATOR_FLAGS.map(flagOf).slice(-3), [
    "--poll-interval-ms",
    "--connect-timeout-ms",
    "--request-timeout-ms",
  ]);
});
