/** A forward proxy on the loopback address that knows the services of the cluster. */
import type { Logger } from "../../lib/logger.ts";
import {
  headBytes,
  headerOf,
  HeadReader,
  type HttpHead,
  HttpHeadError,
  withoutHeaders,
} from "./http_head.ts";
import { joinBytes } from "./log_file.ts";
import { type Resolution, splitAddress } from "./names.ts";
import { HOST_IP } from "./pod_status.ts";

export interface ProxyOptions {
  readonly resolve: (host: string, port: number) => Resolution;
  readonly log: Logger;
}

/** Nobody waits longer for a connection. */
const CONNECT_LIMIT_MS = 10_000;
/** How long a client may take to close after its answer before the connection is cut. */
const LINGER_MS = 1000;
/** Headers between two neighbours, which are not passed on. */
const HOP_HEADERS = ["connection", "proxy-connection", "keep-alive", "proxy-authorization"];

/** The proxy's own refusal. */
class ProxyError extends Error {
  constructor(readonly status: "400 Bad Request" | "502 Bad Gateway", message: string) {
    super(message);
  }
}

/** Starts the proxy on a free port. */
export function startProxy(
  options: ProxyOptions,
): { readonly port: number; stop(): Promise<void> } {
  const listener = Deno.listen({ hostname: HOST_IP, port: 0 });
  const open = new Set<Deno.Conn>();
  const served = serve(listener, open, options);
  return {
    port: listener.addr.port,
    async stop() {
      listener.close();
      for (const connection of open) closeQuietly(connection);
      await served;
    },
  };
}

async function serve(
  listener: Deno.TcpListener,
  open: Set<Deno.Conn>,
  options: ProxyOptions,
): Promise<void> {
  const tasks = new Set<Promise<void>>();
  for await (const client of listener) {
    open.add(client);
    const task = serveClient(client, open, options).finally(() => {
      closeQuietly(client);
      open.delete(client);
      tasks.delete(task);
    });
    tasks.add(task);
  }
  await Promise.allSettled(tasks);
}

/** One request for each connection: every answer says that it closes, so that none needs counting. */
async function serveClient(
  client: Deno.TcpConn,
  open: Set<Deno.Conn>,
  { resolve, log }: ProxyOptions,
): Promise<void> {
  const reader = new HeadReader(client);
  let upstream: Deno.TcpConn | undefined;
  try {
    const head = await reader.read();
    if (head === undefined) return;
    const request = parseRequest(head);
    upstream = await connect(request.host, request.port, resolve);
    open.add(upstream);
    if (request.forwarded === undefined) {
      await writeAll(
        client,
        new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n"),
      );
      await writeAll(upstream, reader.takeRest());
      await Promise.all([copy(client, upstream), copy(upstream, client)]);
    } else {
      await writeAll(upstream, headBytes(request.forwarded));
      await writeAll(upstream, reader.takeRest());
      await exchange(client, upstream);
    }
  } catch (error) {
    if (error instanceof ProxyError || error instanceof HttpHeadError) {
      await refuse(client, error).catch(() => {});
      await linger(client, discard(client));
    } else log.debug("Proxied connection broke", { error: String(error) });
  } finally {
    if (upstream !== undefined) {
      closeQuietly(upstream);
      open.delete(upstream);
    }
  }
}

/** Sends the rest of the request while the answer comes back, and sees that the client has all of it. */
async function exchange(client: Deno.TcpConn, upstream: Deno.TcpConn): Promise<void> {
  const sent = sendBody(client, upstream);
  try {
    await passAnswer(upstream, client);
  } catch (error) {
    if (error instanceof ProxyError) await refuse(client, error).catch(() => {});
    else closeQuietly(client);
  }
  closeQuietly(upstream);
  await linger(client, sent);
}

/** A target that answers before it has read everything does not end the exchange. */
async function sendBody(client: Deno.TcpConn, upstream: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  let isRead = true;
  try {
    for (;;) {
      const count = await client.read(buffer);
      if (count === null) break;
      if (isRead) isRead = await writeAll(upstream, buffer.subarray(0, count)).then(yes, no);
    }
    if (isRead) await upstream.closeWrite();
  } catch {
    // The client has gone, and takes no answer.
    closeQuietly(upstream);
  }
}

function yes(): boolean {
  return true;
}

function no(): boolean {
  return false;
}

/** Closed with unread data the connection would be reset, and the end of the answer lost with it. */
async function linger(client: Deno.TcpConn, reading: Promise<void>): Promise<void> {
  const limit = setTimeout(() => closeQuietly(client), LINGER_MS);
  await reading;
  clearTimeout(limit);
}

async function discard(client: Deno.TcpConn): Promise<void> {
  const scrap = new Uint8Array(16 * 1024);
  while (await client.read(scrap).catch(() => null) !== null);
}

interface ProxyRequest {
  readonly host: string;
  readonly port: number;
  /** The head as the target gets it; undefined for a tunnel. */
  readonly forwarded: HttpHead | undefined;
}

/** @throws {ProxyError} If it is no request to a proxy. */
function parseRequest(head: HttpHead): ProxyRequest {
  const [method = "", target = "", version = ""] = head.startLine.split(" ");
  if (!/^HTTP\/1\.[01]$/.test(version)) {
    throw new ProxyError("400 Bad Request", "This is no HTTP/1 request");
  }
  if (method === "CONNECT") {
    const { host, port } = splitAddress(target);
    if (!(port > 0)) throw new ProxyError("400 Bad Request", `Cannot connect to "${target}"`);
    return { host, port, forwarded: undefined };
  }
  const url = URL.parse(target);
  if (url?.protocol !== "http:") {
    throw new ProxyError("400 Bad Request", "This is a proxy: send it a whole http:// address");
  }
  const path = target.slice(target.indexOf("/", "http://".length));
  const upgrade = headerOf(head, "upgrade");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 80),
    forwarded: {
      startLine: `${method} ${path.startsWith("/") ? path : `/${url.search}`} ${version}`,
      headers: [
        ...withoutHeaders(head.headers, HOP_HEADERS),
        ["Connection", upgrade === undefined ? "close" : "Upgrade"],
      ],
    },
  };
}

async function connect(
  host: string,
  port: number,
  resolve: ProxyOptions["resolve"],
): Promise<Deno.TcpConn> {
  const resolution = resolve(host, port);
  if (resolution.kind === "refused") {
    throw new ProxyError("502 Bad Gateway", `Cannot reach ${host}:${port}: ${resolution.message}`);
  }
  const target = resolution.kind === "found" ? resolution : { host, port };
  try {
    return await Deno.connect({
      hostname: target.host,
      port: target.port,
      signal: AbortSignal.timeout(CONNECT_LIMIT_MS),
    });
  } catch (error) {
    const found = resolution.kind === "found" ? ` (${target.host}:${target.port})` : "";
    const why = error instanceof Error ? error.message : String(error);
    throw new ProxyError("502 Bad Gateway", `Cannot reach ${host}:${port}${found}: ${why}`);
  }
}

/** Passes the answer on, and says in its head that the connection ends with it. */
async function passAnswer(upstream: Deno.TcpConn, client: Deno.TcpConn): Promise<void> {
  const reader = new HeadReader(upstream);
  for (;;) {
    let head: HttpHead | undefined;
    try {
      head = await reader.read();
    } catch (error) {
      if (!(error instanceof HttpHeadError)) throw error;
      throw new ProxyError("502 Bad Gateway", `The answer is no HTTP: ${error.message}`);
    }
    if (head === undefined) {
      throw new ProxyError("502 Bad Gateway", "The connection was closed before an answer came");
    }
    const status = Number(head.startLine.split(" ")[1]);
    // An interim answer is followed by the real one; 101 is the last head of its connection.
    if (status === 101 || status < 200) await writeAll(client, headBytes(head));
    else {
      const headers = withoutHeaders(head.headers, HOP_HEADERS);
      await writeAll(
        client,
        headBytes({ ...head, headers: [...headers, ["Connection", "close"]] }),
      );
    }
    if (status === 101 || status >= 200) break;
  }
  await writeAll(client, reader.takeRest());
  await copy(upstream, client);
}

async function refuse(client: Deno.TcpConn, error: ProxyError | HttpHeadError): Promise<void> {
  const status = error instanceof ProxyError ? error.status : "400 Bad Request";
  const body = new TextEncoder().encode(`${error.message}\n`);
  const head = headBytes({
    startLine: `HTTP/1.1 ${status}`,
    headers: [
      ["Content-Type", "text/plain; charset=utf-8"],
      ["Content-Length", String(body.length)],
      ["Connection", "close"],
    ],
  });
  await writeAll(client, joinBytes([head, body]));
  await client.closeWrite();
}

/** Copies until the source ends, then says so to the target. */
async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      await writeAll(to, buffer.subarray(0, count));
    }
    await to.closeWrite();
  } catch {
    // One side is gone: the other has nothing to wait for.
    closeQuietly(from);
    closeQuietly(to);
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}
