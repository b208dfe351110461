import { deepStrictEqual, ok } from "node:assert/strict";
import { readSources, reexportsOf, type SourceFile } from "./source_files.ts";

/** A file that is longer usually holds two subjects. */
const LINES_MAX = 400;

Deno.test(`no file of src/ has more than ${LINES_MAX} lines`, async () => {
  const long = (await readSources())
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX);
  deepStrictEqual(long, []);
});

Deno.test("files are named in snake_case", async () => {
  const paths = (await readSources()).map(({ path }) => path);
  deepStrictEqual(paths.filter((path) => !/^([a-z0-9_]+\/)*[a-z0-9_]+\.ts$/.test(path)), []);
});

Deno.test("main.ts is the only file that ends the process", async () => {
  const ending = (await readSources()).filter(({ path, text }) =>
    !path.startsWith("src/tools/") && /\b(Deno\.exit(Code)?|process\.exit)\b/.test(text)
  );
  deepStrictEqual(ending.map(({ path }) => path), ["main.ts"]);
});

/** Exported names without a doc comment, whose own words say it all. */
const SPEAK_FOR_THEMSELVES = new Set([
  "src/api/names.ts: coordinatorName",
  "src/kube/errors.ts: isNotFound",
]);

Deno.test("every function and class that a room offers says what it gives", async () => {
  const sources = await readSources();
  const offers = sources.filter(({ path }) => path.endsWith("/mod.ts")).flatMap(reexportsOf);
  const isOffered = (path: string, name: string) =>
    path.endsWith("/mod.ts") || path.startsWith("src/lib/") ||
    offers.some((offer) => offer.path === path && offer.has(name));
  const offered = sources.flatMap(declarationsOf).filter(({ path, name }) => isOffered(path, name));
  ok(offered.length > 50, "the declarations were not found");
  const silent = offered.filter(({ isDocumented }) => !isDocumented);
  const names = silent.map(({ path, name }) => `${path}: ${name}`);
  deepStrictEqual(names.filter((name) => !SPEAK_FOR_THEMSELVES.has(name)), []);
});

interface Declaration {
  readonly path: string;
  readonly name: string;
  /** A comment stands right above it. */
  readonly isDocumented: boolean;
}

/** The functions and classes that a file exports. */
function declarationsOf({ path, text }: SourceFile): Declaration[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const name = /^export (?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
    const isDocumented = lines[index - 1]?.endsWith("*/") ?? false;
    return name === undefined ? [] : [{ path, name, isDocumented }];
  });
}
