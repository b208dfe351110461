/** The `server` process. */
import { KubeClient, loadClusterConfig } from "../kube/mod.ts";
import { loggerOf, startLogging } from "../lib/logger.ts";
import { startServer } from "../server/mod.ts";
import { logSettingsOf, type ServerFlags } from "./control_commands.ts";
import { type CommandContext, dropPermissions, kubeEnvironment, untilAborted } from "./process.ts";

/** Serves until the process is asked to end, then finishes what is at work. */
export async function runServer(
  flags: ServerFlags,
  { signal, print }: CommandContext,
): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const log = loggerOf("server");
  if (flags.leaderElect) log.info("--leader-elect is not needed: every copy serves");
  const client = new KubeClient(loadClusterConfig(flags.kubeconfig, kubeEnvironment()));
  const server = await startServer({
    client,
    bindAddress: flags.serverBindAddress,
    serverAddress: flags.serverAddress,
    agconfig: { namespace: flags.agconfigNamespace, name: flags.agconfigName },
    log,
  });
  await dropPermissions();
  print(`SERVER=${server.url}`);
  await untilAborted(signal);
  await server.stop();
  client.close();
}
