/** The source files of the project, as text: what the structure tests look at. */

const ROOT = new URL("../../", import.meta.url);

export interface SourceFile {
  /** From the project's top: `src/kube/client.ts`. */
  readonly path: string;
  readonly text: string;
}

/** All TypeScript of `src/` and `main.ts`, tests left out, generated types left out. */
export async function readSources(): Promise<readonly SourceFile[]> {
  const paths = await Array.fromAsync(pathsBelow("src/"));
  const wanted = [
    "main.ts",
    ...paths.filter((path) =>
      path.endsWith(".ts") && !path.endsWith("_test.ts") && path !== "src/kube/openapi.ts"
    ),
  ];
  return await Promise.all(
    wanted.sort().map(async (path) => ({
      path,
      text: await Deno.readTextFile(new URL(path, ROOT)),
    })),
  );
}

async function* pathsBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* pathsBelow(`${folder}${name}/`);
    else yield folder + name;
  }
}

/** What a file imports from this project, lazy imports included, as paths from the top. */
export function importsOf({ path, text }: SourceFile): string[] {
  const pattern =
    /^(?:import|export)\b[^;"]*?"(\.[^"]*)"|^} from "(\.[^"]*)"|\bimport\("(\.[^"]*)"\)/gm;
  return [...text.matchAll(pattern)].map(([, ...groups]) =>
    resolve(path, groups.find((group) => group !== undefined))
  );
}

/** What a file passes on: paths from the top, each with a test of whether it passes on that name. */
export function reexportsOf(
  { path, text }: SourceFile,
): { readonly path: string; readonly has: (name: string) => boolean }[] {
  const pattern = /^export (?:\*|(?:type )?\{([^}]*)\}) from "(\.[^"]*)"/gm;
  return [...text.matchAll(pattern)].map(([, list, target]) => {
    const names = list?.split(",").map((name) => name.trim().replace(/^type /, ""));
    return {
      path: resolve(path, target),
      has: (name) => names === undefined || names.includes(name),
    };
  });
}

function resolve(from: string, target = ""): string {
  return new URL(target, `file:///${from}`).pathname.slice(1);
}
