/** The webhook with its configuration in force on a real API server: what the embedded one does not do. */
import { match, rejects, strictEqual } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { DIJOBS } from "../../src/api/mod.ts";
import { makeCertificate } from "../../src/devcluster/certificate.ts";
import { ApiError, KubeClient, type KubeObject, readKubeconfig } from "../../src/kube/mod.ts";
import { explained, startOrchestrator } from "../support/command.ts";
import { startControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { readProjectCrds } from "../support/shared_control_plane.ts";
import { shellJob } from "../support/shell_job.ts";

const CONFIGURATIONS = new URL(
  "../../deploy/kustomize/overlays/webhook/configurations.yaml",
  import.meta.url,
);
const START = { timeoutMs: 30_000 };

interface Configuration extends KubeObject {
  kind: string;
  webhooks: { clientConfig: Record<string, unknown> & { service?: { path: string } } }[];
}

/** The overlay's configurations, led to this machine instead of the Service. */
async function readConfigurations(port: number, caPem: string): Promise<Configuration[]> {
  const documents = parseAllDocuments(await Deno.readTextFile(CONFIGURATIONS));
  return documents.map((document) => {
    const configuration = document.toJS() as Configuration;
    for (const webhook of configuration.webhooks) {
      const path = webhook.clientConfig.service?.path;
      webhook.clientConfig = { url: `https://127.0.0.1:${port}${path}`, caBundle: btoa(caPem) };
    }
    return configuration;
  });
}

Deno.test("with the webhook in force a policy is filled in, a wrong one refused, and nothing passes without it", async () => {
  const plane = await startControlPlane({ crds: await readProjectCrds() });
  const client = new KubeClient(readKubeconfig(plane.kubeconfigPath));
  const folder = await Deno.makeTempDir({ prefix: "di-test-webhook-" });
  const certificate = await makeCertificate("webhook");
  await Deno.writeTextFile(`${folder}/tls.crt`, certificate.certPem);
  await Deno.writeTextFile(`${folder}/tls.key`, certificate.keyPem);
  const [port, probe] = [freePort(), freePort()];
  const webhook = startOrchestrator(
    "webhook",
    `--webhook-bind-address=127.0.0.1:${port}`,
    `--cert-dir=${folder}`,
    `--health-probe-bind-address=127.0.0.1:${probe}`,
    "--metrics-bind-address=0",
  );
  const submit = (name: string, cleanPodPolicy: string) => {
    const job = shellJob(name, "true");
    return client.request<typeof job>(
      "POST",
      "/apis/diengine.opendilab.org/v1alpha1/namespaces/default/dijobs",
      {},
      { ...job, spec: { ...job.spec, cleanPodPolicy } },
    );
  };
  try {
    await explained([webhook], async () => {
      await eventually("the webhook", async () => {
        const response = await fetch(`http://127.0.0.1:${probe}/readyz`);
        await response.body?.cancel();
        return response.status === 200;
      }, START);
      strictEqual((await submit("before", "")).spec.cleanPodPolicy, "");
      for (const configuration of await readConfigurations(port, certificate.caPem)) {
        const plural = `${configuration.kind.toLowerCase()}s`;
        await client.request(
          "POST",
          `/apis/admissionregistration.k8s.io/v1/${plural}`,
          {},
          configuration,
        );
      }
      // An API server takes a moment until it calls a webhook that is new.
      let count = 0;
      await eventually("the default", async () => {
        return (await submit(`filled-${count++}`, "")).spec.cleanPodPolicy === "Running";
      }, START);
      strictEqual((await submit("kept", "ALL")).spec.cleanPodPolicy, "ALL");
      await rejects(submit("wrong", "Sometimes"), (error: unknown) => {
        // The CRD's enum comes before a validating webhook, and says more.
        match(String(error), /spec\.cleanPodPolicy: Unsupported value: "Sometimes"/);
        return error instanceof ApiError && error.code === 422;
      });
    });
    webhook.kill("SIGTERM");
    await webhook.ended;
    await rejects(submit("alone", "None"), (error: unknown) => {
      match(String(error), /failed calling webhook "mdijob\.kb\.io"/);
      return error instanceof ApiError && error.code === 500;
    });
    const { items } = await client.list(DIJOBS, { namespace: "default" });
    strictEqual(items.some(({ metadata }) => metadata.name === "alone"), false);
  } finally {
    webhook.kill("SIGKILL");
    await webhook.ended;
    client.close();
    await plane.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
