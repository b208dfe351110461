/** An API server that verifies kubelets, as a hardened cluster's does. */
import { match, strictEqual } from "node:assert/strict";
import { makeCertificate } from "../../src/devcluster/certificate.ts";
import { KubeClient, type Pod, PODS, readKubeconfig } from "../../src/kube/mod.ts";
import { aContainer } from "../support/builders.ts";
import { explained, startOrchestrator } from "../support/command.ts";
import { startControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { Kubectl } from "../support/kubectl.ts";

const NAMESPACE = "default";
const START = { timeoutMs: 30_000 };

/** A pod that has said where it is, on a node of this name. */
async function runPod(client: KubeClient, node: string): Promise<void> {
  const key = { namespace: NAMESPACE, name: node };
  await client.create<Pod>(PODS, {
    metadata: key,
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      containers: [aContainer({ command: ["sh", "-c", `echo on ${node}`] })],
    },
  });
  await eventually(`the end of pod ${node}`, async () => {
    return (await client.get(PODS, key)).status?.phase === "Succeeded";
  }, START);
}

Deno.test("logs go through an API server that verifies kubelets, with --tls-cert-file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "di-test-kubelet-" });
  const { certPem, keyPem, caPem } = await makeCertificate("kubelet");
  const paths = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, ca: `${folder}/ca.pem` };
  await Deno.writeTextFile(paths.cert, certPem);
  await Deno.writeTextFile(paths.key, keyPem);
  await Deno.writeTextFile(paths.ca, caPem);
  const controlPlane = await startControlPlane({
    apiServerFlags: [`--kubelet-certificate-authority=${paths.ca}`],
  });
  const { kubeconfigPath } = controlPlane;
  const client = new KubeClient(readKubeconfig(kubeconfigPath));
  const kubectl = new Kubectl(kubeconfigPath);
  const start = (name: string, ...flags: string[]) =>
    startOrchestrator("kubelet", "--kubeconfig", kubeconfigPath, "--node-name", name, ...flags);
  const kubelets = [
    start("known", "--tls-cert-file", paths.cert, "--tls-private-key-file", paths.key),
    start("unknown"),
  ];
  try {
    await explained(kubelets, async () => {
      await Promise.all(["known", "unknown"].map((name) => runPod(client, name)));
      strictEqual(await kubectl.ok(["logs", "known"]), "on known\n");
      const { code, stderr } = await kubectl.run(["logs", "unknown"]);
      strictEqual(code, 1);
      match(stderr, /failed to verify certificate/);
    });
  } finally {
    for (const kubelet of kubelets) kubelet.kill("SIGTERM");
    await Promise.all(kubelets.map(({ ended }) => ended));
    kubectl.close();
    client.close();
    await controlPlane.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
