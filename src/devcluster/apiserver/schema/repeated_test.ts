import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { findRepeated, textFaults } from "./repeated.ts";

/** What is wrong with a text whose unknown fields are these. */
function faultsOf(text: string, unknown: readonly string[], order: "text" | "repeatedFirst") {
  return textFaults(findRepeated(text, JSON.parse(text)), unknown, order).warnings;
}

Deno.test.each([
  { text: "{}", paths: [] },
  { text: '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', paths: [] },
  { text: '{"a":1, "a" :2,"a"\n:3}', paths: ["a"] },
  { text: '{"a":{"b":1,"b":2},"c":[[{"d":1},{"d":1,"d":2}]]}', paths: ["a.b", "c[0][1].d"] },
  { text: '{"a":{"b":1,"b":2},"a":{"b":1}}', paths: ["a.b", "a"] },
  { text: '{"x":"\\"x\\":","x\\\\":"}{","\\u0078":"\\\\"}', paths: ["x"] },
  { text: '{"a":"b","b":"a:","c":["a","b"]}', paths: [] },
  { text: '{"__proto__":1,"__proto__":2,"":1,"":2}', paths: ["__proto__", ""] },
  { text: '"a"', paths: [] },
])("findRepeated() finds $paths in $text", ({ text, paths }) => {
  deepStrictEqual(
    faultsOf(text, [], "text"),
    paths.map((path) => `duplicate field "${path}"`),
  );
});

Deno.test("findRepeated() finds nothing in what JSON.stringify() writes", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value);
    strictEqual(findRepeated(text, JSON.parse(text)), undefined);
  }));
});

Deno.test("findRepeated() goes as deep as the text does", () => {
  const depth = 5000;
  const text = `${"[".repeat(depth)}{"a":1,"a":2}${"]".repeat(depth)}`;
  deepStrictEqual(faultsOf(text, [], "text"), [`duplicate field "${"[0]".repeat(depth)}.a"`]);
});

const TEXT = '{"z":{"a":1,"a":2},"b":1,"b":2,"y":0}';

Deno.test("textFaults() says what is wrong where it is met, and nothing of what is inside it", () => {
  deepStrictEqual(faultsOf(TEXT, ["y", "z"], "text"), [
    'unknown field "z"',
    'duplicate field "b"',
    'unknown field "y"',
  ]);
});

Deno.test("textFaults() says what is there twice first where a text is read as a whole", () => {
  deepStrictEqual(faultsOf(TEXT, ["y", "z"], "repeatedFirst"), [
    'duplicate field "z.a"',
    'duplicate field "b"',
    'unknown field "y"',
    'unknown field "z"',
  ]);
});
