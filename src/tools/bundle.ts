// deno-lint-ignore-file no-console
/** One minified JavaScript file of the whole program, with the commit that it was made of. */
import { measureStart, showFigures } from "./figures.ts";
import { fail, inRoot, run } from "./run.ts";

const BUNDLE = "dist/di-orchestrator.js";
/** What `src/cli/version.ts` has in the place of the commit. */
const PLACEHOLDER = "@commit@";
/**
 * What esbuild leaves where a package in CommonJS requires one of Node's modules. Deno puts a `require`
 * there, but overlooks it when minifying gave it a name with a `$`: it then takes one that is in sight.
 */
const NO_REQUIRE = `Dynamic require of "`;
const REQUIRE = 'import{createRequire as __createRequire}from"node:module";' +
  "const require=__createRequire(import.meta.url);\n";

/** The commit that is checked out; of a folder without git what `SOURCE_COMMIT` says. */
async function commitOf(): Promise<string> {
  const given = Deno.env.get("SOURCE_COMMIT");
  if (given) return given;
  try {
    const commit = (await run("git", ["rev-parse", "--short=12", "HEAD"])).trim();
    const changes = (await run("git", ["status", "--porcelain", "--untracked-files=no"])).trim();
    return changes === "" ? commit : `${commit}+changes`;
  } catch {
    return "unknown";
  }
}

try {
  const commit = await commitOf();
  await run(Deno.execPath(), ["bundle", "--quiet", "--minify", "--output", BUNDLE, "main.ts"]);
  const text = await Deno.readTextFile(inRoot(BUNDLE));
  if (!text.includes(PLACEHOLDER)) fail(`${BUNDLE} has no place for the commit`);
  const head = text.includes(NO_REQUIRE) ? REQUIRE : "";
  await Deno.writeTextFile(inRoot(BUNDLE), head + text.replace(PLACEHOLDER, commit));
  // A file that Deno has never analysed costs its first process about 40 MB more.
  await run(Deno.execPath(), ["cache", "--quiet", BUNDLE]);
  const { size } = await Deno.stat(inRoot(BUNDLE));
  console.log(`${BUNDLE}, commit ${commit}`);
  if (!Deno.args.includes("--quiet")) {
    showFigures(size, await measureStart([Deno.execPath(), "run", "-A", "--quiet", BUNDLE]));
  }
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
