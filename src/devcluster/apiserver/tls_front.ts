/**
 * The TLS side of the server: decrypts and hands the bytes to a plain listener on loopback.
 *
 * `Deno.serve` speaks TLS itself, but leaves Nagle's algorithm on: head and body of an answer go out
 * as two segments, and the second waits for a delayed acknowledgement, 40 ms for every answer above
 * some 500 bytes (measured on Deno 2.9.6; 23 pods a second instead of 3,000 for one client). The
 * sockets of `node:tls` can switch it off. HTTP/2 passes through: the plain listener knows its preface.
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { listenOn } from "../../lib/node_listen.ts";

export interface TlsFront {
  readonly port: number;
  /** Stops listening and ends all connections, once what waits in them is sent. */
  stop(): Promise<void>;
}

/**
 * Listens with TLS and relays every connection to its target.
 *
 * @throws {Deno.errors.AddrInUse} When another program has the address.
 * @throws {Error} When it cannot be listened on for another reason.
 */
export async function startTlsFront({ hostname, port, certPem, keyPem, targetOf }: {
  readonly hostname: string;
  readonly port: number;
  readonly certPem: string;
  readonly keyPem: string;
  /** Where a connection goes that starts with these bytes; undefined to be asked again with more. */
  readonly targetOf: (start: Uint8Array) => Deno.NetAddr | undefined;
}): Promise<TlsFront> {
  const open = new Set<Socket>();
  const server = createServer(
    { cert: certPem, key: keyPem, ALPNProtocols: ["h2", "http/1.1"] },
    (socket) => relay(socket, targetOf, open),
  );
  // A client that does not trust us, or speaks no TLS, is its own affair.
  server.on("tlsClientError", () => {});
  const ownPort = await listenOn(server, hostname, port);
  return {
    port: ownPort,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([...open].map(finish));
      await closed;
    },
  };
}

function relay(
  outer: TLSSocket,
  targetOf: (start: Uint8Array) => Deno.NetAddr | undefined,
  open: Set<Socket>,
): void {
  let start: Buffer = Buffer.alloc(0);
  const forget = () => open.delete(outer);
  const fail = () => outer.destroy();
  const look = (chunk: Buffer) => {
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    const target = targetOf(start);
    if (target === undefined) return;
    outer.off("data", look).off("error", fail).off("close", forget);
    const inner = connect(target.port, target.hostname);
    inner.write(start);
    join(outer, inner, open);
  };
  open.add(outer);
  outer.on("data", look).on("error", fail).on("close", forget);
}

function join(outer: Socket, inner: Socket, open: Set<Socket>): void {
  for (const [socket, other] of [[outer, inner], [inner, outer]] as const) {
    open.add(socket);
    socket.setNoDelay(true);
    socket.pipe(other);
    // Either end may be cut off at any time; then the other goes as well, with what was sent to it.
    socket.on("error", () => other.destroy());
    socket.on("close", () => {
      open.delete(socket);
      other.destroySoon();
    });
  }
}

/** How long a client may take to read what is left, in ms. */
const FINISH_LIMIT_MS = 500;

function finish(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    const timer = setTimeout(() => socket.destroy(), FINISH_LIMIT_MS);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.end(() => socket.destroy());
  });
}
