/** Definitions of custom resources that are refused. */
import { ANY, refused } from "./expected.ts";
import { DEFINITIONS, thingDefinition } from "./gizmos.ts";
import { contract, type Expectation } from "./suite.ts";
import { GROUP } from "./widgets.ts";

type Fields = Readonly<Record<string, unknown>>;

const KIND = "CustomResourceDefinition.apiextensions.k8s.io";
const SPEC = "spec.validation.openAPIV3Schema.properties[spec]";

/** Refuses a definition: with this schema of the spec, and with these fields of its own. */
function refuses(
  why: string,
  spec: Fields,
  field: string,
  message: RegExp | string,
  more: Fields = {},
): Expectation {
  const group = typeof more["group"] === "string" ? more["group"] : `refused.${GROUP}`;
  const text = typeof message === "string" ? RegExp.escape(message) : message.source;
  return {
    it: `refuses ${why}`,
    send: `POST ${DEFINITIONS}?dryRun=All`,
    body: thingDefinition(group, spec, more),
    answers: refused(
      422,
      "Invalid",
      new RegExp(
        `^${RegExp.escape(KIND)} "things\\.[^"]*" is invalid: .*${RegExp.escape(field)}: ${text}`,
        "s",
      ),
      ANY,
    ),
  };
}

const withA = (a: Fields): Fields => ({ type: "object", properties: { a } });
const A = `${SPEC}.properties[a]`;
const withRule = (rule: Fields): Fields => ({
  type: "object",
  properties: { n: { type: "integer" }, s: { type: "string", maxLength: 9 } },
  "x-kubernetes-validations": [rule],
});
const RULE = `${SPEC}.x-kubernetes-validations[0]`;
const versions = (...list: readonly Fields[]) => ({
  versions: list.map((version) => ({
    served: true,
    schema: { openAPIV3Schema: { type: "object" } },
    ...version,
  })),
});
const OBJECT = { type: "object" };

const ROWS: readonly Expectation[] = [
  refuses(
    "a field without a type",
    withA({}),
    `${A}.type`,
    "Required value: must not be empty for specified object fields",
  ),
  refuses(
    "an unknown type",
    withA({ type: "text" }),
    `${A}.type`,
    'Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
  ),
  refuses(
    "a list without items",
    withA({ type: "array" }),
    `${A}.items`,
    "Required value: must be specified",
  ),
  refuses(
    "properties beside additionalProperties",
    { ...withA({ type: "string" }), additionalProperties: { type: "string" } },
    `${SPEC}.additionalProperties`,
    "Forbidden: additionalProperties and properties are mutual exclusive",
  ),
  refuses(
    "a default of another type",
    withA({ type: "integer", default: "x" }),
    `${A}.default`,
    'Invalid value: "string":  in body must be of type integer: "string"',
  ),
  refuses(
    "a pattern that cannot be read",
    withA({ type: "string", pattern: "([" }),
    `${A}.pattern`,
    'Invalid value: "([": must be a valid regular expression, but isn\'t: ',
  ),
  refuses(
    "uniqueItems",
    withA({ type: "array", uniqueItems: true, items: { type: "string" } }),
    `${A}.uniqueItems`,
    "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
  ),
  refuses(
    "a reference",
    withA({ $ref: "#/definitions/a" }),
    `${A}.$ref`,
    "Forbidden: $ref is not supported",
  ),
  refuses(
    "a list by keys that names none",
    withA({ type: "array", items: OBJECT, "x-kubernetes-list-type": "map" }),
    `${A}.x-kubernetes-list-map-keys`,
    "Required value: must not be empty if x-kubernetes-list-type is map",
  ),
  refuses(
    "a list by keys that its items do not have",
    withA({
      type: "array",
      items: OBJECT,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["k"],
    }),
    `${A}.x-kubernetes-list-map-keys`,
    'Invalid value: ["k"]: entries must all be names of item properties',
  ),
  refuses(
    "a list by keys that may be left out",
    withA({
      type: "array",
      items: { type: "object", properties: { k: { type: "string" } } },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["k"],
    }),
    `${A}.items.properties[k].default`,
    "Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
  ),
  refuses(
    "a set of objects",
    withA({ type: "array", items: OBJECT, "x-kubernetes-list-type": "set" }),
    `${A}.items.x-kubernetes-map-type`,
    "Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set",
  ),
  refuses(
    "an embedded object that is none",
    withA({ type: "string", "x-kubernetes-embedded-resource": true }),
    `${A}.type`,
    'Invalid value: "string": must be object if x-kubernetes-embedded-resource is true',
  ),
  refuses(
    "to keep unknown fields by false",
    { type: "object", "x-kubernetes-preserve-unknown-fields": false },
    `${SPEC}.x-kubernetes-preserve-unknown-fields`,
    "Invalid value: false: must be true or undefined",
  ),
  refuses(
    "a rule that cannot be read",
    withRule({ rule: "self.n +" }),
    `${RULE}.rule`,
    /Invalid value: \{"Rule":"self\.n \+",.*\}: compilation failed: ERROR: /,
  ),
  refuses(
    "a rule about a field that is not there",
    withRule({ rule: "self.other == 1" }),
    `${RULE}.rule`,
    /Invalid value: .*: compilation failed: ERROR: .*undefined field 'other'/,
  ),
  refuses(
    "a rule that calls an unknown function",
    withRule({ rule: "unheardOf(self.n)" }),
    `${RULE}.rule`,
    /Invalid value: .*: compilation failed: ERROR: .*unheardOf/,
  ),
  refuses(
    "a rule about an unknown variable",
    withRule({ rule: "other == 1" }),
    `${RULE}.rule`,
    /Invalid value: .*: compilation failed: ERROR: .*other/,
  ),
  refuses(
    "a rule that is neither true nor false",
    withRule({ rule: "self.n" }),
    `${RULE}.rule`,
    /Invalid value: .*: cel expression must evaluate to a bool/,
  ),
  refuses(
    "an empty rule",
    withRule({ rule: "" }),
    `${RULE}.rule`,
    "Required value: rule is not specified",
  ),
  refuses(
    "a rule whose message is no text",
    withRule({ rule: "self.n == 1", messageExpression: "self.n" }),
    `${RULE}.messageExpression`,
    /Invalid value: .*: messageExpression must evaluate to a string/,
  ),
  refuses(
    "a rule whose message has two lines",
    withRule({ rule: "self.n == 1", message: "a\nb" }),
    `${RULE}.message`,
    'Invalid value: "a\\nb": must not contain line breaks',
  ),
  refuses(
    "a rule that names a field that is not there",
    withRule({ rule: "self.n == 1", fieldPath: ".other" }),
    `${RULE}.fieldPath`,
    'Invalid value: ".other": must be a valid path',
  ),
  refuses(
    "a rule with an unknown reason",
    withRule({ rule: "self.n == 1", reason: "Never" }),
    `${RULE}.reason`,
    'Unsupported value: "Never": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
  ),
  refuses(
    "optionalOldSelf where the state before is not asked for",
    withRule({ rule: "self.n == 1", optionalOldSelf: true }),
    `${RULE}.optionalOldSelf`,
    "Invalid value: true: may not be set if oldSelf is not used in rule",
  ),
  refuses(
    "a group without a dot",
    OBJECT,
    "spec.group",
    'Invalid value: "nodot": should be a domain with at least one dot',
    { group: "nodot" },
  ),
  refuses(
    "a group of Kubernetes'",
    OBJECT,
    "metadata.annotations[api-approved.kubernetes.io]",
    "Required value: protected groups must have approval annotation",
    { group: "things.k8s.io" },
  ),
  refuses(
    "an unknown scope",
    OBJECT,
    "spec.scope",
    'Unsupported value: "World": supported values: "Cluster", "Namespaced"',
    { scope: "World" },
  ),
  refuses("a definition without names", OBJECT, "spec.names.kind", "Required value", { names: {} }),
  refuses(
    "a short name that is no label",
    OBJECT,
    "spec.names.shortNames[0]",
    'Invalid value: "T_": a DNS-1035 label must consist of',
    { names: { kind: "Thing", plural: "things", shortNames: ["T_"] } },
  ),
  refuses(
    "two stored versions",
    OBJECT,
    "spec.versions",
    /Invalid value: .*: must have exactly one version marked as storage version/,
    versions({ name: "v1", storage: true }, { name: "v2", storage: true }),
  ),
  refuses(
    "a version twice",
    OBJECT,
    "spec.versions",
    /Invalid value: .*: must contain unique version names/,
    versions({ name: "v1", storage: true }, { name: "v1", storage: false }),
  ),
  refuses(
    "a definition without versions",
    OBJECT,
    "spec.versions",
    /Invalid value: .*: must have exactly one version marked as storage version/,
    { versions: [] },
  ),
  refuses(
    "a column of an unknown type",
    OBJECT,
    "spec.additionalPrinterColumns[0].type",
    'Invalid value: "strange": must be one of boolean,date,integer,number,string',
    versions({
      name: "v1",
      storage: true,
      additionalPrinterColumns: [{ name: "X", type: "strange", jsonPath: ".a" }],
    }),
  ),
  refuses(
    "a conversion without a webhook to do it",
    OBJECT,
    "spec.conversion.webhookClientConfig",
    "Required value: required when strategy is set to Webhook",
    { conversion: { strategy: "Webhook" } },
  ),
];

contract("refused definitions", ROWS);
