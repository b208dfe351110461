/**
 * The cluster that a story runs on: our API server in a process of its own, or, with `TEST_CLUSTER=kube`, a real
 * control plane. A story cannot tell which.
 */
import {
  isAlreadyExists,
  isNotFound,
  KubeClient,
  NAMESPACES,
  readKubeconfig,
} from "../../src/kube/mod.ts";
import { type EmbeddedApiServer, startEmbeddedApiServer } from "./embedded_api_server.ts";
import { eventually } from "./eventually.ts";
import { useControlPlane } from "./shared_control_plane.ts";

export interface TestCluster {
  readonly client: KubeClient;
  readonly kubeconfigPath: string;
  /** Whether objects go when their owners go: a control plane without controllers does not see to it. */
  readonly hasGarbageCollector: boolean;
}

export const IS_REAL = Deno.env.get("TEST_CLUSTER") === "kube";

/** Where the product itself lives, and its server keeps records. */
export const SYSTEM_NAMESPACE = "di-system";

/** Gives the tests of the calling file a cluster that has this project's kinds. Call it at the top level. */
export function useTestCluster(): () => TestCluster {
  const access = IS_REAL ? useControlPlane() : useEmbedded();
  let cluster: TestCluster | undefined;
  Deno.test.beforeAll(async () => {
    const { kubeconfigPath, hasGarbageCollector } = access();
    const client = new KubeClient(readKubeconfig(kubeconfigPath));
    cluster = { client, kubeconfigPath, hasGarbageCollector };
    await ensureNamespace(cluster, SYSTEM_NAMESPACE);
  });
  Deno.test.afterAll(() => cluster?.client.close());
  return () => {
    if (cluster === undefined) throw new Error("The cluster is only there inside of tests");
    return cluster;
  };
}

function useEmbedded(): () => Omit<TestCluster, "client"> {
  let server: EmbeddedApiServer | undefined;
  Deno.test.beforeAll(async () => {
    server = await startEmbeddedApiServer();
  });
  Deno.test.afterAll(() => server?.stop());
  return () => ({ kubeconfigPath: server?.kubeconfigPath ?? "", hasGarbageCollector: true });
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
