import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { aPod } from "../../tests/support/builders.ts";
import {
  kubeStatus,
  rawAnswer,
  type SeenRequest,
  withCuttingServer,
  withServer,
} from "../../tests/support/api_stub.ts";
import { startFaultProxy } from "../../tests/support/fault_proxy.ts";
import { KubeClient } from "./client.ts";
import { parseKubeconfig } from "./kubeconfig.ts";
import { listPath, objectPath } from "./paths.ts";
import { ApiError, ConnectionError } from "./errors.ts";
import { LEASES, NODES, PODS, type Resource } from "./resources.ts";
import type { KubeObject } from "./types.ts";

const KEY = { namespace: "rl", name: "pong" };

Deno.test.each<{ what: string; call: (client: KubeClient) => Promise<unknown>; seen: SeenRequest }>(
  [
    {
      what: "get",
      call: (client) => client.get(PODS, KEY),
      seen: { method: "GET", path: "/api/v1/namespaces/rl/pods/pong", type: null, body: undefined },
    },
    {
      what: "list",
      call: (client) =>
        client.list(PODS, {
          labelSelector: "a=b,c",
          limit: 5,
          continue: "p 2",
          resourceVersion: "0",
        }),
      seen: {
        method: "GET",
        path: "/api/v1/pods?labelSelector=a%3Db%2Cc&limit=5&continue=p+2&resourceVersion=0",
        type: null,
        body: undefined,
      },
    },
    {
      what: "create",
      call: (client) => client.create(LEASES, { metadata: KEY }),
      seen: {
        method: "POST",
        path: "/apis/coordination.k8s.io/v1/namespaces/rl/leases",
        type: "application/json",
        body: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: KEY },
      },
    },
    {
      what: "create of a subresource",
      call: (client) =>
        client.create<KubeObject>(PODS, { metadata: KEY }, { subresource: "binding" }),
      seen: {
        method: "POST",
        path: "/api/v1/namespaces/rl/pods/pong/binding",
        type: "application/json",
        body: { apiVersion: "v1", kind: "Pod", metadata: KEY },
      },
    },
    {
      what: "replace of a status, as a dry run",
      call: (client) =>
        client.replace(NODES, { metadata: { name: "n" } }, { subresource: "status", dryRun: true }),
      seen: {
        method: "PUT",
        path: "/api/v1/nodes/n/status?dryRun=All",
        type: "application/json",
        body: { apiVersion: "v1", kind: "Node", metadata: { name: "n" } },
      },
    },
    {
      what: "patch",
      call: (client) => client.patch(PODS, KEY, { metadata: { labels: null } }),
      seen: {
        method: "PATCH",
        path: "/api/v1/namespaces/rl/pods/pong",
        type: "application/merge-patch+json",
        body: { metadata: { labels: null } },
      },
    },
    {
      what: "server-side apply",
      call: (client) =>
        client.patch(PODS, KEY, {}, { type: "apply", fieldManager: "me", force: true }),
      seen: {
        method: "PATCH",
        path: "/api/v1/namespaces/rl/pods/pong?fieldManager=me&force=true",
        type: "application/apply-patch+yaml",
        body: {},
      },
    },
    {
      what: "delete",
      call: (client) =>
        client.delete(PODS, KEY, { preconditions: { uid: "u" }, gracePeriodSeconds: 0 }),
      seen: {
        method: "DELETE",
        path: "/api/v1/namespaces/rl/pods/pong",
        type: "application/json",
        body: {
          kind: "DeleteOptions",
          apiVersion: "v1",
          preconditions: { uid: "u" },
          gracePeriodSeconds: 0,
        },
      },
    },
  ],
)("KubeClient sends $what", async ({ call, seen }) => {
  await withServer(() => Response.json(aPod("pong")), async (client, all) => {
    deepStrictEqual(await call(client), aPod("pong"));
    deepStrictEqual(all, [seen]);
  });
});

Deno.test("KubeClient sends the token that holds at the moment", async () => {
  const tokens = ["first", "second"];
  const seen: (string | null)[] = [];
  await withServer(
    (request) => {
      seen.push(request.headers.get("authorization"));
      return Response.json(aPod("pong"));
    },
    async (client) => {
      await client.get(PODS, KEY);
      await client.get(PODS, KEY);
    },
    { token: () => tokens.shift() ?? "" },
  );
  deepStrictEqual(seen, ["Bearer first", "Bearer second"]);
});

Deno.test("KubeClient reports each request with its code, 0 when no answer came", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => kubeStatus(404, "NotFound"),
  );
  const reports: unknown[] = [];
  const client = new KubeClient(
    { server: `http://127.0.0.1:${server.addr.port}`, namespace: "default" },
    { onRequest: (report) => void reports.push(report) },
  );
  const host = `127.0.0.1:${server.addr.port}`;
  await rejects(client.get(PODS, KEY), ApiError);
  await server.shutdown();
  await rejects(client.delete(PODS, KEY), ConnectionError);
  client.close();
  deepStrictEqual(reports, [
    { method: "GET", code: 404, host },
    { method: "DELETE", code: 0, host },
  ]);
});

Deno.test("KubeClient with a limit sends no more requests than that", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json(aPod("pong")),
  );
  const client = new KubeClient(
    { server: `http://127.0.0.1:${server.addr.port}`, namespace: "default" },
    { limit: { perSecond: 20, burst: 2 } },
  );
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 5 }, () => client.get(PODS, KEY)));
  ok(performance.now() - startedAt >= 149, "three of five have waited for 50 ms each");
  client.close();
  await server.shutdown();
});

Deno.test.each<{ when: string; answer: () => Response; error: Record<string, unknown> }>([
  {
    when: "it is a Status",
    answer: () => kubeStatus(404, "NotFound"),
    error: { code: 404, reason: "NotFound", message: "it is NotFound", retryAfterMs: undefined },
  },
  {
    when: "it asks for patience",
    answer: () => kubeStatus(503, "ServiceUnavailable", { "retry-after": "2" }),
    error: {
      code: 503,
      reason: "ServiceUnavailable",
      message: "it is ServiceUnavailable",
      retryAfterMs: 2000,
    },
  },
  {
    when: "it is a proxy's text",
    answer: () => new Response("<h1>Bad Gateway</h1>\n", { status: 502 }),
    error: { code: 502, reason: "", message: "<h1>Bad Gateway</h1>", retryAfterMs: undefined },
  },
  {
    when: "it is JSON, but no Status",
    answer: () => Response.json({ oops: 1 }, { status: 500 }),
    error: { code: 500, reason: "", message: '{"oops":1}', retryAfterMs: undefined },
  },
  {
    when: "it is empty",
    answer: () => new Response(null, { status: 401 }),
    error: {
      code: 401,
      reason: "",
      message: "HTTP 401 for /api/v1/namespaces/rl/pods/pong",
      retryAfterMs: undefined,
    },
  },
])("KubeClient makes an ApiError of a refusal when $when", async ({ answer, error }) => {
  await withServer(answer, async (client, seen) => {
    await rejects(client.get(PODS, KEY), (caught: unknown) => {
      ok(caught instanceof ApiError);
      const { code, reason, message, retryAfterMs } = caught;
      deepStrictEqual({ code, reason, message, retryAfterMs }, error);
      strictEqual(caught.status?.message, reason === "" ? undefined : message);
      return true;
    });
    strictEqual(seen.length, 1); // A refusal other than 429 is final, for reads too.
  });
});

Deno.test.each([
  { method: "GET", call: (client: KubeClient) => client.get(PODS, KEY) },
  { method: "POST", call: (client: KubeClient) => client.create(PODS, aPod("pong")) },
])("KubeClient waits as a 429 asks, and sends $method again with its body", async ({ call }) => {
  await withServer(
    (_, count) =>
      count < 3
        ? kubeStatus(429, "TooManyRequests", { "retry-after": "0.02" })
        : Response.json(aPod("pong")),
    async (client, seen) => {
      const startedAt = performance.now();
      deepStrictEqual(await call(client), aPod("pong"));
      ok(performance.now() - startedAt >= 40 - 5);
      deepStrictEqual(seen, [seen[0], seen[0], seen[0]]);
    },
  );
});

Deno.test.each([
  { when: "says no time", headers: {} },
  { when: "asks for more than we wait", headers: { "retry-after": "11" } },
  { when: "gives a date", headers: { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" } },
])("KubeClient gives up at once when a 429 $when", async ({ headers }) => {
  await withServer(() => kubeStatus(429, "TooManyRequests", headers), async (client, seen) => {
    await rejects(client.get(PODS, KEY), { name: "ApiError", code: 429 });
    strictEqual(seen.length, 1);
  });
});

Deno.test("KubeClient gives up on a server that answers 429 for ever", async () => {
  const answer = () => kubeStatus(429, "TooManyRequests", { "retry-after": "0" });
  await withServer(answer, async (client, seen) => {
    await rejects(client.get(PODS, KEY), { name: "ApiError", code: 429 });
    strictEqual(seen.length, 6);
  });
});

Deno.test("KubeClient reads again, once, when the connection was cut", async () => {
  const answer = rawAnswer(JSON.stringify(aPod("pong")));
  await withCuttingServer([undefined, answer], async (client, requests) => {
    deepStrictEqual(await client.get(PODS, KEY), aPod("pong"));
    strictEqual(requests(), 2);
  });
});

Deno.test("KubeClient does not read a third time", async () => {
  await withCuttingServer([], async (client, requests) => {
    await rejects(client.get(PODS, KEY), ConnectionError);
    strictEqual(requests(), 2);
  });
});

const WRITES: readonly { method: string; call: (client: KubeClient) => Promise<unknown> }[] = [
  { method: "POST", call: (client) => client.create(PODS, aPod("pong")) },
  { method: "PUT", call: (client) => client.replace(PODS, aPod("pong")) },
  { method: "PATCH", call: (client) => client.patch(PODS, KEY, {}) },
  { method: "DELETE", call: (client) => client.delete(PODS, KEY) },
];

Deno.test.each(WRITES)(
  "KubeClient sends $method only once: it may have been done",
  async ({ method, call }) => {
    await withCuttingServer([], async (client, requests) => {
      await rejects(call(client), {
        name: "ConnectionError",
        message: new RegExp(`^${method} /api/v1/namespaces/rl/pods(/pong)? got no answer: `),
      });
      strictEqual(requests(), 1);
    });
  },
);

Deno.test.each(WRITES)(
  "KubeClient sends $method only once, also on a connection that it has used before",
  async ({ call }) => {
    await withServer(() => Response.json(aPod("pong")), async ({ config }, seen) => {
      const proxy = startFaultProxy(config);
      const client = new KubeClient(parseKubeconfig(proxy.kubeconfig, "proxy"));
      try {
        await client.get(PODS, KEY);
        proxy.arm(1, "cutAfter", () => {});
        await rejects(call(client), ConnectionError);
        strictEqual(seen.length, 2);
      } finally {
        client.close();
        await proxy.stop();
      }
    });
  },
);

Deno.test.each<{ what: string; call: (client: KubeClient) => Promise<unknown> }>([
  { what: "read", call: (client) => client.get(PODS, KEY, { timeoutMs: 20 }) },
  { what: "write", call: (client) => client.create(PODS, aPod("pong"), { timeoutMs: 20 }) },
])("KubeClient ends a $what that takes too long", async ({ call }) => {
  const release = Promise.withResolvers<void>();
  const silent = () => release.promise.then(() => new Response(null, { status: 500 }));
  await withServer(silent, async (client, seen) => {
    try {
      await rejects(call(client), { name: "ConnectionError", message: /No answer within 20 ms$/ });
      strictEqual(seen.length, 1);
    } finally {
      release.resolve();
    }
  });
});

Deno.test("KubeClient's time limit counts while the answer's body is on its way", async () => {
  const stop = Promise.withResolvers<void>();
  const body = () =>
    new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("{"));
        await stop.promise;
        controller.close();
      },
    });
  await withServer(() => new Response(body()), async (client) => {
    await rejects(client.get(PODS, KEY, { timeoutMs: 50 }), ConnectionError);
    stop.resolve();
  });
});

Deno.test("KubeClient ends a request that its caller calls off, also during the wait of a 429", async () => {
  const stop = new AbortController();
  await withServer(
    () => {
      stop.abort();
      return kubeStatus(429, "TooManyRequests", { "retry-after": "9" });
    },
    async (client) => {
      await rejects(client.get(PODS, KEY, { signal: stop.signal }), ConnectionError);
    },
  );
});

Deno.test("KubeClient says when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const client = new KubeClient({ server, namespace: "default" });
  await rejects(client.get(PODS, KEY), {
    name: "ConnectionError",
    message: /^GET \/api\/v1\/namespaces\/rl\/pods\/pong got no answer: /,
  });
  client.close();
});

Deno.test.each<{ resource: Resource<KubeObject>; namespace: string; path: string }>([
  { resource: PODS, namespace: "rl", path: "/api/v1/namespaces/rl/pods/a" },
  { resource: NODES, namespace: "", path: "/api/v1/nodes/a" },
  {
    resource: LEASES,
    namespace: "rl",
    path: "/apis/coordination.k8s.io/v1/namespaces/rl/leases/a",
  },
])("objectPath() of $path", ({ resource, namespace, path }) => {
  strictEqual(objectPath(resource, { namespace, name: "a" }), path);
  strictEqual(objectPath(resource, { namespace, name: "a" }, "status"), `${path}/status`);
});

Deno.test("paths let no name out of its place", () => {
  match(
    objectPath(PODS, { namespace: "a/b", name: "../c?d" }),
    /namespaces\/a%2Fb\/pods\/..%2Fc%3Fd$/,
  );
  strictEqual(listPath(PODS), "/api/v1/pods");
});
