/** The socket that requests come in by. */
import { sleep } from "../lib/abort.ts";
import { ANY_IPV4, ANY_IPV6, type BindAddress, parseBindAddress, urlOf } from "./bind_address.ts";

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
 * @throws {Error} With one line that names the address.
 */
export function listen(
  address: string,
  handle: (request: Request) => Promise<Response>,
): Listener {
  const wanted = parseBindAddress(address);
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
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on "${address}": the port is in use`, { cause: error });
    }
    // A machine without IPv6 has every address of IPv4 still.
    if (hostname === ANY_IPV6 && !(error instanceof Deno.errors.PermissionDenied)) {
      return serve(address, { hostname: ANY_IPV4, port }, signal, handle);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on "${address}": ${reason}`, { cause: error });
  }
}

/** Waits for `work`, but at most `ms`; tells whether it has ended. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const enough = new AbortController();
  const late = sleep(ms, enough.signal).then(() => false);
  const inTime = await Promise.race([work.then(() => true), late]);
  enough.abort();
  return inTime;
}
