/** What a schema must keep to: structure, defaults, and rules that compile. */
import { isObject, type JsonObject, listOf, objectOf, objectsOf, stringOf } from "../json.ts";
import { Shape } from "../schema/shape.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../status.ts";
import { compile } from "./expressions.ts";
import { RULE_REASONS, usesOldSelf } from "./rules.ts";
import { validateSchema } from "./validate.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const LIST_TYPE = "x-kubernetes-list-type";
const LIST_KEYS = "x-kubernetes-list-map-keys";
const PRESERVE = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED = "x-kubernetes-embedded-resource";
const INT_OR_STRING = "x-kubernetes-int-or-string";

/** Everything that is wrong with the schema of a version. @param at Path of `openAPIV3Schema`. */
export function checkSchema(schema: JsonObject, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== undefined && schema.type !== "object") {
    errors.push(invalid(`${at}.type`, schema.type, "must be object at the root"));
    return errors;
  }
  checkNode(schema, at, true, errors);
  return errors;
}

function checkNode(schema: JsonObject, at: string, root: boolean, errors: FieldError[]): void {
  const { type, properties, additionalProperties, items } = schema;
  if (schema.$ref !== undefined) errors.push(forbidden(`${at}.$ref`, "$ref is not supported"));
  checkType(schema, at, errors);
  if (schema.uniqueItems === true) {
    errors.push(
      forbidden(
        `${at}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  }
  checkPattern(schema, at, errors);
  if (isObject(properties) && additionalProperties) {
    errors.push(
      forbidden(
        `${at}.additionalProperties`,
        "additionalProperties and properties are mutual exclusive",
      ),
    );
  }
  if (type === "array") {
    if (isObject(items)) checkNode(items, `${at}.items`, false, errors);
    else errors.push(required(`${at}.items`, "must be specified"));
    checkListType(schema, at, errors);
  }
  for (const [key, child] of Object.entries(objectOf(properties))) {
    if (key === "metadata" && root) continue;
    checkNode(objectOf(child), `${at}.properties[${key}]`, false, errors);
  }
  if (isObject(additionalProperties)) {
    checkNode(additionalProperties, `${at}.additionalProperties`, false, errors);
  }
  // What follows looks at values and rules; a schema that is not sound has no meaning for them.
  if (errors.length > 0) return;
  const shape = new Shape(schema);
  if (schema.default !== undefined && schema.default !== null) {
    errors.push(...faultsOfDefault(schema.default, shape, `${at}.default`));
  }
  for (const [index, rule] of objectsOf(schema["x-kubernetes-validations"]).entries()) {
    errors.push(...checkRule(rule, shape, `${at}.x-kubernetes-validations[${index}]`));
  }
}

function checkType(schema: JsonObject, at: string, errors: FieldError[]): void {
  const { type } = schema;
  const open = schema[INT_OR_STRING] === true || schema[PRESERVE] === true;
  if (!type && !open && schema.$ref === undefined) {
    errors.push(required(`${at}.type`, "must not be empty for specified object fields"));
  }
  if (type && !TYPES.includes(stringOf(type))) {
    errors.push(notSupported(`${at}.type`, type, TYPES));
  }
  if (schema[PRESERVE] === false) {
    errors.push(invalid(`${at}.${PRESERVE}`, false, "must be true or undefined"));
  }
  if (schema[EMBEDDED] !== true) return;
  if (schema[PRESERVE] !== true && schema.properties === undefined) {
    errors.push(
      required(
        `${at}.properties`,
        `must not be empty if ${EMBEDDED} is true without ${PRESERVE}`,
      ),
    );
  }
  if (type !== "object") {
    errors.push(invalid(`${at}.type`, type ?? "", `must be object if ${EMBEDDED} is true`));
  }
}

function checkPattern({ pattern }: JsonObject, at: string, errors: FieldError[]): void {
  if (typeof pattern !== "string") return;
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    errors.push(
      invalid(
        `${at}.pattern`,
        pattern,
        `must be a valid regular expression, but isn't: ${fault}`,
      ),
    );
  }
}

function checkListType(schema: JsonObject, at: string, errors: FieldError[]): void {
  const kind = schema[LIST_TYPE];
  const items = objectOf(schema.items);
  const keys = listOf(schema[LIST_KEYS]).map(stringOf);
  if (kind === "set") {
    const whole = items.type === "object" || items.type === "array"
      ? items[items.type === "object" ? "x-kubernetes-map-type" : LIST_TYPE] === "atomic"
      : true;
    if (!whole) {
      const field = items.type === "object" ? "x-kubernetes-map-type" : LIST_TYPE;
      errors.push(
        invalid(
          `${at}.items.${field}`,
          items[field],
          `must be atomic as item of a list with ${LIST_TYPE}=set`,
        ),
      );
    }
  }
  if (kind !== "map") return;
  const properties = objectOf(items.properties);
  if (keys.length === 0) {
    errors.push(required(`${at}.${LIST_KEYS}`, `must not be empty if ${LIST_TYPE} is map`));
  }
  if (keys.some((key) => properties[key] === undefined)) {
    errors.push(
      invalid(`${at}.${LIST_KEYS}`, keys, "entries must all be names of item properties"),
    );
    return;
  }
  for (const key of keys) {
    const known = listOf(items.required).includes(key) ||
      objectOf(properties[key]).default !== undefined;
    if (known) continue;
    errors.push(
      required(
        `${at}.items.properties[${key}].default`,
        `this property is in ${LIST_KEYS}, so it must have a default or be a required property`,
      ),
    );
  }
}

/** A default is shown under its own place, wherever in it the fault is. */
function faultsOfDefault(value: unknown, shape: Shape, at: string): FieldError[] {
  return validateSchema(value, shape).map((fault) => ({
    ...fault,
    field: fault.field === "<nil>" || fault.field === "" ? at : `${at}.${fault.field}`,
  }));
}

function checkRule(rule: JsonObject, shape: Shape, at: string): FieldError[] {
  const text = stringOf(rule.rule);
  if (text.trim() === "") return [required(`${at}.rule`, "rule is not specified")];
  const errors: FieldError[] = [];
  const optional = rule.optionalOldSelf === true;
  if (rule.reason !== undefined && !RULE_REASONS.includes(stringOf(rule.reason))) {
    errors.push(notSupported(`${at}.reason`, rule.reason, RULE_REASONS));
  }
  if (stringOf(rule.message).includes("\n")) {
    errors.push(invalid(`${at}.message`, rule.message, "must not contain line breaks"));
  }
  if (rule.fieldPath && !leadsSomewhere(shape, stringOf(rule.fieldPath))) {
    errors.push(invalid(`${at}.fieldPath`, rule.fieldPath, "must be a valid path"));
  }
  if (optional && !usesOldSelf(text)) {
    errors.push(
      invalid(`${at}.optionalOldSelf`, true, "may not be set if oldSelf is not used in rule"),
    );
  }
  const { fault } = compile(text, shape, "bool", optional);
  if (fault !== undefined) errors.push(invalid(`${at}.rule`, shownRule(rule), fault));
  const expression = stringOf(rule.messageExpression);
  const messageFault = expression === ""
    ? undefined
    : compile(expression, shape, "string", optional).fault;
  if (messageFault !== undefined) {
    errors.push(invalid(`${at}.messageExpression`, shownRule(rule), messageFault));
  }
  return errors;
}

/** True when the path, such as `.low` or `['a.b'].c`, names a declared field. */
function leadsSomewhere(shape: Shape, path: string): boolean {
  const parts = path.match(/\.[^.[\]]+|\['[^']*'\]/g) ?? [];
  if (parts.join("") !== path) return false;
  let found: Shape | undefined = shape;
  for (const part of parts) {
    found = found?.member(part.startsWith(".") ? part.slice(1) : part.slice(2, -2));
  }
  return found !== undefined;
}

/** A rule as the real server shows it in its messages. */
function shownRule(rule: JsonObject): JsonObject {
  return {
    Rule: stringOf(rule.rule),
    Message: stringOf(rule.message),
    MessageExpression: stringOf(rule.messageExpression),
    Reason: rule.reason ?? null,
    FieldPath: stringOf(rule.fieldPath),
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}
