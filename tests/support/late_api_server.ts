/** An API server that is not there at first. */
import { readKubeconfig } from "../../src/kube/mod.ts";
import { startControlPlane } from "./control_plane.ts";
import { keptPort } from "./free_port.ts";
import { readProjectCrds } from "./shared_control_plane.ts";
import { IS_REAL, type TestCluster } from "./test_cluster.ts";

export interface LateApiServer {
  /** Leads to an address where nothing listens until `appear()`. */
  readonly kubeconfigPath: string;
  /** Reaches the cluster once it is there. */
  readonly clusterKubeconfigPath: string;
  /** From now on it answers. */
  appear(): Promise<void>;
  stop(): Promise<void>;
}

/** A real API server that is killed and started again; else a way to the embedded one that opens late. */
export async function startLateApiServer(cluster: TestCluster): Promise<LateApiServer> {
  return IS_REAL ? await killedControlPlane() : await closedWay(cluster.kubeconfigPath);
}

async function killedControlPlane(): Promise<LateApiServer> {
  const controlPlane = await startControlPlane({ crds: await readProjectCrds() });
  await controlPlane.killApiServer();
  return {
    kubeconfigPath: controlPlane.kubeconfigPath,
    clusterKubeconfigPath: controlPlane.kubeconfigPath,
    appear: () => controlPlane.restartApiServer(),
    stop: () => controlPlane.stop(),
  };
}

async function closedWay(clusterKubeconfigPath: string): Promise<LateApiServer> {
  const config = readKubeconfig(clusterKubeconfigPath);
  const port = keptPort();
  const kubeconfigPath = await Deno.makeTempFile({ prefix: "di-test-kubeconfig-" });
  await Deno.writeTextFile(kubeconfigPath, kubeconfigFor(`http://127.0.0.1:${port}`));
  const http = Deno.createHttpClient({
    ...(config.caPem !== undefined && { caCerts: [config.caPem] }),
  });
  const stopping = new AbortController();
  let server: Deno.HttpServer | undefined;
  const forward = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("host");
    headers.set("authorization", `Bearer ${config.token?.()}`);
    return await fetch(config.server + pathname + search, {
      client: http,
      method: request.method,
      headers,
      body: request.method === "GET" ? null : await request.arrayBuffer(),
      signal: AbortSignal.any([request.signal, stopping.signal]),
    });
  };
  return {
    kubeconfigPath,
    clusterKubeconfigPath,
    appear() {
      server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, forward);
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await server?.shutdown();
      http.close();
      await Deno.remove(kubeconfigPath);
    },
  };
}

/** A kubeconfig for a server that asks for nothing. */
export function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "tests",
    clusters: [{ name: "tests", cluster: { server } }],
    users: [{ name: "tests", user: { token: "unused" } }],
    contexts: [{ name: "tests", context: { cluster: "tests", user: "tests" } }],
  });
}
