/** The `webhook` process. */
import { loggerOf, startLogging } from "../lib/logger.ts";
import { startWebhook } from "../webhook/mod.ts";
import { logSettingsOf, type WebhookFlags } from "./control_commands.ts";
import { startProbes } from "./probes.ts";
import { type CommandContext, dropPermissions, untilAborted } from "./process.ts";
import { WebhookMetrics } from "./webhook_metrics.ts";

/** Serves until the process is asked to end. @throws {ListenError} When an address cannot be had. */
export async function runWebhook(flags: WebhookFlags, { signal }: CommandContext): Promise<void> {
  await startLogging(logSettingsOf(flags));
  const log = loggerOf("webhook");
  if (flags.leaderElect) log.info("--leader-elect is not needed: every copy serves");
  const metrics = new WebhookMetrics();
  const webhook = startWebhook({
    bindAddress: flags.webhookBindAddress,
    certFolder: flags.certDir,
    log,
    onRequest: (report) => metrics.count(report),
  });
  const probes = startProbes({ ...flags, metrics, checks: webhook.checks });
  await dropPermissions(flags.certDir);
  const failed = webhook.listening.then(() => new Promise<never>(() => {}));
  try {
    await Promise.race([untilAborted(signal), failed]);
  } finally {
    await Promise.all([webhook.stop(), ...probes.map((probe) => probe.stop())]);
  }
}
