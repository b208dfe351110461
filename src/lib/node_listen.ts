/** Listening with the servers of `node:`, for those who need what `Deno.serve` does not have. */
import type { Server } from "node:net";

/**
 * Listens, and resolves with the port once that is so.
 *
 * @throws {Deno.errors.AddrInUse} When another program has the address.
 * @throws {Error} When it cannot be listened on for another reason.
 */
export function listenOn(server: Server, hostname: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error & { code?: string }) => {
      const taken = error.code === "EADDRINUSE";
      reject(taken ? new Deno.errors.AddrInUse(error.message, { cause: error }) : error);
    };
    server.once("error", refuse);
    server.listen(port, hostname, () => {
      server.off("error", refuse);
      const address = server.address();
      resolve(address !== null && typeof address === "object" ? address.port : port);
    });
  });
}
