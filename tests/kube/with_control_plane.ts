/**
 * Runs a command with a real control plane around it, and ends with its exit code:
 * `deno run -A tests/kube/with_control_plane.ts deno test -A tests/kube`.
 * Tests that call `useControlPlane()` in it share that one.
 */
import { startControlPlane } from "../support/control_plane.ts";
import { readProjectCrds, shareControlPlane } from "../support/shared_control_plane.ts";

const USAGE = "usage: with_control_plane.ts COMMAND [ARGUMENT]...";

async function run([command, ...args]: readonly string[]): Promise<number> {
  if (command === undefined) throw new Error(USAGE);
  const controlPlane = await startControlPlane({ crds: await readProjectCrds() });
  try {
    const env = shareControlPlane(controlPlane);
    return (await new Deno.Command(command, { args, env }).spawn().status).code;
  } finally {
    await controlPlane.stop();
  }
}

try {
  Deno.exitCode = await run(Deno.args);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  await Deno.stderr.write(new TextEncoder().encode(`${message}\n`));
  Deno.exitCode = 1;
}
