// deno-lint-ignore-file no-console
/** Writes what is made from other files, or with `--check` says what of it is not current. */
import { commandReference } from "./command_reference.ts";
import { crdReference } from "./crd_reference.ts";
import { crdFiles, installationFiles } from "./installation.ts";
import type { Outputs } from "./outputs.ts";

const ROOT = new URL("../../", import.meta.url);

const crds = crdFiles();
const outputs: Outputs = {
  ...crds,
  ...await installationFiles(crds),
  ...crdReference(),
  ...await commandReference(),
};
let stale = 0;
for (const [path, text] of Object.entries(outputs)) {
  const url = new URL(path, ROOT);
  const current = await Deno.readTextFile(url).catch(() => "");
  if (current === text) continue;
  if (Deno.args.includes("--check")) {
    stale++;
    console.error(`${path} is not current: run \`deno task generate\``);
  } else {
    await Deno.mkdir(new URL(".", url), { recursive: true });
    await Deno.writeTextFile(url, text);
    console.error(`${path} written`);
  }
}
Deno.exit(stale === 0 ? 0 : 1);
