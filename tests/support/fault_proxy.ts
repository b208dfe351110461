/** A way to the API server that fails where a test wants it to. */
import type { ClusterConfig } from "../../src/kube/kubeconfig.ts";
import { startBalancer } from "./balancer.ts";

/** What happens to one write. */
export type Fault =
  /** The process is killed before the write reaches the API server. */
  | "killBefore"
  /** The process is killed when the write is done and its answer on the way. */
  | "killAfter"
  /** The connection is cut before the write reaches the API server. */
  | "cutBefore"
  /** The connection is cut when the write is done and its answer on the way. */
  | "cutAfter"
  /** The write is done and its answer never comes, while the connection stays open. */
  | "stallAfter";

/** A write that has reached the proxy. */
export interface ProxiedWrite {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface FaultProxyOptions {
  /** False for writes that do not count, and that nothing befalls. Default: all count. */
  readonly isCounted?: (write: ProxiedWrite) => boolean;
}

export interface FaultProxy {
  /** Text of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** Writes that counted so far, as `POST pods`. */
  readonly writes: readonly string[];
  /** True once the armed fault has happened. */
  readonly struck: () => boolean;
  /** Lets write number `at` (from 1) suffer `fault`; `kill` is called where the fault says so. */
  arm(at: number, fault: Fault, kill: () => void): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free loopback port. It speaks HTTP to the client and whatever the cluster needs. */
export function startFaultProxy(
  config: ClusterConfig,
  { isCounted = () => true }: FaultProxyOptions = {},
): FaultProxy {
  const http = Deno.createHttpClient({
    ...(config.caPem !== undefined && { caCerts: [config.caPem] }),
    ...(config.clientCertPem !== undefined && config.clientKeyPem !== undefined &&
      { cert: config.clientCertPem, key: config.clientKeyPem }),
  });
  const writes: string[] = [];
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let struck = false;
  let armed: { at: number; fault: Fault; kill: () => void } | undefined;

  const forward = async (request: Request, body: string | null): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("host");
    if (config.token !== undefined) headers.set("authorization", `Bearer ${config.token()}`);
    return await fetch(config.server + pathname + search, {
      client: http,
      method: request.method,
      headers,
      body,
      signal: stopping.signal,
    });
  };
  /** Puts down a write that counts. @returns What befalls it. */
  const count = (write: ProxiedWrite) => {
    if (!isCounted(write)) return undefined;
    const resource = write.path.replace(/^.*\/namespaces\/[^/]+\//, "");
    writes.push(`${write.method} ${resource.split("/")[0]}`);
    return armed?.at === writes.length ? armed : undefined;
  };
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    onError: () => new Response(null, { status: 502 }),
  }, async (request, { remoteAddr }) => {
    const { method, url } = request;
    if (method === "GET") return await forward(request, null);
    const body = await request.text();
    const hit = count({ method, path: new URL(url).pathname, body });
    if (hit === undefined) return await forward(request, body);
    struck = true;
    if (hit.fault.endsWith("After")) await (await forward(request, body)).body?.cancel();
    if (hit.fault.startsWith("kill")) hit.kill();
    if (hit.fault === "stallAfter") await stopped.promise;
    way.cut(remoteAddr.port);
    return new Response(null, { status: 502 }); // nobody is there to read it
  });
  // An answer cannot be kept back by who has to give one: connections are cut on the way here.
  const way = startBalancer([server.addr.port]);
  return {
    kubeconfig: kubeconfigFor(`http://${way.host}`),
    writes,
    struck: () => struck,
    arm(at, fault, kill) {
      armed = { at, fault, kill };
      struck = false;
    },
    async stop() {
      stopping.abort();
      stopped.resolve();
      await way.stop();
      await server.shutdown();
      http.close();
    },
  };
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "faults",
    clusters: [{ name: "faults", cluster: { server } }],
    users: [{ name: "faults", user: { token: "unused" } }],
    contexts: [{ name: "faults", context: { cluster: "faults", user: "faults" } }],
  });
}
