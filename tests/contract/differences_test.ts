/** The accepted differences are in the documentation too, word by word. */
import { deepStrictEqual } from "node:assert/strict";
import { DIFFERENCES } from "./differences.ts";

const PAGE = new URL("../../docs/dev-cluster.md", import.meta.url);
const HEADING = "### Accepted differences of the API server";

/** Rows of the table below `heading`, as `[first cell, second cell]`. */
function rowsBelow(page: string, heading: string): string[][] {
  const section = page.split(`${heading}\n`)[1]?.split(/^#/m)[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("docs/dev-cluster.md lists the accepted differences, and no others", async () => {
  deepStrictEqual(rowsBelow(await Deno.readTextFile(PAGE), HEADING), Object.entries(DIFFERENCES));
});
