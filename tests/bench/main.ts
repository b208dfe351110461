// deno-lint-ignore-file no-console
/** Prints every figure, measured on a real control plane. `deno task bench`. */
import { fileURLToPath } from "node:url";
import { startControlPlane } from "../support/control_plane.ts";
import { readProjectCrds } from "../support/shared_control_plane.ts";
import { measureIdle } from "./idle.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const bundled = await new Deno.Command(Deno.execPath(), {
  args: ["task", "--quiet", "bundle"],
  cwd: ROOT,
}).output();
if (!bundled.success) throw new Error(new TextDecoder().decode(bundled.stderr));
const { size } = await Deno.stat(`${ROOT}dist/di-orchestrator.js`);
row("bundle, minified", size / 1e6, "MB", "");

const plane = await startControlPlane({ crds: await readProjectCrds() });
try {
  const idle = await measureIdle(plane.kubeconfigPath);
  for (const [name, ms] of Object.entries(idle.readyMs)) {
    row(`${name}: start to ready`, ms, "ms", "");
  }
  for (const [name, mb] of Object.entries(idle.memoryMb)) {
    row(`${name}: idle memory`, mb, "MB PSS", "");
  }
  row("operator + server: idle memory", sum(idle.memoryMb), "MB PSS", "under 120");
  for (const [name, share] of Object.entries(idle.cpuPercent)) {
    row(`${name}: idle processor time`, share, "% of a core", "");
  }
  row("operator + server: idle processor time", sum(idle.cpuPercent), "% of a core", "under 1");
} finally {
  await plane.stop();
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

function row(what: string, value: number, unit: string, goal: string): void {
  const figure = value.toFixed(value < 10 ? 2 : 1).padStart(10);
  console.log(
    `${what.padEnd(42)}${figure} ${unit.padEnd(12)} ${goal && `(goal: ${goal})`}`.trimEnd(),
  );
}
