import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { makeCertificate } from "../certificate.ts";
import { startApiServer } from "./mod.ts";
import { TestApi } from "./test_support.ts";

const aNode = (caPem: string, port: number) => ({
  metadata: { name: "n", annotations: { "kubelet.di-orchestrator/ca": btoa(caPem) } },
  status: {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  },
});

Deno.test("logs come from the kubelet of the pod's node", async () => {
  const { certPem, keyPem, caPem } = await makeCertificate("kubelet");
  const asked: string[] = [];
  const listen = { hostname: "127.0.0.1", port: 0, cert: certPem, key: keyPem, onListen() {} };
  const kubelet = Deno.serve(listen, (request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${pathname}${search} ${request.headers.get("authorization")}`);
    return new Response("one\ntwo\n");
  });
  const api = new TestApi();
  try {
    await api.call("POST", "/api/v1/nodes", aNode(caPem, kubelet.addr.port));
    const pods = "/api/v1/namespaces/default/pods";
    await api.call("POST", pods, {
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "x" }] },
    });
    strictEqual((await api.call("GET", `${pods}/p/log`)).code, 204);
    await api.call("POST", `${pods}/p/binding`, { metadata: { name: "p" }, target: { name: "n" } });
    const { code, body } = await api.call("GET", `${pods}/p/log?tailLines=5&follow=true`);
    deepStrictEqual([code, body.text], [200, "one\ntwo\n"]);
    deepStrictEqual(asked, [
      "/containerLogs/default/p/c?follow=true&tailLines=5 Bearer kubelet",
    ]);
  } finally {
    api.server.stop();
    await kubelet.shutdown();
  }
});

Deno.test("a client that hangs up ends the kubelet's stream", async () => {
  const { certPem, keyPem, caPem } = await makeCertificate("kubelet");
  const ended = Promise.withResolvers<void>();
  const listen = { hostname: "127.0.0.1", port: 0, cert: certPem, key: keyPem, onListen() {} };
  const kubelet = Deno.serve(listen, () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode("one\n")),
      cancel: () => ended.resolve(),
    });
    return new Response(body);
  });
  const api = await startApiServer();
  const client = Deno.createHttpClient({ caCerts: [api.caPem] });
  const headers = { authorization: `Bearer ${api.token}`, "content-type": "application/json" };
  const post = async (path: string, body: unknown) => {
    const request = { client, method: "POST", headers, body: JSON.stringify(body) };
    const answer = await fetch(`${api.url}${path}`, request);
    deepStrictEqual([answer.status, await answer.body?.cancel()], [201, undefined]);
  };
  try {
    await post("/api/v1/nodes", aNode(caPem, kubelet.addr.port));
    const pods = "/api/v1/namespaces/default/pods";
    await post(pods, {
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "x" }] },
    });
    await post(`${pods}/p/binding`, { metadata: { name: "p" }, target: { name: "n" } });
    const hangUp = new AbortController();
    const logs = await fetch(`${api.url}${pods}/p/log?follow=true`, {
      client,
      headers,
      signal: hangUp.signal,
    });
    const reader = logs.body?.getReader();
    strictEqual(new TextDecoder().decode((await reader?.read())?.value), "one\n");
    hangUp.abort();
    await ended.promise;
  } finally {
    client.close();
    await api.stop();
    await kubelet.shutdown();
  }
});
