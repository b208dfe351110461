/** CEL rules of custom resources (`x-kubernetes-validations`). */
import { Environment } from "@marcbachmann/cel-js";
import { isObject, type JsonObject, objectsOf, stringOf } from "../json.ts";
import type { FieldError } from "../status.ts";
import type { Shape } from "../schema/shape.ts";

/** One rule made ready. */
interface Rule {
  readonly evaluate: (context: JsonObject) => unknown;
  readonly message: string;
  readonly messageExpression: ((context: JsonObject) => unknown) | undefined;
  readonly fieldPath: string;
  /** It compares with the state before, so it only applies to updates. */
  readonly transition: boolean;
  readonly reason: FieldError["reason"];
}

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })
  .registerVariable("self", "dyn")
  .registerVariable("oldSelf", "dyn");
const prepared = new WeakMap<Shape, readonly Rule[]>();

/** Why an expression cannot be used; undefined when it can. */
export function checkExpression(text: string): string | undefined {
  try {
    environment.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
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
    rules = objectsOf(shape.schema["x-kubernetes-validations"]).map(prepareRule);
    prepared.set(shape, rules);
  }
  return rules;
}

function prepareRule(rule: JsonObject): Rule {
  const text = stringOf(rule.rule);
  const messageText = stringOf(rule.messageExpression);
  const shown = text.trim();
  const reason = rule.reason;
  return {
    evaluate: environment.parse(text),
    message: stringOf(rule.message) || `failed rule: ${shown}`,
    messageExpression: messageText === "" ? undefined : environment.parse(messageText),
    fieldPath: stringOf(rule.fieldPath),
    transition: /\boldSelf\b/.test(text) && rule.optionalOldSelf !== true,
    reason: reason === "FieldValueForbidden" || reason === "FieldValueRequired" ||
        reason === "FieldValueDuplicate"
      ? reason
      : "FieldValueInvalid",
  };
}

/**
 * Checks every rule from the root down.
 *
 * @param previous The state before an update; undefined at creation.
 */
export function validateRules(value: unknown, previous: unknown, shape: Shape): FieldError[] {
  const errors: FieldError[] = [];
  walk(value, previous, shape, "", true, errors);
  return errors;
}

function walk(
  value: unknown,
  previous: unknown,
  shape: Shape,
  path: string,
  root: boolean,
  errors: FieldError[],
): void {
  if (value === undefined || value === null) return;
  const rules = rulesOf(shape);
  if (rules.length > 0) {
    const self = toCel(value, shape, root);
    const oldSelf = previous === undefined ? undefined : toCel(previous, shape, root);
    for (const rule of rules) {
      if (rule.transition && oldSelf === undefined) continue;
      const error = applyRule(rule, { self, ...(oldSelf !== undefined && { oldSelf }) }, path);
      if (error !== undefined) errors.push(error);
    }
  }
  if (Array.isArray(value)) {
    const { items } = shape;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      walk(item, undefined, items, `${path}[${index}]`, false, errors);
    }
    return;
  }
  if (!isObject(value)) return;
  const before = isObject(previous) ? previous : undefined;
  for (const [key, member] of Object.entries(value)) {
    if (root && (key === "metadata" || key === "apiVersion" || key === "kind")) continue;
    const child = shape.member(key);
    if (child === undefined) continue;
    walk(member, before?.[key], child, path === "" ? key : `${path}.${key}`, false, errors);
  }
}

function applyRule(rule: Rule, context: JsonObject, path: string): FieldError | undefined {
  const field = (path + rule.fieldPath).replace(/^\./, "") || "<nil>";
  let message = rule.message;
  try {
    if (rule.evaluate(context) === true) return undefined;
    if (rule.messageExpression !== undefined) message = String(rule.messageExpression(context));
  } catch (error) {
    const fault = error instanceof Error ? error.message.split("\n")[0] : String(error);
    message = `rule evaluation error: ${fault}`;
  }
  const head = {
    FieldValueForbidden: "Forbidden",
    FieldValueRequired: "Required value",
    FieldValueDuplicate: "Duplicate value",
  }[stringOf(rule.reason)] ?? "Invalid value";
  return { reason: rule.reason, field, message: `${head}: ${message}` };
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
