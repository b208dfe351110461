/** The embedded API server in a process of its own, with this project's kinds. */
import { fileURLToPath } from "node:url";
import { createDefinition, KubeClient, readKubeconfig } from "../../src/kube/mod.ts";
import { eventually } from "./eventually.ts";
import { ProcessKeeper } from "./process_keeper.ts";
import { readProjectCrds } from "./shared_control_plane.ts";

export interface EmbeddedApiServer {
  readonly kubeconfigPath: string;
  /** Stops it in its tracks: connections stay open and nothing answers. */
  freeze(): void;
  /** Lets it go on after `freeze()`. */
  thaw(): void;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** As a real one is a process: nothing of the server's is then left over in a test. */
export async function startEmbeddedApiServer(): Promise<EmbeddedApiServer> {
  const keeper = await ProcessKeeper.open("di-test-apiserver-");
  const kubeconfigPath = `${keeper.folder}/kubeconfig`;
  const process = await keeper.start("apiserver", [
    ...[Deno.execPath(), "run", "-A", "--quiet", MAIN, "apiserver"],
    `--write-kubeconfig=${kubeconfigPath}`,
  ]);
  try {
    await eventually("the embedded API server", async () => {
      if (process.exited) throw new Error(process.logTail());
      return await Deno.stat(kubeconfigPath).catch(() => undefined);
    });
    const client = new KubeClient(readKubeconfig(kubeconfigPath));
    const crds = await readProjectCrds();
    await Promise.all(crds.map((crd) => createDefinition(client, crd)));
    client.close();
  } catch (error) {
    await keeper.stop(0);
    throw error;
  }
  return {
    kubeconfigPath,
    freeze: () => process.signal("SIGSTOP"),
    thaw: () => process.signal("SIGCONT"),
    stop: () => keeper.stop(),
  };
}
