/** A loopback port that nobody listens on now. Somebody may take it before it is used: rare, and seen. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * A free loopback port that stays free while nobody listens on it: it is below those that systems hand
 * out to clients. One of those that tries to reach it could otherwise be given it, and meet itself.
 */
export function keptPort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
