/** The `server` process. */
import { KubeClient, loadClusterConfig } from "../kube/mod.ts";
import { loggerOf, startLogging } from "../lib/logger.ts";
import { startServer } from "../server/mod.ts";
import { logSettingsOf, rateLimitOf, type ServerFlags } from "./control_commands.ts";
import { startProbes } from "./probes.ts";
import { type CommandContext, dropPermissions, kubeEnvironment, untilAborted } from "./process.ts";
import { ServerMetrics } from "./server_metrics.ts";
import { VERSION } from "./version.ts";

/** Serves until the process is asked to end, then finishes what is at work. */
export async function runServer(
  flags: ServerFlags,
  { signal, print }: CommandContext,
): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const log = loggerOf("server");
  if (flags.leaderElect) log.info("--leader-elect is not needed: every copy serves");
  const metrics = new ServerMetrics();
  const config = loadClusterConfig(flags.kubeconfig, kubeEnvironment());
  const client = new KubeClient(config, {
    onRequest: (request) => metrics.countApiRequest(request),
    limit: rateLimitOf(flags),
  });
  const server = await startServer({
    client,
    bindAddress: flags.serverBindAddress,
    serverAddress: flags.serverAddress,
    agconfig: { namespace: flags.agconfigNamespace, name: flags.agconfigName },
    gpuAllocPolicy: flags.gpuAllocPolicy,
    recordNamespace: flags.leaseLockNamespace,
    callerCheck: flags.callerCheck,
    limits: { maxReplicasPerCall: flags.maxReplicasPerCall },
    version: VERSION,
    log,
    onRequest: (request) => metrics.countRequest(request),
    onCallerCheck: (result) => metrics.countCaller(result),
  });
  const probes = startProbes({ metricsBindAddress: flags.metricsBindAddress, metrics });
  await dropPermissions(config.tokenPath);
  print(`SERVER=${server.url}`);
  await untilAborted(signal);
  await Promise.all([server.stop(), ...probes.map((probe) => probe.stop())]);
  client.close();
}
