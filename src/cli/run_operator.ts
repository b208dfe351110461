/** The `operator` process: client, endpoints, election, and the operator itself. */
import { KubeClient, loadClusterConfig, type RequestReport, runElection } from "../kube/mod.ts";
import { loggerOf, startLogging } from "../lib/logger.ts";
import { startOperator } from "../operator/mod.ts";
import { logSettingsOf, type OperatorFlags, rateLimitOf } from "./control_commands.ts";
import { OperatorMetrics } from "./operator_metrics.ts";
import { startProbes } from "./probes.ts";
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
  const onRequest = (request: RequestReport) => metrics.countRequest(request);
  const client = new KubeClient(config, { onRequest, limit: rateLimitOf(flags) });
  // Whoever leads must be able to say so, however much work waits for its turn.
  const electionClient = new KubeClient(config, { onRequest });
  const stopping = new AbortController();
  const leading = Promise.withResolvers<void>();
  const operator = startOperator({
    client,
    serverAddress: flags.serverAddress,
    aggregatorConfig: { namespace: flags.agconfigNamespace, name: flags.agconfigName },
    workers: flags.maxConcurrentReconciles,
    cleanupGraceSeconds: flags.cleanPodGracePeriod,
    log,
    mayWork: leading.promise,
    onPass: (pass) => metrics.countPass(pass),
    onStart: (seconds) => metrics.countStart(seconds),
    queueObserver: metrics.queueObserver,
  });
  metrics.watch(operator);
  // Before the election: who cannot have its ports must not have led.
  const probes = startProbes({ ...flags, metrics, checks: operator.checks });
  const election = flags.leaderElect
    ? runElection({
      client: electionClient,
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
  if (election === undefined) {
    metrics.setLeading(true);
    leading.resolve();
  }

  await dropPermissions(config.tokenPath);

  const end = await Promise.race([untilAborted(signal), ...(election ? [election] : [])]);
  // Who has lost the lease must not write beside the next holder.
  await operator.stop(end === "lost" ? 0 : undefined);
  // Given back only now: nobody may start before our last write is done.
  stopping.abort();
  await Promise.all([election, ...probes.map((probe) => probe.stop())]);
  client.close();
  electionClient.close();
  if (end === "lost") {
    throw new CommandFailure("leadership was lost; exiting so that another copy works");
  }
}
