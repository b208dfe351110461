/** The kustomize base and its overlays: what kubectl makes of them, and that an API server takes it. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../src/kube/mod.ts";
import { hasKubectl, Kubectl } from "../support/kubectl.ts";
import { ensureNamespace, useTestCluster } from "../support/test_cluster.ts";

const FOLDER = "deploy/kustomize";
const cluster = useTestCluster();

interface Manifest extends KubeObject {
  readonly kind: string;
  readonly spec?: {
    readonly replicas?: number;
    readonly type?: string;
    readonly ports?: readonly { readonly nodePort?: number }[];
    readonly ingress?: readonly { readonly from?: unknown }[];
  };
}

async function build(kubectl: Kubectl, name: string): Promise<{ text: string; all: Manifest[] }> {
  const { code, stdout, stderr } = await kubectl.run(["kustomize", `${FOLDER}/${name}`]);
  strictEqual(code, 0, stderr);
  return { text: stdout, all: parse(stdout) };
}

function parse(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function titles(all: readonly Manifest[]): string[] {
  return all.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
}

function named(all: readonly Manifest[], kind: string, name: string): Manifest["spec"] {
  return all.find((each) => each.kind === kind && each.metadata.name === name)?.spec;
}

/** Kinds that a cluster has only with cert-manager. */
const CERT_MANAGER = ["Issuer", "Certificate"];

Deno.test({
  name: "the base is the one-file installation, and each overlay is it with what its comment says",
  ignore: !hasKubectl(),
  async fn() {
    const kubectl = new Kubectl(cluster().kubeconfigPath);
    try {
      const [base, single, nodePort, webhook] = await Promise.all(
        ["base", "overlays/single-copy", "overlays/nodeport", "overlays/webhook"].map((name) =>
          build(kubectl, name)
        ),
      );
      if (!base || !single || !nodePort || !webhook) throw new Error("not built");
      const oneFile = parse(await Deno.readTextFile("deploy/di-manager.yaml"));
      const byTitle = (all: readonly Manifest[]) =>
        Object.fromEntries(all.map((each) => [`${each.kind} ${each.metadata.name}`, each]));
      deepStrictEqual(byTitle(base.all), byTitle(oneFile));

      strictEqual(named(single.all, "Deployment", "di-server")?.replicas, 1);
      deepStrictEqual(
        titles(base.all).filter((title) => !titles(single.all).includes(title)),
        ["PodDisruptionBudget di-server"],
      );
      const service = named(nodePort.all, "Service", "di-server-nodeport");
      deepStrictEqual([service?.type, service?.ports?.[0]?.nodePort], ["NodePort", 32270]);
      strictEqual(named(nodePort.all, "NetworkPolicy", "di-server")?.ingress?.[0]?.from, undefined);
      deepStrictEqual(titles(webhook.all).filter((title) => !titles(base.all).includes(title)), [
        "Certificate di-serving-cert",
        "Deployment di-webhook",
        "Issuer di-selfsigned-issuer",
        "MutatingWebhookConfiguration di-mutating-webhook-configuration",
        "PodDisruptionBudget di-webhook",
        "Service di-webhook-service",
        "ServiceAccount di-webhook",
        "ValidatingWebhookConfiguration di-validating-webhook-configuration",
      ]);

      await ensureNamespace(cluster(), "di-system");
      for (const { text } of [single, nodePort, webhook]) {
        const known = text.split(/^---\n/m).filter((part) =>
          !CERT_MANAGER.some((kind) => part.includes(`kind: ${kind}\n`))
        );
        const { code, stderr } = await kubectl.run(
          ["apply", "--dry-run=server", "--validate=strict", "-f", "-"],
          known.join("---\n"),
        );
        strictEqual(code, 0, stderr);
      }
    } finally {
      kubectl.close();
    }
  },
});
