/** The socket that requests come in by. Unlike a plain one it ends requests that take too long to stop. */
import { sleep } from "../lib/abort.ts";
import { type BindAddress, listenError, parseBindAddress } from "../lib/listen.ts";

/** Every address of the machine, of IPv6 and of IPv4. */
const ANY_IPV6 = "::";
/** Every address of a machine without IPv6. */
const ANY_IPV4 = "0.0.0.0";
/** Kept of the time for draining for requests that were cut short to answer, in ms. */
const LAST_WORDS_MS = 500;

export interface Listener {
  /** Reaches the server from this machine. */
  readonly url: string;
  /**
   * Takes no new connections and waits for the requests under way; close to `limitMs` it calls `cutShort`,
   * and then closes their connections.
   */
  drain(limitMs: number, cutShort: () => void): Promise<void>;
}

/**
 * Listens on `address` (`host:port`, `:port` or `[ipv6]:port`).
 *
 * @throws {ListenError} With one line that names the address.
 */
export function listen(
  address: string,
  handle: (request: Request) => Promise<Response>,
): Listener {
  const { hostname, port } = parseBindAddress(address);
  // Without a host all addresses are meant: a cluster may have IPv6 alone, or both.
  const wanted = { hostname: address.startsWith(":") ? ANY_IPV6 : hostname, port };
  const closing = new AbortController();
  const server = serve(address, wanted, closing.signal, handle);
  return {
    url: urlOf({ ...wanted, port: server.addr.port }),
    drain: async (limitMs, cutShort) => {
      const drained = server.shutdown();
      const isDrained = await within(limitMs - LAST_WORDS_MS, drained);
      cutShort();
      if (!isDrained && !await within(LAST_WORDS_MS, drained)) closing.abort();
      await server.finished;
    },
  };
}

function serve(
  address: string,
  { hostname, port }: BindAddress,
  signal: AbortSignal,
  handle: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, signal, onListen: () => {} }, handle);
  } catch (error) {
    const isFinal = error instanceof Deno.errors.AddrInUse ||
      error instanceof Deno.errors.PermissionDenied;
    if (isFinal || hostname !== ANY_IPV6) throw listenError(address, error);
    return serve(address, { hostname: ANY_IPV4, port }, signal, handle);
  }
}

function urlOf({ hostname, port }: BindAddress): string {
  if (hostname === ANY_IPV6 || hostname === ANY_IPV4) return `http://127.0.0.1:${port}`;
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Waits for `work`, but at most `ms`; tells whether it has ended. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const enough = new AbortController();
  const late = sleep(ms, enough.signal).then(() => false);
  const inTime = await Promise.race([work.then(() => true), late]);
  enough.abort();
  return inTime;
}
