/** A loopback port that nobody listens on now. Somebody may take it before it is used: rare, and seen. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
