/** `--server-bind-address` and what it means. */

export interface BindAddress {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Every address of the machine, of IPv6 and of IPv4. */
export const ANY_IPV6 = "::";
/** Every address of a machine without IPv6. */
export const ANY_IPV4 = "0.0.0.0";
const FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/;

/**
 * Reads `host:port`, `:port` (every address of the machine) or `[ipv6]:port`.
 *
 * @throws {SyntaxError} If it is neither.
 */
export function parseBindAddress(text: string): BindAddress {
  const match = FORM.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new SyntaxError(`Cannot listen on "${text}": not of the form HOST:PORT or :PORT`);
  }
  return { hostname: match[1] ?? (match[2] || ANY_IPV6), port };
}

/** A URL that reaches a listener from this machine. */
export function urlOf({ hostname, port }: BindAddress): string {
  if (hostname === ANY_IPV6 || hostname === ANY_IPV4) return `http://127.0.0.1:${port}`;
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
