/** Plain HTTP listeners, addressed as Go programs write it: `:8080`, `127.0.0.1:0`, `[::1]:80`. */

import { endsWithin } from "./abort.ts";

/** An address that cannot be listened on. The message is one line and names it. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export interface BindAddress {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface Listener {
  /** `http://127.0.0.1:8080`; a listener on all addresses is named by the loopback one. */
  readonly url: string;
  readonly port: number;
  /** Takes no new connections and resolves when the requests at work have been answered. */
  stop(): Promise<void>;
  /**
   * As `stop()`, but with a limit: close to `limitMs` it calls `cutShort`, and then closes the
   * connections of the requests that are still at work.
   */
  drain(limitMs: number, cutShort: () => void): Promise<void>;
}

/** Every address of the machine, of IPv6 and of IPv4. */
const ANY_IPV6 = "::";
/** Every address of a machine without IPv6. */
const ANY_IPV4 = "0.0.0.0";
/** Kept of the time for draining for requests that were cut short to answer, in ms. */
const LAST_WORDS_MS = 500;

/**
 * Reads `host:port`. An empty host means all addresses.
 *
 * @throws {ListenError} If it is not of that form, or the port is not between 0 and 65535.
 */
export function parseBindAddress(text: string): BindAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new ListenError(
      `Cannot listen on "${text}": expected HOST:PORT or :PORT with a port between 0 and 65535`,
    );
  }
  return { hostname: match[1] ?? (match[2] || ANY_IPV6), port };
}

type Handler = (request: Request, from: RequestOrigin) => Response | Promise<Response>;

/** Where a request comes from. */
export interface RequestOrigin {
  /** IP address, without a port; callers by IPv4 as such, also on a listener on IPv6. */
  readonly address: string;
  /**
   * Resolves when the connection has taken the answer, or the caller is gone. Of an answer whose body is
   * not a stream Deno says so as soon as it has it.
   */
  readonly sent: Promise<void>;
}

/** Serves HTTP. @throws {ListenError} If the address cannot be had. */
export function startListener(address: string, handler: Handler): Listener {
  const closing = new AbortController();
  const wanted = parseBindAddress(address);
  const server = serve(address, wanted, closing.signal, handler);
  const { hostname } = wanted;
  const { port } = server.addr;
  const isAny = hostname === ANY_IPV6 || hostname === ANY_IPV4;
  const host = isAny ? "127.0.0.1" : hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `http://${host}:${port}`,
    port,
    stop: () => server.shutdown(),
    async drain(limitMs, cutShort) {
      const drained = server.shutdown();
      const isDrained = await endsWithin(drained, limitMs - LAST_WORDS_MS);
      cutShort();
      if (!isDrained && !await endsWithin(drained, LAST_WORDS_MS)) closing.abort();
      await server.finished;
    },
  };
}

function serve(
  address: string,
  { hostname, port }: BindAddress,
  signal: AbortSignal,
  handler: Handler,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    const options = { hostname, port, signal, onListen: () => {} };
    return Deno.serve(options, (request, { remoteAddr, completed }) => {
      const address = plainAddress(remoteAddr.hostname);
      return handler(request, { address, sent: completed.catch(() => {}) });
    });
  } catch (error) {
    const isFinal = error instanceof Deno.errors.AddrInUse ||
      error instanceof Deno.errors.PermissionDenied;
    if (isFinal || hostname !== ANY_IPV6) throw listenError(address, error);
    // A machine without IPv6 has no such address.
    return serve(address, { hostname: ANY_IPV4, port }, signal, handler);
  }
}

function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** The one-line error for an address that the system refused. */
export function listenError(address: string, error: unknown): ListenError {
  const why = error instanceof Deno.errors.AddrInUse
    ? "the address is in use"
    : error instanceof Error
    ? error.message
    : String(error);
  return new ListenError(`Cannot listen on "${address}": ${why}`);
}
