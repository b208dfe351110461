// deno-lint-ignore-file no-console
/** The executable, out of the bundle: nothing else goes into it. */
import { READ_LATER } from "../cli/mod.ts";
import { measureStart, showFigures } from "./figures.ts";
import { fail, inRoot, run } from "./run.ts";

const BUNDLE = "dist/di-orchestrator.js";
const EXECUTABLE = "dist/di-orchestrator";
/** What the commands need between them; `operator`, `server` and `webhook` give up most of it. */
const PERMISSIONS = [
  "--allow-net",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "--allow-write",
  `--allow-read=/,${READ_LATER.join(",")}`,
];
const HELP = `Cannot get denort, the part of Deno that an executable is made of.
  - Where a mirror has it: set DENORT_BIN to the file (denort of Deno ${Deno.version.deno}) and run this again.
  - Without it: ${BUNDLE} is the whole program too; run it with
      deno run -A ${BUNDLE} COMMAND`;

/** `--target` of the command line, for another system than this one. */
const target = Deno.args.flatMap((argument, index) =>
  argument === "--target" ? [argument, Deno.args[index + 1] ?? ""] : []
);

try {
  await run(Deno.execPath(), ["task", "--quiet", "bundle", "--quiet"]);
  const output = await compile();
  const { size } = await Deno.stat(inRoot(EXECUTABLE));
  requireBundleAlone(output);
  console.log(`${EXECUTABLE}: Deno and ${BUNDLE}`);
  if (target.length > 0) console.log(`size ${(size / 1e6).toFixed(2)} MB, for ${target[1]}`);
  else if (await isOurs()) showFigures(size, await measureStart([inRoot(EXECUTABLE)]));
  else {
    console.log(`size ${(size / 1e6).toFixed(2)} MB`);
    console.log("DENORT_BIN is no denort: the packing works, and the result cannot be started");
  }
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

async function compile(): Promise<string> {
  try {
    // What it embeds it says on standard error.
    return await run("sh", [
      "-c",
      '"$0" "$@" 2>&1',
      Deno.execPath(),
      "compile",
      "--no-check",
      "--no-prompt",
      ...PERMISSIONS,
      ...target,
      `--output=${EXECUTABLE}`,
      BUNDLE,
    ]);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const isMissing = /denort|dl\.deno\.land|Download|error sending request/i.test(text);
    return fail(isMissing ? `${causeIn(text)}\n${HELP}` : text);
  }
}

async function isOurs(): Promise<boolean> {
  const said = await run(inRoot(EXECUTABLE), ["version"]).catch(() => "");
  return said.startsWith("di-orchestrator ");
}

/** Why the download failed, of all that Deno says. */
function causeIn(text: string): string {
  const lines = text.split("\n").map((line) => line.trim().replace(/^\d+: /, ""));
  const request = lines.find((line) => line.includes("error sending request"));
  const cause = lines.findLast((line, index) => lines[index - 1] === "Caused by:" && line !== "");
  return request ?? cause ?? lines.find((line) => line.startsWith("error: ")) ?? text;
}

/** A package that came along would be one that nobody has looked at. */
function requireBundleAlone(output: string): void {
  const files = [...output.matchAll(/[├└]─+┬? (.+?) \(/gu)].map(([, name]) => name);
  if (files.join() === BUNDLE) return;
  fail(`The executable has more in it than ${BUNDLE}:\n${output}`);
}
