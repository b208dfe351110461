/** One address for several copies of a server, as a Kubernetes Service is. */

export interface Balancer {
  /** `host:port` that clients are led to. */
  readonly host: string;
  /** Cuts the connection that reaches its server from this loopback port. */
  cut(port: number): void;
  stop(): Promise<void>;
}

/** Leads each new connection to the next of these loopback ports that takes it. */
export function startBalancer(ports: readonly number[]): Balancer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const cuts = new Map<number, () => void>();
  const work = new Set<Promise<void>>();
  let next = 0;
  const serve = async (client: Deno.Conn) => {
    open.add(client);
    const server = await connect(ports, next++);
    if (server !== undefined) {
      const { port } = server.localAddr;
      const end = () => [client, server].forEach(close);
      open.add(server);
      cuts.set(port, end);
      const pumps = [pump(client, server), pump(server, client)];
      await Promise.race(pumps);
      end();
      await Promise.all(pumps);
      cuts.delete(port);
      open.delete(server);
    }
    close(client);
    open.delete(client);
  };
  const accepting = (async () => {
    for await (const client of listener) {
      const serving = serve(client).finally(() => work.delete(serving));
      work.add(serving);
    }
  })();
  return {
    host: `127.0.0.1:${listener.addr.port}`,
    cut: (port) => cuts.get(port)?.(),
    async stop() {
      listener.close();
      await accepting;
      for (const connection of open) close(connection);
      await Promise.all(work);
    },
  };
}

/** @returns Undefined when none takes it: then the client finds its connection cut. */
async function connect(ports: readonly number[], first: number): Promise<Deno.TcpConn | undefined> {
  for (let index = 0; index < ports.length; index++) {
    const port = ports[(first + index) % ports.length] ?? 0;
    try {
      return await Deno.connect({ hostname: "127.0.0.1", port });
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
  }
  return undefined;
}

/** Copies until either side ends, however that comes. */
async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
      for (let sent = 0; sent < read;) sent += await to.write(buffer.subarray(sent, read));
    }
  } catch {
    // A broken connection is what the other side is to see as well.
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
