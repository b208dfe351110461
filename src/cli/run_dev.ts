/** `dev`: a cluster until the user, or whoever started us, goes. */
import { startLogging } from "../lib/logger.ts";
import type { DevFlags } from "./cluster_commands.ts";
import { logSettingsOf } from "./control_commands.ts";
import { startDevCluster } from "./dev_cluster.ts";
import { claimedResources, type CommandContext, untilAborted, watchParent } from "./process.ts";

/** Prints where the cluster is, and serves until the process is asked to end or its parent has ended. */
export async function runDev(flags: DevFlags, { signal, print }: CommandContext): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const orphaned = Promise.withResolvers<void>();
  const endWatch = watchParent(() => orphaned.resolve());
  try {
    const cluster = await startDevCluster({
      bindAddress: flags.bindAddress,
      serverBindAddress: flags.serverBindAddress,
      kubeconfigPath: flags.writeKubeconfig,
      claimed: claimedResources(flags),
    });
    print(`KUBECONFIG=${cluster.kubeconfigPath}`);
    print(`SERVER=${cluster.serverUrl}`);
    await Promise.race([untilAborted(signal), orphaned.promise]);
    await cluster.stop();
  } finally {
    endWatch();
  }
}
