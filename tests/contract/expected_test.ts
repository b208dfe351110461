import { doesNotThrow, throws } from "node:assert/strict";
import { ABSENT, ANY, assertMatches, EMPTY, named, whole } from "./expected.ts";

Deno.test.each<{ when: string; found: unknown; expected: unknown }>([
  { when: "has more fields", found: { a: 1, b: 2 }, expected: { a: 1 } },
  { when: "matches a pattern", found: { a: "xyz" }, expected: { a: /^x/ } },
  { when: "has any value", found: { a: false }, expected: { a: ANY } },
  { when: "lacks what must be absent", found: {}, expected: { a: ABSENT } },
  { when: "has an empty text", found: { a: "" }, expected: { a: EMPTY } },
  { when: "lacks what must be empty", found: {}, expected: { a: EMPTY } },
  { when: "has items with more fields", found: [{ a: 1, b: 2 }], expected: [{ a: 1 }] },
  { when: "is whole", found: { a: [{ b: 1 }] }, expected: whole({ a: [{ b: 1 }] }) },
  {
    when: "is whole but for what every object is given",
    found: { metadata: { name: "a", uid: "u", resourceVersion: "7" } },
    expected: whole({ metadata: { name: "a" } }),
  },
  {
    when: "has items of these names among others",
    found: [{ name: "b" }, { name: "a", x: 1 }, { name: "c" }],
    expected: named([{ name: "a", x: 1 }, { name: "b" }]),
  },
])("assertMatches() takes what $when", ({ found, expected }) => {
  doesNotThrow(() => assertMatches(found, expected));
});

Deno.test.each<{ when: string; found: unknown; expected: unknown }>([
  { when: "has another value", found: { a: 1 }, expected: { a: 2 } },
  { when: "lacks a field", found: {}, expected: { a: 1 } },
  { when: "is no object", found: "text", expected: { a: 1 } },
  { when: "does not match a pattern", found: { a: "yz" }, expected: { a: /^x/ } },
  { when: "lacks a value", found: { a: null }, expected: { a: ANY } },
  { when: "has what must be absent", found: { a: 1 }, expected: { a: ABSENT } },
  { when: "has a text that must be empty", found: { a: "x" }, expected: { a: EMPTY } },
  { when: "has more items", found: [1, 2], expected: [1] },
  { when: "has fewer items", found: [1], expected: [1, 2] },
  {
    when: "has the items in another order",
    found: [{ a: 2 }, { a: 1 }],
    expected: [{ a: 1 }, { a: 2 }],
  },
  { when: "is more than the whole", found: { a: 1, b: 2 }, expected: whole({ a: 1 }) },
  {
    when: "is more than the whole, deep down",
    found: { a: [{ b: 1, c: 2 }] },
    expected: whole({ a: [{ b: 1 }] }),
  },
  { when: "lacks an item of a name", found: [{ name: "b" }], expected: named([{ name: "a" }]) },
  {
    when: "has another item of a name",
    found: [{ name: "a", x: 2 }],
    expected: named([{ name: "a", x: 1 }]),
  },
])("assertMatches() refuses what $when", ({ found, expected }) => {
  throws(() => assertMatches(found, expected), { code: "ERR_ASSERTION" });
});
