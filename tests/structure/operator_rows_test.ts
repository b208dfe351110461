/** `docs/operator-behaviour.md` and the tests that it names. */
import { deepStrictEqual, ok } from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const PAGE = "docs/operator-behaviour.md";
const FOLDER = "tests/e2e/";
const ROW_FILE = /^operator_rows_\w+_test\.ts$/;

/** A test, as `file: name`. */
type Named = string;

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** The tests in the last column of the page's tables. */
async function testsOfPage(): Promise<Named[]> {
  const rows = (await read(PAGE)).split("\n").filter((line) => /^\| (?!situation )/.test(line));
  return rows.flatMap((row) => {
    const cell = row.replace(/ \|$/, "").split(" | ").at(-1) ?? "";
    return cell.split("<br>").map((test) => {
      const [, file, name] = /^\[[^\]]+\]\(\.\.\/([^)]+)\): (.+)$/.exec(test) ?? [];
      ok(file !== undefined && name !== undefined, `no test in this row of ${PAGE}: ${row}`);
      return `${file}: ${name}`;
    });
  });
}

/** The tests that a file declares by literal names. */
async function testsOfFile(path: string): Promise<Named[]> {
  const declared = /^(?:Deno\.test\(|\]\)\(|\)\()\s*"((?:[^"\\]|\\.)*)"/gm;
  return [...(await read(path)).matchAll(declared)].map(([, name]) => `${path}: ${name}`);
}

function isOfRows(named: Named): boolean {
  return named.startsWith(FOLDER) && ROW_FILE.test(named.slice(FOLDER.length).split(":")[0] ?? "");
}

Deno.test("each test that the page on the operator names is there", async () => {
  const named = [...new Set(await testsOfPage())];
  ok(named.length > 80, "the rows were not found");
  const files = [...new Set(named.map((test) => test.split(":")[0] ?? ""))];
  const declared = new Set((await Promise.all(files.map(testsOfFile))).flat());
  deepStrictEqual(named.filter((test) => !declared.has(test)), []);
});

Deno.test("the page on the operator names each test of its rows", async () => {
  const entries = await Array.fromAsync(Deno.readDir(new URL(FOLDER, ROOT)));
  const files = entries.map(({ name }) => name).filter((name) => ROW_FILE.test(name));
  ok(files.length > 3, "the files of the rows were not found");
  const declared = (await Promise.all(files.map((name) => testsOfFile(FOLDER + name)))).flat();
  const named = (await testsOfPage()).filter(isOfRows);
  deepStrictEqual([...new Set(named)].sort(), declared.sort());
});

Deno.test("the page on the operator has keys that the differences explain", async () => {
  const keysIn = (text: string) => new Set(text.match(/\bQ\d+\b/g));
  const explained = keysIn(await read("docs/differences.md"));
  deepStrictEqual([...keysIn(await read(PAGE))].filter((key) => !explained.has(key)), []);
});
