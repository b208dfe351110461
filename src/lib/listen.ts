/** Plain HTTP listeners, addressed as Go programs write it: `:8080`, `127.0.0.1:0`, `[::1]:80`. */

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
}

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
  return { hostname: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/** Serves HTTP. @throws {ListenError} If the address cannot be had. */
export function startListener(
  address: string,
  handler: (
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ) => Response | Promise<Response>,
): Listener {
  const { hostname, port } = parseBindAddress(address);
  try {
    const server = Deno.serve({ hostname, port, onListen: () => {} }, handler);
    const host = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "[::1]" : hostname;
    const named = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    return {
      url: `http://${named}:${server.addr.port}`,
      port: server.addr.port,
      stop: () => server.shutdown(),
    };
  } catch (error) {
    throw listenError(address, error);
  }
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
