import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { JsonObject } from "../json.ts";
import { Shape } from "../schema/shape.ts";
import { applyDefaults, pruneUnknown } from "./decode.ts";
import { compareVersions } from "./definition.ts";
import { checkSchema } from "./structural.ts";
import { validateRules } from "./rules.ts";
import { validateSchema } from "./validate.ts";

const shapeOf = (properties: JsonObject, more: JsonObject = {}) =>
  new Shape({ type: "object", properties, ...more });
const textsOf = (errors: readonly { field: string; message: string }[]) =>
  errors.map(({ field, message }) => `${field}: ${message}`);

Deno.test.each<{ schema: JsonObject; value: unknown; faults: string[] }>([
  { schema: { type: "string" }, value: "x", faults: [] },
  {
    schema: { type: "string" },
    value: 1,
    faults: ['a: Invalid value: "integer": a in body must be of type string: "integer"'],
  },
  {
    schema: { type: "string", enum: ["X", "Y"] },
    value: "Z",
    faults: ['a: Unsupported value: "Z": supported values: "X", "Y"'],
  },
  {
    schema: { type: "integer", minimum: 1 },
    value: 0,
    faults: ["a: Invalid value: 0: a in body should be greater than or equal to 1"],
  },
  {
    schema: { type: "string", maxLength: 2 },
    value: "abc",
    faults: ["a: Too long: may not be more than 2 bytes"],
  },
  {
    schema: { type: "string", pattern: "^b" },
    value: "a",
    faults: [`a: Invalid value: "a": a in body should match '^b'`],
  },
  {
    schema: { type: "object", required: ["b"], properties: { b: { type: "string" } } },
    value: {},
    faults: ["a.b: Required value"],
  },
  {
    schema: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    value: ["x", "x"],
    faults: ['a[1]: Duplicate value: "x"'],
  },
  { schema: { "x-kubernetes-int-or-string": true }, value: "50%", faults: [] },
  { schema: { type: "string", nullable: true }, value: null, faults: [] },
])("validateSchema() of $value finds $faults", ({ schema, value, faults }) => {
  deepStrictEqual(textsOf(validateSchema({ a: value }, shapeOf({ a: schema }))), faults);
});

Deno.test("pruneUnknown() keeps what is declared or preserved", () => {
  const shape = shapeOf({
    spec: {
      type: "object",
      properties: {
        known: { type: "string" },
        open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        map: { type: "object", additionalProperties: { type: "string" } },
      },
    },
  });
  const value = {
    apiVersion: "v1",
    kind: "Foo",
    metadata: { name: "x" },
    spec: { known: "a", open: { any: 1 }, map: { k: "v" }, other: 1 },
    top: 1,
  };
  deepStrictEqual(pruneUnknown(value, shape), ["spec.other", "top"]);
  deepStrictEqual(value.spec, { known: "a", open: { any: 1 }, map: { k: "v" } } as unknown);
});

Deno.test("applyDefaults() fills absent fields and drops nulls that may not be", () => {
  const shape = shapeOf({
    a: { type: "integer", default: 5 },
    b: { type: "string" },
    c: { type: "string", nullable: true },
    d: { type: "object", default: {}, properties: { e: { type: "string", default: "x" } } },
  });
  const value = { a: null, b: null, c: null };
  applyDefaults(value, shape);
  deepStrictEqual(value, { a: 5, c: null, d: { e: "x" } } as unknown);
});

const rule = (text: string, more: JsonObject = {}) => ({
  "x-kubernetes-validations": [{ rule: text, ...more }],
});
Deno.test.each<{ rules: JsonObject; value: JsonObject; before?: JsonObject; faults: string[] }>([
  { rules: rule("self.n < 5"), value: { n: 4 }, faults: [] },
  {
    rules: rule("self.n < 5", { message: "too big", fieldPath: ".n" }),
    value: { n: 6 },
    faults: ["spec.n: Invalid value: too big"],
  },
  {
    rules: rule("self.n < 5", { messageExpression: "'found ' + string(self.n)" }),
    value: { n: 6 },
    faults: ["spec: Invalid value: found 6"],
  },
  { rules: rule("self.n == oldSelf.n"), value: { n: 1 }, faults: [] },
  {
    rules: rule("self.n == oldSelf.n", { message: "fixed" }),
    value: { n: 1 },
    before: { n: 2 },
    faults: ["spec: Invalid value: fixed"],
  },
  { rules: rule("!has(self.n) || self.n > 0"), value: {}, faults: [] },
])("validateRules() of $value finds $faults", ({ rules, value, before, faults }) => {
  const shape = shapeOf({
    spec: { type: "object", properties: { n: { type: "integer" } }, ...rules },
  });
  const previous = before === undefined ? undefined : { spec: before };
  deepStrictEqual(textsOf(validateRules({ spec: value }, previous, shape)), faults);
});

Deno.test("rules at the root see no more of the metadata than the name", () => {
  const shape = shapeOf({}, rule("size(self.metadata.name) <= 3 && !has(self.metadata.labels)"));
  const object = (name: string) => ({ metadata: { name, labels: { a: "b" } } });
  deepStrictEqual(validateRules(object("abc"), undefined, shape), []);
  strictEqual(validateRules(object("abcd"), undefined, shape).length, 1);
});

Deno.test.each<{ rule: JsonObject; fault: string | undefined }>([
  { rule: { rule: "self.x == 1" }, fault: undefined },
  { rule: { rule: "self.x +" }, fault: "rule" },
  { rule: { rule: "self.y == 1" }, fault: "rule" },
  { rule: { rule: "unknown(self.x)" }, fault: "rule" },
  { rule: { rule: "size('x')" }, fault: "rule" },
  { rule: { rule: "self.x" }, fault: "rule" },
  { rule: { rule: "self.x == 1", messageExpression: "1" }, fault: "messageExpression" },
  { rule: { rule: "self.x == 1", fieldPath: ".y" }, fault: "fieldPath" },
  { rule: { rule: "self.x == 1", optionalOldSelf: true }, fault: "optionalOldSelf" },
])("checkSchema() of $rule finds a fault in $fault", ({ rule, fault }) => {
  const properties = { x: { type: "integer" } };
  const schema = { type: "object", properties, "x-kubernetes-validations": [rule] };
  deepStrictEqual(
    checkSchema(schema, "at").map(({ field }) => field),
    fault === undefined ? [] : [`at.x-kubernetes-validations[0].${fault}`],
  );
});

Deno.test("validateSchema() leaves what an update does not change alone", () => {
  const shape = shapeOf({
    a: { type: "integer", minimum: 5 },
    b: { type: "integer", minimum: 5 },
  });
  deepStrictEqual(textsOf(validateSchema({ a: 1, b: 2 }, shape, { a: 1, b: 9 })), [
    "b: Invalid value: 2: b in body should be greater than or equal to 5",
  ]);
});

Deno.test("compareVersions() puts stable versions first", () => {
  const versions = ["v1alpha1", "foo", "v1", "v2beta1", "v2"];
  deepStrictEqual(versions.sort(compareVersions), ["v2", "v1", "v2beta1", "v1alpha1", "foo"]);
});
