import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { loggerOf } from "../../lib/logger.ts";
import type { Resolution } from "./names.ts";
import { startProxy } from "./proxy.ts";

interface Rig {
  /** Sends by the proxy. */
  send(url: string, init?: RequestInit): Promise<Response>;
  readonly proxyPort: number;
  readonly targetPort: number;
}

/** Runs `use` with a proxy that leads `echo.rl` to `handler`, and `dead.rl` to where nobody listens. */
async function withProxy(
  handler: (request: Request) => Response | Promise<Response>,
  use: (rig: Rig) => Promise<void>,
): Promise<void> {
  const target = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  const dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  dead.close();
  const resolve = (host: string): Resolution =>
    host === "echo.rl"
      ? { kind: "found", host: "127.0.0.1", port: target.addr.port }
      : host === "dead.rl"
      ? { kind: "found", host: "127.0.0.1", port: dead.addr.port }
      : host === "none.rl"
      ? { kind: "refused", message: 'there is no service "none.rl" in this cluster' }
      : { kind: "external" };
  const proxy = startProxy({ resolve, log: loggerOf("test") });
  const client = Deno.createHttpClient({ proxy: { url: `http://127.0.0.1:${proxy.port}` } });
  try {
    await use({
      send: (url, init) => fetch(url, { ...init, client }),
      proxyPort: proxy.port,
      targetPort: target.addr.port,
    });
  } finally {
    client.close();
    await proxy.stop();
    await target.shutdown();
  }
}

async function echo(request: Request): Promise<Response> {
  const { pathname, search, host } = new URL(request.url);
  const body = await request.text();
  return Response.json({ method: request.method, path: pathname + search, host, body }, {
    status: 201,
    headers: { "x-kept": request.headers.get("x-sent") ?? "" },
  });
}

function echoLength(request: Request): Response {
  return new Response(request.headers.get("content-length"));
}

Deno.test.each([
  { method: "GET", body: null },
  { method: "POST", body: "x".repeat(3_000_000) },
  { method: "DELETE", body: "{}" },
])("the proxy passes on $method", ({ method, body }) =>
  withProxy(echo, async ({ send }) => {
    const headers = { "x-sent": "yes" };
    const response = await send("http://echo.rl:22271/a/b?c=d", { method, body, headers });
    const answer = await response.json();
    deepStrictEqual([response.status, response.headers.get("x-kept"), answer], [
      201,
      "yes",
      { method, path: "/a/b?c=d", host: "echo.rl:22271", body: body ?? "" },
    ]);
  }));

Deno.test("the proxy takes a GET with a body", () =>
  withProxy(echoLength, async ({ proxyPort }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: proxyPort });
    const request = "GET http://echo.rl/q HTTP/1.1\r\nHost: echo.rl\r\nContent-Length: 2\r\n\r\n{}";
    await connection.write(new TextEncoder().encode(request));
    const answer = await new Response(connection.readable).text();
    strictEqual(answer.split("\r\n\r\n")[1], "2");
    strictEqual(/\r\nconnection: close\r\n/i.test(answer), true, answer);
  }));

Deno.test("the proxy hands on an answer as it comes", () => {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (one) => void (controller = one) });
  const encoder = new TextEncoder();
  return withProxy(() => new Response(body), async ({ send }) => {
    const response = await send("http://echo.rl/");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    controller?.enqueue(encoder.encode("first"));
    deepStrictEqual(await reader?.read(), { value: "first", done: false });
    controller?.enqueue(encoder.encode("second"));
    deepStrictEqual(await reader?.read(), { value: "second", done: false });
    controller?.close();
    strictEqual((await reader?.read())?.done, true);
  });
});

Deno.test.each([
  {
    what: "an unknown service",
    url: "http://none.rl/",
    text: 'Cannot reach none.rl:80: there is no service "none.rl" in this cluster\n',
  },
  { what: "a service that does not listen", url: "http://dead.rl:81/", text: undefined },
])(
  "the proxy answers 502 for $what, also to a large body",
  ({ url, text }) =>
    withProxy(echo, async ({ send }) => {
      const response = await send(url, { method: "POST", body: "x".repeat(500_000) });
      strictEqual(response.status, 502);
      const answer = await response.text();
      if (text !== undefined) strictEqual(answer, text);
      else strictEqual(answer.startsWith("Cannot reach dead.rl:81 (127.0.0.1:"), true, answer);
    }),
);

Deno.test("the proxy leaves other hosts alone", () =>
  withProxy(echo, async ({ send, targetPort }) => {
    const response = await send(`http://localhost:${targetPort}/`);
    deepStrictEqual((await response.json()).host, `localhost:${targetPort}`);
  }));

Deno.test("the proxy tunnels", () =>
  withProxy(echo, async ({ proxyPort }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: proxyPort });
    const writer = connection.writable.getWriter();
    const encoder = new TextEncoder();
    await writer.write(encoder.encode("CONNECT echo.rl:443 HTTP/1.1\r\nHost: echo.rl:443\r\n\r\n"));
    await writer.write(encoder.encode("GET /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const answer = await new Response(connection.readable).text();
    strictEqual(answer.startsWith("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 201"), true);
    strictEqual(answer.includes('"path":"/t"'), true, answer);
  }));

Deno.test.each([
  { what: "a request that is not for a proxy", text: "GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
  { what: "what is no HTTP", text: "hello\r\n\r\n" },
  { what: "a broken header", text: "GET http://echo.rl/ HTTP/1.1\r\nnonsense\r\n\r\n" },
])("the proxy answers 400 to $what", ({ text }) =>
  withProxy(echo, async ({ proxyPort }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: proxyPort });
    await connection.write(new TextEncoder().encode(text));
    const answer = await new Response(connection.readable).text();
    strictEqual(answer.split("\r\n")[0], "HTTP/1.1 400 Bad Request");
  }));
