/**
 * The cluster that a story runs on: our API server in this process, or, with `TEST_CLUSTER=kube`, a real
 * control plane. A story cannot tell which.
 */
import { startApiServer } from "../../src/devcluster/apiserver/mod.ts";
import {
  isAlreadyExists,
  isNotFound,
  KubeClient,
  type KubeObject,
  NAMESPACES,
  parseKubeconfig,
  readKubeconfig,
  type Resource,
} from "../../src/kube/mod.ts";
import { eventually } from "./eventually.ts";
import { readProjectCrds, useControlPlane } from "./shared_control_plane.ts";

export interface TestCluster {
  readonly client: KubeClient;
  readonly kubeconfigPath: string;
  /** Whether objects go when their owners go: a control plane without controllers does not see to it. */
  readonly hasGarbageCollector: boolean;
}

export const IS_REAL = Deno.env.get("TEST_CLUSTER") === "kube";

export const CRDS: Resource<KubeObject> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** Gives the tests of the calling file a cluster that has this project's kinds. Call it at the top level. */
export function useTestCluster(): () => TestCluster {
  const access = IS_REAL ? useControlPlane() : useEmbedded();
  let cluster: TestCluster | undefined;
  Deno.test.beforeAll(() => {
    const { kubeconfigPath, hasGarbageCollector } = access();
    const client = new KubeClient(readKubeconfig(kubeconfigPath));
    cluster = { client, kubeconfigPath, hasGarbageCollector };
  });
  Deno.test.afterAll(() => cluster?.client.close());
  return () => {
    if (cluster === undefined) throw new Error("The cluster is only there inside of tests");
    return cluster;
  };
}

function useEmbedded(): () => Omit<TestCluster, "client"> {
  let path: string | undefined;
  let stop: (() => Promise<void>) | undefined;
  Deno.test.beforeAll(async () => {
    const server = await startApiServer({ bindAddress: "127.0.0.1:0" });
    stop = () => server.stop();
    path = await Deno.makeTempFile({ prefix: "di-test-kubeconfig-" });
    await Deno.writeTextFile(path, server.kubeconfig());
    const client = new KubeClient(parseKubeconfig(server.kubeconfig(), path));
    for (const crd of await readProjectCrds()) await client.create(CRDS, crd);
    client.close();
  });
  Deno.test.afterAll(async () => {
    await stop?.();
    if (path !== undefined) await Deno.remove(path);
  });
  return () => ({ kubeconfigPath: path ?? "", hasGarbageCollector: true });
}

/** Makes a namespace of the test's own, with a name that starts with `prefix`. */
export async function createNamespace({ client }: TestCluster, prefix: string): Promise<string> {
  const name = `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
  await client.create(NAMESPACES, { metadata: { name } });
  // A real control plane gives it the account that its pods run as.
  await eventually(`service account of ${name}`, async () => {
    try {
      await client.request("GET", `/api/v1/namespaces/${name}/serviceaccounts/default`, {});
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
  return name;
}

/** Makes the namespace unless it is there. */
export async function ensureNamespace({ client }: TestCluster, name: string): Promise<void> {
  try {
    await client.create(NAMESPACES, { metadata: { name } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
