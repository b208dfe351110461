/** One version: what `deno.json` says is what image, manifests, examples and pages name. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
/** Where the image is named, beside the pages at the top. */
const FOLDERS = ["deploy/", "examples/", "docs/"];

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* filesBelow(`${folder}${name}/`);
    else yield folder + name;
  }
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

Deno.test("the image is named with the version of deno.json everywhere", async () => {
  const inFolders = await Promise.all(FOLDERS.map((folder) => Array.fromAsync(filesBelow(folder))));
  const paths = ["Dockerfile", "README.md", "src/install/objects.json", ...inFolders.flat()];
  const named = await Promise.all(
    paths.map(async (path) =>
      [...(await read(path)).matchAll(/\/di-orchestrator:v([\w.-]+)/g)]
        .map(([, version = ""]) => ({ path, version }))
    ),
  );
  ok(named.flat().length > 10, "the images were not found");
  deepStrictEqual(named.flat().filter(({ version }) => version !== config.version), []);
});

Deno.test("the image's label and the list of changes have the version of deno.json", async () => {
  match(await read("Dockerfile"), label(config.version));
  match(await read("CHANGELOG.md"), new RegExp(`^## ${escape(config.version)}( |$)`, "m"));
});

function label(version: string): RegExp {
  return new RegExp(`org\\.opencontainers\\.image\\.version="${escape(version)}"`);
}

function escape(text: string): string {
  return text.replaceAll(".", "\\.");
}
