import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { eventually } from "../../tests/support/eventually.ts";
import { ConnectionError, KubeClient } from "../kube/mod.ts";
import { endsWithin } from "../lib/abort.ts";
import { loggerOf } from "../lib/logger.ts";
import type { RequestReport } from "./routes.ts";
import { type ServerOptions, startServer } from "./start.ts";

/** A client whose API server is not there. */
function aLostClient(): KubeClient {
  return new KubeClient({ server: "http://127.0.0.1:1", namespace: "default" });
}

function optionsWith(client: KubeClient, more: Partial<ServerOptions> = {}): ServerOptions {
  return {
    client,
    bindAddress: "127.0.0.1:0",
    serverAddress: "di-server.di-system:8080",
    agconfig: { namespace: "di-system", name: "aggregator-config" },
    log: loggerOf("test"),
    ...more,
  };
}

Deno.test("startServer() serves without an API server, and is ready after a while", async () => {
  const client = aLostClient();
  const server = await startServer(optionsWith(client));
  try {
    const probe = async (path: string) => {
      const response = await fetch(server.url + path);
      await response.body?.cancel();
      return response.status;
    };
    deepStrictEqual([await probe("/healthz"), await probe("/readyz")], [200, 503]);
    const paths = ["?namespace=rl&coordinator=c", "?namespace=rl&name=pong", "?namespace=rl", ""];
    for (const path of paths) {
      const response = await fetch(`${server.url}/v1alpha1/replicas${path}`);
      deepStrictEqual([response.status, response.headers.get("retry-after")], [200, "2"]);
      const { success, code, data } = await response.json();
      deepStrictEqual({ success, code, data }, { success: false, code: 1, data: null });
    }
    await eventually("readiness", async () => await probe("/readyz") === 200);
  } finally {
    await server.stop();
    client.close();
  }
});

/** A client whose API server takes requests and never answers. */
class UnansweredClient extends KubeClient {
  override request<T>(
    _method: string,
    _path: string,
    { signal }: Parameters<KubeClient["request"]>[2],
  ): Promise<T> {
    return new Promise((_, reject) => {
      const fail = () => reject(new ConnectionError("got no answer", undefined));
      if (signal?.aborted) fail();
      signal?.addEventListener("abort", fail, { once: true });
    });
  }
}

Deno.test.each([
  { method: "GET", path: "?namespace=rl&coordinator=c" },
  { method: "POST", path: "" },
  { method: "DELETE", path: "" },
  { method: "POST", path: "/failed" },
])("a $method of replicas$path has a time limit, and a client survives it", async (row) => {
  const client = new UnansweredClient({ server: "http://127.0.0.1:1", namespace: "default" });
  const server = await startServer(optionsWith(client, { limits: { timeLimitMs: 100 } }));
  try {
    const { method, path } = row;
    const body = method === "GET" ? {} : { body: '{"namespace":"rl","coordinator":"c"}' };
    const request = new Request(`http://server/v1alpha1/replicas${path}`, { method, ...body });
    const answered = server.handle(request);
    strictEqual(await endsWithin(answered, 5000), true);
    const { status, headers } = await answered;
    deepStrictEqual([status, headers.get("retry-after")], [200, "2"]);
    strictEqual((await (await answered).json()).success, false);
  } finally {
    await server.stop();
    client.close();
  }
});

Deno.test("startServer() rejects with one line that names a port in use", async () => {
  const client = aLostClient();
  const first = await startServer(optionsWith(client));
  const bindAddress = new URL(first.url).host;
  try {
    await rejects(
      startServer(optionsWith(client, { bindAddress })),
      { message: `Cannot listen on "${bindAddress}": the address is in use` },
    );
  } finally {
    await first.stop();
    client.close();
  }
});

Deno.test("startServer() reports requests by path, and tells nothing of its inside", async () => {
  const client = aLostClient();
  const reports: Omit<RequestReport, "seconds">[] = [];
  const onRequest = ({ seconds: _, ...report }: RequestReport) => reports.push(report);
  const server = await startServer(optionsWith(client, { onRequest }));
  try {
    const replicas = "/v1alpha1/replicas";
    for (const path of ["/healthz", `${replicas}?ns=x`, replicas, "/secret/path"]) {
      await (await fetch(server.url + path)).body?.cancel();
    }
    deepStrictEqual(reports, [
      { method: "GET", path: "/healthz", code: 200, isDeferred: false },
      { method: "GET", path: replicas, code: 400, isDeferred: false },
      { method: "GET", path: replicas, code: 200, isDeferred: true },
      { method: "GET", path: "other", code: 404, isDeferred: false },
    ]);
  } finally {
    await server.stop();
    client.close();
  }
});

Deno.test("stop() may be called twice and frees the port", async () => {
  const client = aLostClient();
  const server = await startServer(optionsWith(client));
  await Promise.all([server.stop(), server.stop()]);
  const again = await startServer(optionsWith(client, { bindAddress: new URL(server.url).host }));
  strictEqual(again.url, server.url);
  await again.stop();
  client.close();
});
