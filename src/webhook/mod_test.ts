import { strictEqual } from "node:assert/strict";
import { makeCertificate } from "../devcluster/certificate.ts";
import { endsWithin } from "../lib/abort.ts";
import { loggerOf } from "../lib/logger.ts";
import { startWebhook } from "./mod.ts";

/** Longer than a webhook that ends needs, and shorter than one that waits for its callers. */
const LIMIT_MS = 10_000;

Deno.test.each([
  { connection: "is idle", sent: "" },
  { connection: "has sent half of a review", sent: "POST / HTTP/1.1\r\nhost: x\r\n" },
])("the webhook ends though a connection $connection", async ({ sent }) => {
  const folder = await Deno.makeTempDir({ prefix: "di-test-webhook-" });
  const { certPem, keyPem, caPem } = await makeCertificate("webhook");
  await Deno.writeTextFile(`${folder}/tls.key`, keyPem);
  await Deno.writeTextFile(`${folder}/tls.crt`, certPem);
  const webhook = startWebhook({
    bindAddress: "127.0.0.1:0",
    certFolder: folder,
    drainMs: 50,
    log: loggerOf("test"),
  });
  const port = await webhook.listening;
  using connection = await Deno.connectTls({ hostname: "localhost", port, caCerts: [caPem] });
  await connection.handshake();
  if (sent !== "") await connection.write(new TextEncoder().encode(sent));
  strictEqual(await endsWithin(webhook.stop(), LIMIT_MS), true);
  await Deno.remove(folder, { recursive: true });
});
