/** A cluster of one test's own, with nothing of this project in it. */
import { startControlPlane } from "./control_plane.ts";
import { printed, startOrchestrator } from "./command.ts";
import { IS_REAL } from "./test_cluster.ts";

export interface BareCluster extends AsyncDisposable {
  readonly kubeconfigPath: string;
}

/** Starts one: an embedded API server, or with `TEST_CLUSTER=kube` a real control plane. */
export async function startBareCluster(): Promise<BareCluster> {
  if (IS_REAL) {
    const { kubeconfigPath, stop } = await startControlPlane();
    return { kubeconfigPath, [Symbol.asyncDispose]: stop };
  }
  const folder = await Deno.makeTempDir({ prefix: "di-test-bare-" });
  const server = startOrchestrator("apiserver", `--write-kubeconfig=${folder}/kubeconfig`);
  const end = async () => {
    server.kill("SIGTERM");
    await server.ended;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const kubeconfigPath = await printed(server, "KUBECONFIG");
    return { kubeconfigPath, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
