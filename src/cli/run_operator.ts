/** The `operator` process: client, endpoints, election, and the operator itself. */
import { KubeClient, loadClusterConfig, runElection } from "../kube/mod.ts";
import { startListener } from "../lib/listen.ts";
import { loggerOf, startLogging } from "../lib/logger.ts";
import { startOperator } from "../operator/mod.ts";
import { logSettingsOf, type OperatorFlags } from "./control_commands.ts";
import { OperatorMetrics } from "./operator_metrics.ts";
import {
  type CommandContext,
  CommandFailure,
  dropPermissions,
  kubeEnvironment,
  untilAborted,
} from "./process.ts";

/** Name of the Lease; as in DI-orchestrator v0.1.0. */
const ELECTION_ID = "12841a5d.opendilab.org";

/** Runs until the process is asked to end. @throws {CommandFailure} When leadership was lost. */
export async function runOperator(flags: OperatorFlags, { signal }: CommandContext): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const log = loggerOf("operator");
  const config = loadClusterConfig(flags.kubeconfig, kubeEnvironment());
  const metrics = new OperatorMetrics();
  const client = new KubeClient(config, (request) => metrics.countRequest(request));
  const stopping = new AbortController();
  const leading = Promise.withResolvers<void>();
  const election = flags.leaderElect
    ? runElection({
      client,
      lease: { namespace: flags.leaderElectionNamespace ?? config.namespace, name: ELECTION_ID },
      identity: `${crypto.randomUUID()}.opendilab.org`,
      log,
      signal: stopping.signal,
      onLead: () => {
        metrics.setLeading(true);
        leading.resolve();
      },
    })
    : undefined;
  if (election === undefined) leading.resolve();

  const operator = startOperator({
    client,
    serverAddress: flags.serverAddress,
    aggregatorConfig: { namespace: flags.agconfigNamespace, name: flags.agconfigName },
    workers: flags.maxConcurrentReconciles,
    log,
    mayWork: leading.promise,
    onPass: (pass) => metrics.countPass(pass),
  });
  metrics.watchQueue(operator.queueSize);
  const probes = async (request: Request) => {
    switch (new URL(request.url).pathname) {
      case "/healthz":
        return new Response("ok");
      case "/readyz":
        return operator.isReady()
          ? new Response("ok")
          : new Response("caches are not filled yet", { status: 503 });
      case "/metrics":
        return new Response(await metrics.text(), {
          headers: { "content-type": metrics.contentType },
        });
      default:
        return new Response("404 page not found\n", { status: 404 });
    }
  };
  const addresses = new Set([flags.healthProbeBindAddress, flags.metricsBindAddress]);
  addresses.delete("0");
  const listeners = [...addresses].map((address) => startListener(address, probes));

  await dropPermissions();

  const end = await Promise.race([untilAborted(signal), ...(election ? [election] : [])]);
  // Who has lost the lease must not write beside the next holder.
  await operator.stop(end === "lost" ? 0 : undefined);
  // Given back only now: nobody may start before our last write is done.
  stopping.abort();
  await Promise.all([election, ...listeners.map((listener) => listener.stop())]);
  client.close();
  if (end === "lost") {
    throw new CommandFailure("leadership was lost; exiting so that another copy works");
  }
}
