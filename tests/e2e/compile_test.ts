/** `deno task compile`: what goes into the executable, and what is said when it cannot be made. */
import { match, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { run } from "../support/run_program.ts";

const cwd = fileURLToPath(new URL("../../", import.meta.url));

function compile(denort: string) {
  return run([Deno.execPath(), "task", "--quiet", "compile"], { cwd, env: { DENORT_BIN: denort } });
}

Deno.test("compile packs the bundle and nothing else, and says why when it cannot", async () => {
  // Deno itself stands in for its smaller part: that shows the packing, and starts as plain Deno.
  const packed = await compile(Deno.execPath());
  strictEqual(packed.code, 0, packed.stderr);
  match(packed.stdout, /^dist\/di-orchestrator: Deno and dist\/di-orchestrator\.js$/m);
  match(packed.stdout, /^size \d+\.\d\d MB$/m);

  const none = await compile("/nowhere/denort");
  strictEqual(none.code, 1);
  match(
    none.stderr,
    /Cannot get denort, .*\n.*set DENORT_BIN .*\n.*dist\/di-orchestrator\.js is the whole/,
  );
});

Deno.test("the bundle is small, has its commit in it, and starts", async () => {
  const made = await run([Deno.execPath(), "task", "--quiet", "bundle"], { cwd });
  strictEqual(made.code, 0, made.stderr);
  match(made.stdout, /^size 1\.\d\d MB, operator starts in \d+\.\d\d s, memory \d+ MB$/m);
  const version = await run([
    Deno.execPath(),
    "run",
    "-A",
    `${cwd}dist/di-orchestrator.js`,
    "version",
  ]);
  match(
    version.stdout,
    /^di-orchestrator \d+\.\d+\.\d+\ncommit +([0-9a-f]{12}(\+changes)?|unknown)$/m,
  );
});
