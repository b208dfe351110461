import { deepStrictEqual, match, notStrictEqual, strictEqual } from "node:assert/strict";
import { suffixOf } from "./names.ts";

Deno.test("suffixOf() derives from its seed and nothing else", () => {
  strictEqual(suffixOf("a-uid", 0), suffixOf("a-uid", 0));
  notStrictEqual(suffixOf("a-uid", 0), suffixOf("a-uid", 1));
  notStrictEqual(suffixOf("a-uid", 0), suffixOf("b-uid", 0));
});

Deno.test("suffixOf() has five characters of the name's alphabet, all of them in use", () => {
  const suffixes = Array.from({ length: 1000 }, (_, index) => suffixOf(`seed-${index}`, 0));
  for (const suffix of suffixes) match(suffix, /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  deepStrictEqual(new Set(suffixes.join("")).size, 27);
});
