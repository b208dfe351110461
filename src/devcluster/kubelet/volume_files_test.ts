import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { writeVolumeFiles } from "./volume_files.ts";

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function file(path: string, content: string, mode = 0o644) {
  return { path, content, mode };
}

/** The names in a folder, those that are links with where they lead. */
function entriesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name, isSymlink }) => {
    const target = isSymlink ? Deno.readLinkSync(`${folder}/${name}`) : "";
    return target === "" || name === "..data" ? name.slice(0, 6) : `${name} -> ${target}`;
  }).sort();
}

Deno.test("writeVolumeFiles() shows files by links through ..data", () =>
  withFolder(async (folder) => {
    await writeVolumeFiles(folder, [file("a", "1"), file("x/y", "2"), file("x/z", "3", 0o400)]);
    const [hidden = "", ...shown] = entriesOf(folder);
    strictEqual(hidden.startsWith("..2"), true, hidden);
    deepStrictEqual(shown, ["..data", "a -> ..data/a", "x -> ..data/x"]);
    strictEqual(await Deno.readTextFile(`${folder}/x/z`), "3");
    strictEqual(((await Deno.stat(`${folder}/x/z`)).mode ?? 0) & 0o777, 0o400);
  }));

Deno.test("writeVolumeFiles() leaves what has not changed alone", () =>
  withFolder(async (folder) => {
    const files = [file("a", "1"), file("x/y", "2")];
    await writeVolumeFiles(folder, files);
    const before = await Deno.readLink(`${folder}/..data`);
    await writeVolumeFiles(folder, files);
    strictEqual(await Deno.readLink(`${folder}/..data`), before);
  }));

Deno.test.each([
  { what: "a text", files: [file("a", "2"), file("x/y", "2")] },
  { what: "a mode", files: [file("a", "1", 0o600), file("x/y", "2")] },
  { what: "a name", files: [file("b", "1"), file("x/y", "2")] },
  { what: "a file more", files: [file("a", "1"), file("x/y", "2"), file("x/z", "")] },
  { what: "all files less", files: [] },
])("writeVolumeFiles() takes in $what", ({ files }) =>
  withFolder(async (folder) => {
    await writeVolumeFiles(folder, [file("a", "1"), file("x/y", "2")]);
    await writeVolumeFiles(folder, files);
    const shown = entriesOf(folder).filter((name) => !name.startsWith(".."));
    const names = [...new Set(files.map(({ path }) => path.split("/")[0]))];
    deepStrictEqual(shown, names.map((name) => `${name} -> ..data/${name}`));
    for (const { path, content, mode } of files) {
      strictEqual(await Deno.readTextFile(`${folder}/${path}`), content);
      strictEqual(((await Deno.stat(`${folder}/${path}`)).mode ?? 0) & 0o777, mode);
    }
    // One folder with the files is left, and the link to it.
    strictEqual(entriesOf(folder).length - shown.length, 2);
  }));
