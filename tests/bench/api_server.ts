/** What the embedded API server does, with its clients in a process of their own. */
import { fileURLToPath } from "node:url";
import { startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import type { LoadFigures } from "./api_load.ts";

const LOAD = fileURLToPath(new URL("api_load.ts", import.meta.url));

/** Starts an API server with `program` and puts the load of `api_load.ts` on it. */
export async function measureApiServer(program: readonly string[]): Promise<LoadFigures> {
  const folder = await Deno.makeTempDir();
  const kubeconfig = `${folder}/kubeconfig`;
  const server = startCommand([...program, "apiserver", `--write-kubeconfig=${kubeconfig}`]);
  try {
    await eventually("the API server", () => Deno.stat(kubeconfig).catch(() => undefined));
    const load = startCommand([Deno.execPath(), "run", "-A", "--quiet", LOAD, kubeconfig]);
    if (await load.ended !== 0) throw new Error(load.stderr());
    return JSON.parse(load.stdout());
  } finally {
    server.kill("SIGTERM");
    await server.ended;
    await Deno.remove(folder, { recursive: true });
  }
}
