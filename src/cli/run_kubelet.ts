/** The process kubelet as a process of its own. */
import { startKubelet } from "../devcluster/kubelet/mod.ts";
import { KubeClient, loadClusterConfig } from "../kube/mod.ts";
import { startLogging } from "../lib/logger.ts";
import type { KubeletFlags } from "./cluster_commands.ts";
import { logSettingsOf } from "./control_commands.ts";
import {
  claimedResources,
  type CommandContext,
  CommandFailure,
  defaultNodeName,
  hostEnvironment,
  kubeEnvironment,
  programCommand,
  programVariables,
  untilAborted,
} from "./process.ts";

/** Runs pods until the process is asked to end; then ends every process that it started. */
export async function runKubelet(flags: KubeletFlags, { signal }: CommandContext): Promise<void> {
  const routes = new Map(flags.route.map(parseRoute));
  const certificate = await readCertificate(flags);
  await startLogging(logSettingsOf(flags));
  const client = new KubeClient(loadClusterConfig(flags.kubeconfig, kubeEnvironment()));
  // Without an API server there is nothing to run; one that goes away later is waited for.
  await client.request("GET", "/version", { timeoutMs: 10_000 });
  const rootFolder = await Deno.makeTempDir({ prefix: "di-kubelet-" });
  const kubelet = await startKubelet({
    client,
    nodeName: flags.nodeName ?? defaultNodeName(),
    rootFolder,
    programCommand: programCommand(),
    programVariables: programVariables(),
    hostEnv: hostEnvironment(),
    routes,
    schedule: flags.schedule,
    claimed: claimedResources(flags),
    stopGraceMs: flags.shutdownGracePeriod * 1000,
    ...(certificate && { certificate }),
  });
  await untilAborted(signal);
  await kubelet.stop();
  client.close();
}

async function readCertificate({ tlsCertFile, tlsPrivateKeyFile }: KubeletFlags) {
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined) {
    throw new CommandFailure("--tls-cert-file and --tls-private-key-file go together");
  }
  const [certPem, keyPem] = await Promise.all([tlsCertFile, tlsPrivateKeyFile].map(readFile));
  return { certPem: certPem ?? "", keyPem: keyPem ?? "" };
}

function readFile(path: string): Promise<string> {
  return Deno.readTextFile(path).catch((error: Error) => {
    throw new CommandFailure(`Cannot read ${path}: ${error.message}`);
  });
}

function parseRoute(text: string): [string, string] {
  const match = /^([^=:\s]+\.[^=:\s]+:[0-9]+)=([^=\s]+:[0-9]+)$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new CommandFailure(`--route "${text}": allowed is NAME.NAMESPACE:PORT=HOST:PORT`);
  }
  return [match[1], match[2]];
}
