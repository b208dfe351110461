/** The webhook as a process: it waits for its certificate, takes a new one, and answers reviews. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { makeCertificate } from "../../src/devcluster/certificate.ts";
import { explained, runOrchestrator, startOrchestrator } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { readExposition } from "../support/exposition.ts";
import { freePort } from "../support/free_port.ts";
import { metricRowsOf, readMetricsTable } from "../support/metrics_table.ts";

const VALIDATE = "/validate-diengine-opendilab-org-v1alpha1-dijob";
const START = { timeoutMs: 30_000 };

type Certificate = Awaited<ReturnType<typeof makeCertificate>>;

async function writeCertificate(folder: string, { certPem, keyPem }: Certificate): Promise<void> {
  await Deno.writeTextFile(`${folder}/tls.key`, keyPem);
  await Deno.writeTextFile(`${folder}/tls.crt`, certPem);
}

/** Posts to the webhook, trusting that one authority. */
async function post(
  port: number,
  { caPem }: Certificate,
  path: string,
  body: BodyInit,
): Promise<{ status: number; text: string }> {
  using client = Deno.createHttpClient({ caCerts: [caPem] });
  const response = await fetch(`https://127.0.0.1:${port}${path}`, {
    client,
    method: "POST",
    body,
  });
  return { status: response.status, text: await response.text() };
}

function review(cleanPodPolicy: string): string {
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: "u-1", operation: "CREATE", object: { spec: { cleanPodPolicy } } },
  });
}

Deno.test("the webhook waits for its certificate, says so, serves with it, and takes the next one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "di-test-webhook-" });
  const [port, probe] = [freePort(), freePort()];
  const webhook = startOrchestrator(
    "webhook",
    `--webhook-bind-address=127.0.0.1:${port}`,
    `--cert-dir=${folder}`,
    `--health-probe-bind-address=127.0.0.1:${probe}`,
    `--metrics-bind-address=127.0.0.1:${probe}`,
  );
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${probe}/readyz`);
    return [response.status, await response.text()] as const;
  };
  try {
    await explained([webhook], async () => {
      const [status, text] = await eventually("its probes", ready, START);
      strictEqual(status, 500);
      match(text, /\[-\]certificate failed: .*No such file/);
      match(webhook.stderr(), /Cannot use the certificate/);

      const [first, second] = await Promise.all([
        makeCertificate("webhook"),
        makeCertificate("webhook"),
      ]);
      await writeCertificate(folder, first);
      await eventually("it to be ready", async () => (await ready())[0] === 200, START);
      const refused = await post(port, first, VALIDATE, review("All!"));
      deepStrictEqual([refused.status, JSON.parse(refused.text).response], [200, {
        uid: "u-1",
        allowed: false,
        status: {
          code: 403,
          reason: "Invalid CleanPodPolicy All!, expected in [None, Running, All]",
        },
      }]);
      strictEqual((await post(port, first, "/nowhere", "{}")).status, 404);
      strictEqual((await post(port, first, VALIDATE, "x".repeat(8 * 1024 * 1024))).status, 413);

      await writeCertificate(folder, second);
      await eventually("the next certificate", async () => {
        return (await post(port, second, VALIDATE, review("All"))).status === 200;
      }, START);

      // Half of a rotation: what is served goes on, and the probe tells.
      await Deno.writeTextFile(`${folder}/tls.key`, "nonsense");
      await eventually("the bad key to be seen", async () => (await ready())[0] === 500, START);
      strictEqual((await post(port, second, VALIDATE, review("All"))).status, 200);
      const { families, faults } = readExposition(
        await (await fetch(`http://127.0.0.1:${probe}/metrics`)).text(),
      );
      deepStrictEqual(faults, []);
      deepStrictEqual(metricRowsOf(families), await readMetricsTable("webhook"));
    });
    webhook.kill("SIGTERM");
    strictEqual(await webhook.ended, 0, webhook.stderr());
  } finally {
    webhook.kill("SIGKILL");
    await webhook.ended;
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a webhook that cannot listen ends with 1, and says where", async () => {
  const folder = await Deno.makeTempDir({ prefix: "di-test-webhook-" });
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await writeCertificate(folder, await makeCertificate("webhook"));
    const { end, stderr } = await runOrchestrator(
      "webhook",
      `--webhook-bind-address=127.0.0.1:${taken.addr.port}`,
      `--cert-dir=${folder}`,
      "--health-probe-bind-address=0",
      "--metrics-bind-address=0",
      "--log-level=error",
    );
    strictEqual(end, 1);
    match(
      stderr,
      /^di-orchestrator: Cannot listen on "127\.0\.0\.1:\d+": the address is in use\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
