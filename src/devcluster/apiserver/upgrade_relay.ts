/**
 * The listener for connections that leave HTTP. `Deno.serve` gives no connection away, and its WebSockets
 * read on however much waits; here bytes are handed on as they come, and no faster than they are taken.
 */
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { drained } from "../../lib/drained.ts";
import { listenOn } from "../../lib/node_listen.ts";
import { rawAnswer } from "../../lib/raw_answer.ts";
import { errorResponse } from "./http/respond.ts";
import { authorityOf, type KubeletAccess, kubeletFailure } from "./kubelet_access.ts";
import { StreamResponse, type StreamTarget } from "./pod_streams.ts";

/** Headers that are between the client and this server alone. */
const OWN_HEADERS: ReadonlySet<string> = new Set(["authorization", "host"]);
const STREAM_PATH =
  /^[A-Z]+ \/api\/v1\/namespaces\/[^/ ?]+\/pods\/[^/ ?]+\/(exec|attach|portforward)[ ?]/;
/** A path of a stream is not longer than this. */
const START_LIMIT = 1024;

/**
 * Whether a connection that starts with these bytes is one for the relay; undefined when it takes more of
 * them to tell.
 */
export function wantsStream(start: Uint8Array): boolean | undefined {
  const text = new TextDecoder("latin1").decode(start.subarray(0, START_LIMIT));
  if (STREAM_PATH.test(text)) return true;
  return text.includes("\n") || start.length >= START_LIMIT ? false : undefined;
}

export interface UpgradeRelay {
  readonly address: Deno.NetAddr;
  /** Cuts all connections. */
  stop(): Promise<void>;
}

/** Listens on a loopback port. @param handle Says where a connection goes, or why nowhere. */
export async function startUpgradeRelay(
  handle: (request: Request) => Promise<Response>,
): Promise<UpgradeRelay> {
  const open = new Set<Duplex>();
  const tasks = new Set<Promise<void>>();
  const track = (task: Promise<void>) => {
    tasks.add(task);
    void task.finally(() => tasks.delete(task));
  };
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    open.add(socket);
    socket.on("error", () => {}); // "close" follows
    socket.once("close", () => open.delete(socket));
    track(relay(request, socket, head, handle));
  });
  server.on("request", (request, response) =>
    track((async () => {
      const answer = await handle(asRequest(request));
      response.writeHead(answer.status, [...answer.headers, ["connection", "close"]].flat());
      response.end(await answer.text());
    })()));
  const port = await listenOn(server, "127.0.0.1", 0);
  return {
    address: { transport: "tcp", hostname: "127.0.0.1", port },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await Promise.all(tasks);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function relay(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const answer = await handle(asRequest(request));
  if (answer instanceof StreamResponse) await handOn(request, socket, head, answer.target);
  else socket.end(await rawAnswer(answer));
}

/** Joins the client's connection with one to the kubelet; resolves when both are over. */
async function handOn(
  request: IncomingMessage,
  outer: Duplex,
  head: Buffer,
  { kubelet, path }: StreamTarget,
): Promise<void> {
  let inner: Deno.TlsConn;
  try {
    inner = await connectTo(kubelet);
  } catch (error) {
    const url = `https://${authorityOf(kubelet)}${path}`;
    outer.end(await rawAnswer(errorResponse(kubeletFailure(url, error))));
    return;
  }
  const gone = new Promise<void>((resolve) => {
    if (outer.destroyed) resolve();
    outer.once("close", () => resolve());
  });
  // Whoever reads or writes when it closes is told by an error.
  const closed = gone.then(() => inner.close());
  const text = headText(request, kubelet.authorization, authorityOf(kubelet), path);
  const input = passInput(outer, inner, [new TextEncoder().encode(text), head]);
  await passOutput(inner, outer);
  outer.end(() => outer.destroy());
  await Promise.all([input, closed]);
}

/** A TLS client of `node:tls` would read on however much waits; this one reads when it is asked. */
async function connectTo({ hostname, port, caPem }: KubeletAccess): Promise<Deno.TlsConn> {
  const plain = await Deno.connect({ hostname, port });
  plain.setNoDelay(true);
  const trust = caPem === undefined ? {} : { caCerts: [caPem] };
  const secure = await Deno.startTls(plain, { hostname, ...trust });
  try {
    await secure.handshake();
    return secure;
  } catch (error) {
    secure.close();
    throw error;
  }
}

async function passInput(
  outer: Duplex,
  inner: Deno.TlsConn,
  first: readonly Uint8Array[],
): Promise<void> {
  try {
    for (const bytes of first) await writeAll(inner, bytes);
    for await (const chunk of outer) await writeAll(inner, chunk);
  } catch {
    // One of the two is gone, and the other goes with it.
  }
  outer.destroy();
}

async function writeAll(inner: Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await inner.write(bytes.subarray(done));
}

async function passOutput(inner: Deno.TlsConn, outer: Duplex): Promise<void> {
  try {
    for (;;) {
      const chunk = new Uint8Array(64 * 1024);
      const count = await inner.read(chunk);
      if (count === null || outer.destroyed) return;
      if (!outer.write(chunk.subarray(0, count))) await drained(outer);
    }
  } catch {
    // One of the two is gone, and the other goes with it.
  }
}

/** The client's request as it goes to the kubelet. */
function headText(
  { method, rawHeaders }: IncomingMessage,
  authorization: string,
  host: string,
  path: string,
): string {
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${host}`, `authorization: ${authorization}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!OWN_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`);
  }
  return [...lines, "", ""].join("\r\n");
}

/** The head of a request alone: those here have no body that counts. */
function asRequest({ method = "GET", url = "/", headers }: IncomingMessage): Request {
  const rows = Object.entries(headers)
    .map(([name, value]): [string, string] => [name, String(value)]);
  return new Request(`http://${headers.host ?? "localhost"}${url}`, { method, headers: rows });
}
