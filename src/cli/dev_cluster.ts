/** A whole cluster in this process: API server, kubelet, operator and server, on the loopback. */
import { buildCrds } from "../api/mod.ts";
import { startApiServer } from "../devcluster/apiserver/mod.ts";
import { type ClaimedResources, startKubelet } from "../devcluster/kubelet/mod.ts";
import { createDefinition, KubeClient, NAMESPACES, parseKubeconfig } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { startOperator } from "../operator/mod.ts";
import { startServer } from "../server/mod.ts";
import { defaultNodeName, hostEnvironment, programCommand, programVariables } from "./process.ts";
import { writeKubeconfig } from "./run_apiserver.ts";
import { VERSION } from "./version.ts";

export interface DevClusterOptions {
  /** Where the API server listens; default any free loopback port. */
  readonly bindAddress?: string;
  readonly serverBindAddress?: string;
  /** Default: a file in the cluster's own temporary folder. */
  readonly kubeconfigPath?: string | undefined;
  /** What the node offers instead of what this machine has. */
  readonly claimed?: ClaimedResources;
}

export interface DevCluster {
  readonly kubeconfigPath: string;
  readonly serverUrl: string;
  readonly nodeName: string;
  readonly client: KubeClient;
  /** Ends every process that was started and removes the temporary folder. */
  stop(): Promise<void>;
}

const LOOPBACK = "127.0.0.1:0";
/** Where the server is found by pods; the kubelet leads this name to the real port. */
const SERVER_ADDRESS = "di-server.di-system:8080";
const SYSTEM_NAMESPACE = "di-system";

/**
 * Starts a cluster that has the custom resource definitions and the namespace `di-system`.
 *
 * @throws {ListenError} If an address cannot be had. Whatever was started before is stopped again.
 */
export async function startDevCluster(options: DevClusterOptions = {}): Promise<DevCluster> {
  const stops: (() => Promise<void>)[] = [];
  // Last in, first out: the API server goes last, since the others take their leave of it.
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return { ...await startParts(options, stops), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: DevClusterOptions,
  stops: (() => Promise<void>)[],
): Promise<Omit<DevCluster, "stop">> {
  const folder = await Deno.makeTempDir({ prefix: "di-orchestrator-" });
  stops.push(() => Deno.remove(folder, { recursive: true }));
  const apiserver = await startApiServer({ bindAddress: options.bindAddress ?? LOOPBACK });
  stops.push(() => apiserver.stop());
  const kubeconfigPath = options.kubeconfigPath ?? `${folder}/kubeconfig`;
  await writeKubeconfig(kubeconfigPath, apiserver.kubeconfig());
  const client = new KubeClient(parseKubeconfig(apiserver.kubeconfig(), kubeconfigPath));
  stops.push(() => Promise.resolve(client.close()));
  await Promise.all([
    ...buildCrds().map((crd) => createDefinition(client, crd)),
    client.create(NAMESPACES, { metadata: { name: SYSTEM_NAMESPACE } }),
  ]);

  const agconfig = { namespace: SYSTEM_NAMESPACE, name: "aggregator-config" };
  const server = await startServer({
    client,
    bindAddress: options.serverBindAddress ?? LOOPBACK,
    serverAddress: SERVER_ADDRESS,
    agconfig,
    version: VERSION,
    log: loggerOf("server"),
  });
  stops.push(() => server.stop());
  const operator = startOperator({
    client,
    serverAddress: SERVER_ADDRESS,
    aggregatorConfig: agconfig,
    workers: 16,
    log: loggerOf("operator"),
  });
  stops.push(() => operator.stop());
  const nodeName = defaultNodeName();
  const kubelet = await startKubelet({
    client,
    nodeName,
    rootFolder: `${folder}/kubelet`,
    programCommand: programCommand(),
    programVariables: programVariables(),
    hostEnv: hostEnvironment(),
    routes: new Map([[SERVER_ADDRESS, new URL(server.url).host]]),
    claimed: options.claimed ?? {},
    doomedFolder: folder,
  });
  stops.push(() => kubelet.stop());
  return { kubeconfigPath, serverUrl: server.url, nodeName, client };
}
