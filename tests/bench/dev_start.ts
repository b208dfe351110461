/** How long `dev` takes until it can be used. */
import { readKubeconfig } from "../../src/kube/mod.ts";
import { startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { HttpApi } from "../support/http_api.ts";

/**
 * Starts `dev` and stops it again.
 *
 * @param program The words before `dev`.
 * @returns From the start of the process until it has said where its kubeconfig is and its API server
 * says it is ready, in ms.
 */
export async function measureDevStart(program: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const dev = startCommand([...program, "dev"]);
  try {
    const path = await eventually(
      "the kubeconfig of dev",
      () => /^KUBECONFIG=(.+)$/m.exec(dev.stdout())?.[1],
      { intervalMs: 2 },
    );
    const api = new HttpApi(readKubeconfig(path));
    try {
      await eventually("the API server of dev", async () => {
        const { status } = await api.send({ method: "GET", path: "/readyz" });
        return status === 200;
      }, { intervalMs: 2 });
      return performance.now() - startedAt;
    } finally {
      api.close();
    }
  } finally {
    dev.kill("SIGTERM");
    await dev.ended;
  }
}
