/** A way to the API server that fails where a test wants it to. */
import type { ClusterConfig } from "../../src/kube/kubeconfig.ts";

/** What happens to one write. */
export type Fault =
  /** The process is killed before the write reaches the API server. */
  | "killBefore"
  /** The process is killed when the write is done and its answer on the way. */
  | "killAfter"
  /** The connection is cut before the write reaches the API server. */
  | "cutBefore"
  /** The connection is cut when the write is done and its answer on the way. */
  | "cutAfter";

export interface FaultProxy {
  /** Text of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** Writes so far, as `POST pods`. */
  readonly writes: readonly string[];
  /** True once the armed fault has happened. */
  readonly struck: () => boolean;
  /** Lets write number `at` (from 1) suffer `fault`; `kill` is called where the fault says so. */
  arm(at: number, fault: Fault, kill: () => void): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free loopback port. It speaks HTTP to the client and whatever the cluster needs. */
export function startFaultProxy(config: ClusterConfig): FaultProxy {
  const http = Deno.createHttpClient({
    ...(config.caPem !== undefined && { caCerts: [config.caPem] }),
    ...(config.clientCertPem !== undefined && config.clientKeyPem !== undefined &&
      { cert: config.clientCertPem, key: config.clientKeyPem }),
  });
  const writes: string[] = [];
  const stopping = new AbortController();
  let struck = false;
  let armed: { at: number; fault: Fault; kill: () => void } | undefined;

  const forward = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("host");
    if (config.token !== undefined) headers.set("authorization", `Bearer ${config.token()}`);
    const body = request.method === "GET" ? null : await request.arrayBuffer();
    return await fetch(config.server + pathname + search, {
      client: http,
      method: request.method,
      headers,
      body,
      signal: stopping.signal,
    });
  };
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    onError: () => new Response(null, { status: 502 }),
  }, async (request) => {
    if (request.method === "GET") return await forward(request);
    const resource = new URL(request.url).pathname.replace(/^.*\/namespaces\/[^/]+\//, "");
    writes.push(`${request.method} ${resource.split("/")[0]}`);
    const hit = armed?.at === writes.length ? armed : undefined;
    struck ||= hit !== undefined;
    if (hit?.fault.endsWith("Before")) {
      await request.arrayBuffer();
      return broken(hit);
    }
    const response = await forward(request);
    if (hit === undefined) return response;
    await response.arrayBuffer();
    return broken(hit);
  });
  return {
    kubeconfig: kubeconfigFor(`http://127.0.0.1:${server.addr.port}`),
    writes,
    struck: () => struck,
    arm(at, fault, kill) {
      armed = { at, fault, kill };
      struck = false;
    },
    async stop() {
      stopping.abort();
      await server.shutdown();
      http.close();
    },
  };
}

/** An answer that never arrives: its connection ends in the middle of it. */
function broken({ fault, kill }: { readonly fault: Fault; readonly kill: () => void }): Response {
  if (fault.startsWith("kill")) kill();
  return new Response(
    new ReadableStream({
      start(controller) {
        controller.error(new Error("cut off on purpose"));
      },
    }),
  );
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
