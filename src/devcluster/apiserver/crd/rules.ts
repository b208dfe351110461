/** CEL rules of custom resources (`x-kubernetes-validations`). */
import { isEqual, isObject, type JsonObject, objectsOf, stringOf } from "../json.ts";
import type { FieldError } from "../status.ts";
import type { Shape } from "../schema/shape.ts";
import { optionalOf } from "./cel_library.ts";
import { compile, firstLine } from "./expressions.ts";
import { counterpartOf } from "./list_items.ts";

/** One rule made ready. */
interface Rule {
  readonly evaluate: (context: JsonObject) => unknown;
  readonly message: string;
  readonly messageExpression: ((context: JsonObject) => unknown) | undefined;
  readonly fieldPath: string;
  /** It speaks of the state before: it is looked at in each update, changed or not. */
  readonly usesOldSelf: boolean;
  /** `oldSelf` is an optional value, and the rule applies to creations too. */
  readonly optionalOldSelf: boolean;
  readonly reason: keyof typeof REASONS;
}

const REASONS = {
  FieldValueForbidden: "Forbidden",
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
} as const;
/** Reasons that a rule may give. */
export const RULE_REASONS = Object.keys(REASONS).sort();

const prepared = new WeakMap<Shape, readonly Rule[]>();

/** True when the rule's text speaks of the state before. */
export function usesOldSelf(text: string): boolean {
  return /\boldSelf\b/.test(text);
}

/** True when the shape or anything below it carries rules. */
export function hasRules(shape: Shape): boolean {
  if (objectsOf(shape.schema["x-kubernetes-validations"]).length > 0) return true;
  const { items, additional } = shape;
  return [...shape.properties.values()].some(hasRules) ||
    items !== undefined && hasRules(items) || additional !== undefined && hasRules(additional);
}

function rulesOf(shape: Shape): readonly Rule[] {
  let rules = prepared.get(shape);
  if (rules === undefined) {
    rules = objectsOf(shape.schema["x-kubernetes-validations"])
      .map((rule) => prepareRule(rule, shape));
    prepared.set(shape, rules);
  }
  return rules;
}

function prepareRule(rule: JsonObject, shape: Shape): Rule {
  const text = stringOf(rule.rule);
  const messageText = stringOf(rule.messageExpression);
  const optionalOldSelf = rule.optionalOldSelf === true;
  const prepare = (expression: string, wanted: "bool" | "string") => {
    const compiled = compile(expression, shape, wanted, optionalOldSelf);
    // The definition was checked: only one that is older than the check gets here.
    if (compiled.fault !== undefined) throw new SyntaxError(compiled.fault);
    return compiled.evaluate;
  };
  const reason = Object.keys(REASONS).find((known): known is keyof typeof REASONS =>
    known === rule.reason
  );
  return {
    evaluate: prepare(text, "bool"),
    message: stringOf(rule.message) || `failed rule: ${text.trim()}`,
    messageExpression: messageText === "" ? undefined : prepare(messageText, "string"),
    fieldPath: stringOf(rule.fieldPath),
    usesOldSelf: usesOldSelf(text),
    optionalOldSelf,
    reason: reason ?? "FieldValueInvalid",
  };
}

/** A value and where it is. */
interface Place {
  readonly value: unknown;
  /** The same before an update; undefined where there was none. */
  readonly previous: unknown;
  readonly shape: Shape;
  readonly path: string;
  readonly root: boolean;
}

/**
 * Checks every rule from the root down. What an update leaves as it was is only checked by rules that
 * speak of the state before.
 *
 * @param previous The state before an update; undefined at creation.
 */
export function validateRules(value: unknown, previous: unknown, shape: Shape): FieldError[] {
  const errors: FieldError[] = [];
  walk({ value, previous, shape, path: "", root: true }, errors);
  return errors;
}

function walk(place: Place, errors: FieldError[]): void {
  const { value, previous, shape, path, root } = place;
  if (value === undefined || value === null) return;
  checkRules(place, errors);
  if (Array.isArray(value)) {
    const { items } = shape;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      const before = counterpartOf(item, previous, shape);
      walk(
        { value: item, previous: before, shape: items, path: `${path}[${index}]`, root: false },
        errors,
      );
    }
    return;
  }
  if (!isObject(value)) return;
  const before = isObject(previous) ? previous : undefined;
  for (const [key, member] of Object.entries(value)) {
    if (root && (key === "metadata" || key === "apiVersion" || key === "kind")) continue;
    const child = shape.member(key);
    if (child === undefined) continue;
    const field = path === "" ? key : `${path}.${key}`;
    const at = shape.properties.has(key) ? field : `${path}[${key}]`;
    walk({ value: member, previous: before?.[key], shape: child, path: at, root: false }, errors);
  }
}

function checkRules({ value, previous, shape, path, root }: Place, errors: FieldError[]): void {
  const rules = rulesOf(shape);
  if (rules.length === 0) return;
  const unchanged = previous !== undefined && isEqual(value, previous);
  const self = toCel(value, shape, root);
  const oldSelf = previous === undefined || previous === null
    ? undefined
    : toCel(previous, shape, root);
  for (const rule of rules) {
    if (rule.usesOldSelf ? oldSelf === undefined && !rule.optionalOldSelf : unchanged) continue;
    const before = rule.optionalOldSelf ? optionalOf(oldSelf) : oldSelf;
    const context = { self, ...(before !== undefined && { oldSelf: before }) };
    const error = applyRule(rule, context, value, path);
    if (error !== undefined) errors.push(error);
  }
}

function applyRule(
  rule: Rule,
  context: JsonObject,
  value: unknown,
  path: string,
): FieldError | undefined {
  const field = (path + rule.fieldPath).replace(/^\./, "") || "<nil>";
  let { message } = rule;
  try {
    if (rule.evaluate(context) === true) return undefined;
    if (rule.messageExpression !== undefined) message = String(rule.messageExpression(context));
  } catch (error) {
    message = `rule evaluation error: ${firstLine(error)}`;
  }
  const { reason } = rule;
  const isPlain = typeof value !== "object" && rule.fieldPath === "";
  const shown = isPlain && (reason === "FieldValueInvalid" || reason === "FieldValueDuplicate")
    ? `${JSON.stringify(value)}: `
    : "";
  return { reason, field, message: `${REASONS[reason]}: ${shown}${message}` };
}

/** JSON to CEL values: integers become int, and at the root only names are shown of the metadata. */
function toCel(value: unknown, shape: Shape | undefined, root: boolean): unknown {
  if (typeof value === "number") {
    const whole = shape === undefined || shape.type === "integer" || shape.intOrString;
    return whole && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => toCel(item, shape?.items, false));
  if (!isObject(value)) return value;
  const converted: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (root && key === "metadata" && isObject(member)) {
      const { name, generateName } = member;
      converted.metadata = {
        ...(name !== undefined && { name }),
        ...(generateName !== undefined && { generateName }),
      };
    } else converted[key] = toCel(member, shape?.member(key), false);
  }
  return converted;
}
