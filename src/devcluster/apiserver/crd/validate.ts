/** Validation of custom objects against their structural schema, worded as the real server does. */
import { isEqual, isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import { type FieldError, notSupported, required, tooLong, tooMany } from "../status.ts";
import { Shape } from "../schema/shape.ts";
import { counterpartOf } from "./list_items.ts";

/**
 * Everything in `value` that its schema does not allow. What an update leaves as it was is not looked
 * at again: a definition may have become stricter since.
 *
 * @param previous The value before an update; undefined at creation.
 */
export function validateSchema(value: unknown, shape: Shape, previous?: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check(value, previous, shape, "", errors);
  return errors;
}

/** True for faults after which the real server leaves CEL rules unchecked. */
export function blocksRules({ reason, field }: FieldError): boolean {
  if (reason === "FieldValueDuplicate") return false;
  return reason !== "FieldValueInvalid" || field === "<nil>";
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function wrongType(value: unknown, wanted: string, path: string): FieldError {
  const found = typeName(value);
  return {
    reason: "FieldValueTypeInvalid",
    field: path === "" ? "<nil>" : path,
    message: `Invalid value: "${found}": ${path} in body must be of type ${wanted}: "${found}"`,
  };
}
function wrong(value: unknown, path: string, fault: string): FieldError {
  return {
    reason: "FieldValueInvalid",
    field: path,
    message: `Invalid value: ${JSON.stringify(value)}: ${path} in body ${fault}`,
  };
}

function check(
  value: unknown,
  previous: unknown,
  shape: Shape,
  path: string,
  errors: FieldError[],
): void {
  if (value === null && shape.nullable) return;
  if (previous !== undefined && isEqual(value, previous)) return;
  if (shape.intOrString) {
    const fits = typeof value === "string" || typeof value === "number" && Number.isInteger(value);
    if (!fits) errors.push(wrongType(value, "integer,string", path));
    return;
  }
  if (!fitsType(value, shape)) {
    errors.push(wrongType(value, shape.type, path));
    if (!Array.isArray(shape.schema.enum)) return;
  }
  const { enum: allowed } = shape.schema;
  if (Array.isArray(allowed) && !allowed.some((candidate) => isEqual(candidate, value))) {
    errors.push(notSupported(path, value, allowed));
    return;
  }
  if (typeof value === "string") checkString(value, shape, path, errors);
  else if (typeof value === "number") checkNumber(value, shape, path, errors);
  else if (Array.isArray(value)) checkArray(value, previous, shape, path, errors);
  else if (isObject(value)) checkObject(value, objectOf(previous), shape, path, errors);
  checkCombinations(value, shape, path, errors);
}

function fitsType(value: unknown, { type }: Shape): boolean {
  switch (type) {
    case "any":
      return true;
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return typeof value === "number" && Number.isInteger(value);
    default:
      return typeName(value) === type || type === "number" && typeof value === "number";
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  "date-time": (text) => /^\d{4}-\d\d-\d\d[Tt]/.test(text) && !Number.isNaN(Date.parse(text)),
  "date": (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  "byte": (text) => BASE64.test(text),
  "uuid": (text) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text),
  "ipv4": (text) => /^(\d{1,3}\.){3}\d{1,3}$/.test(text),
  "uri": (text) => URL.canParse(text),
};

const patterns = new Map<string, RegExp>();
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    pattern = new RegExp(source, "u");
    patterns.set(source, pattern);
  }
  return pattern;
}

function checkString(text: string, { schema }: Shape, path: string, errors: FieldError[]): void {
  // Length counts characters, not UTF-16 units.
  const length = [...text].length;
  if (typeof schema.maxLength === "number" && length > schema.maxLength) {
    errors.push(tooLong(path, schema.maxLength));
    return;
  }
  if (typeof schema.minLength === "number" && length < schema.minLength) {
    errors.push(wrong(text, path, `should be at least ${schema.minLength} chars long`));
    return;
  }
  if (typeof schema.pattern === "string" && !patternOf(schema.pattern).test(text)) {
    errors.push(wrong(text, path, `should match '${schema.pattern}'`));
  }
  const format = stringOf(schema.format);
  if (FORMATS[format]?.(text) === false) {
    const fault = wrong(text, path, `must be of type ${format}: ${JSON.stringify(text)}`);
    errors.push({ ...fault, reason: "FieldValueTypeInvalid" });
  }
}

function checkNumber(value: number, { schema }: Shape, path: string, errors: FieldError[]): void {
  const { multipleOf, minimum, maximum } = schema;
  if (typeof multipleOf === "number" && !Number.isInteger(value / multipleOf)) {
    errors.push(wrong(value, path, `should be a multiple of ${multipleOf}`));
  }
  if (typeof maximum === "number") {
    const open = schema.exclusiveMaximum === true;
    if (open ? value >= maximum : value > maximum) {
      errors.push(
        wrong(value, path, `should be less than ${open ? "" : "or equal to "}${maximum}`),
      );
    }
  }
  if (typeof minimum === "number") {
    const open = schema.exclusiveMinimum === true;
    if (open ? value <= minimum : value < minimum) {
      errors.push(
        wrong(value, path, `should be greater than ${open ? "" : "or equal to "}${minimum}`),
      );
    }
  }
}

function checkArray(
  list: unknown[],
  previous: unknown,
  shape: Shape,
  path: string,
  errors: FieldError[],
): void {
  const { schema, items } = shape;
  if (items !== undefined) {
    for (const [index, item] of list.entries()) {
      check(item, counterpartOf(item, previous, shape), items, `${path}[${index}]`, errors);
    }
  }
  if (typeof schema.minItems === "number" && list.length < schema.minItems) {
    errors.push({
      reason: "FieldValueInvalid",
      field: path,
      message:
        `Invalid value: ${list.length}: ${path} in body should have at least ${schema.minItems} items`,
    });
  }
  if (typeof schema.maxItems === "number" && list.length > schema.maxItems) {
    errors.push(tooMany(path, list.length, schema.maxItems));
  }
  checkListType(list, shape, path, errors);
}

function checkListType(
  list: unknown[],
  { schema }: Shape,
  path: string,
  errors: FieldError[],
): void {
  const kind = schema["x-kubernetes-list-type"];
  const seen = new Set<string>();
  const keys = listOf(schema["x-kubernetes-list-map-keys"]).map(stringOf);
  if (kind !== "set" && kind !== "map") return;
  for (const [index, item] of list.entries()) {
    const shown = kind === "set" || !isObject(item)
      ? item
      : Object.fromEntries(keys.map((key) => [key, item[key]]));
    const text = JSON.stringify(shown);
    if (seen.has(text)) {
      errors.push({
        reason: "FieldValueDuplicate",
        field: `${path}[${index}]`,
        message: `Duplicate value: ${text}`,
      });
    }
    seen.add(text);
  }
}

/** What says of an embedded object what it is. */
const TYPE_FIELDS = ["apiVersion", "kind"];

function checkObject(
  value: JsonObject,
  previous: JsonObject,
  shape: Shape,
  path: string,
  errors: FieldError[],
): void {
  const { schema, properties, additional } = shape;
  const needed = [...listOf(schema.required).map(stringOf), ...(shape.embedded ? TYPE_FIELDS : [])];
  for (const name of needed) {
    if (value[name] === undefined) errors.push(required(path === "" ? name : `${path}.${name}`));
  }
  for (const key of Object.keys(value).sort()) {
    const child = properties.get(key) ?? additional;
    if (child === undefined) continue;
    check(value[key], previous[key], child, path === "" ? key : `${path}.${key}`, errors);
  }
  const count = Object.keys(value).length;
  if (typeof schema.maxProperties === "number" && count > schema.maxProperties) {
    errors.push(tooMany(path, count, schema.maxProperties));
  }
  if (typeof schema.minProperties === "number" && count < schema.minProperties) {
    errors.push({
      reason: "FieldValueInvalid",
      field: path,
      message:
        `Invalid value: ${count}: ${path} in body should have at least ${schema.minProperties} properties`,
    });
  }
}

/** `oneOf`, `anyOf`, `allOf`, `not`: value checks only, as structural schemas demand. */
function checkCombinations(
  value: unknown,
  { schema }: Shape,
  path: string,
  errors: FieldError[],
): void {
  const faults = (part: JsonObject) => {
    const found: FieldError[] = [];
    check(value, undefined, childShape(part), path, found);
    return found;
  };
  const fits = (part: unknown) => isObject(part) && faults(part).length === 0;
  const fail = (fault: string) =>
    errors.push({
      reason: "FieldValueInvalid",
      field: "<nil>",
      message: `Invalid value: ${fault}`,
    });
  const { oneOf, anyOf, allOf, not } = schema;
  if (Array.isArray(oneOf) && oneOf.length > 0) {
    const matched = oneOf.filter(fits).length;
    if (matched !== 1) {
      const found = matched === 0 ? "Found none valid" : `Found ${matched} valid alternatives`;
      fail(`"": "${path}" must validate one and only one schema (oneOf). ${found}`);
      const [first] = oneOf;
      if (matched === 0 && isObject(first)) {
        errors.push(...faults(first));
      }
    }
  }
  if (Array.isArray(anyOf) && anyOf.length > 0 && !anyOf.some(fits)) {
    fail(`"": "${path}" must validate at least one schema (anyOf)`);
  }
  if (Array.isArray(allOf) && allOf.length > 0 && !allOf.every(fits)) {
    fail(`"": "${path}" must validate all the schemas (allOf)`);
  }
  if (isObject(not) && fits(not)) fail(`"": "${path}" must not validate the schema (not)`);
}

const shapes = new WeakMap<object, Shape>();
function childShape(schema: Record<string, unknown>): Shape {
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = new Shape(schema);
    shapes.set(schema, shape);
  }
  return shape;
}
