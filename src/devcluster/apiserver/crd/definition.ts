/** CustomResourceDefinitions: their rules as objects, and the resources that they declare. */
import {
  type ApiObject,
  childOf,
  fill,
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import type { KindRules } from "../kinds/rules.ts";
import { checkLabel } from "../names.ts";
import { ALL_VERBS, type ResourceInfo, type Subresource } from "../resources.ts";
import { Shape } from "../schema/shape.ts";
import { type FieldError, invalid, notSupported, required } from "../status.ts";
import { checkExpression } from "./rules.ts";

/** A column for tables, from the definition. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly jsonPath: string;
}
/** One served version of a custom resource. */
export interface CustomVersion {
  readonly info: ResourceInfo;
  readonly shape: Shape;
  readonly columns: readonly PrinterColumn[];
  readonly selectableFields: readonly string[];
  readonly storage: boolean;
}

function setDefaults(definition: ApiObject): void {
  const spec = childOf(definition, "spec");
  const names = childOf(spec, "names");
  if (!names.singular) names.singular = stringOf(names.kind).toLowerCase();
  if (!names.listKind) names.listKind = `${stringOf(names.kind)}List`;
  fill(spec, "conversion", { strategy: "None" });
}

/** Everything is ready at once here: the conditions say so from the first moment. */
function prepareCreate(definition: ApiObject): void {
  const spec = objectOf(definition.spec);
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const condition = (type: string, reason: string, message: string) => ({
    lastTransitionTime,
    message,
    reason,
    status: "True",
    type,
  });
  definition.status = {
    acceptedNames: spec.names,
    conditions: [
      condition("NamesAccepted", "NoConflicts", "no conflicts found"),
      condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ],
    storedVersions: storageVersions(spec),
  };
}

function storageVersions(spec: JsonObject): unknown[] {
  return objectsOf(spec.versions).filter(({ storage }) => storage === true)
    .map(({ name }) => name);
}

function prepareUpdate(definition: ApiObject, previous: ApiObject): void {
  const status = childOf(definition, "status");
  const before = objectOf(previous.status);
  const stored = [...listOf(before.storedVersions), ...storageVersions(objectOf(definition.spec))];
  definition.status = {
    ...before,
    ...status,
    acceptedNames: objectOf(definition.spec).names,
    storedVersions: [...new Set(stored)],
  };
}

function validate(definition: ApiObject): FieldError[] {
  const spec = objectOf(definition.spec);
  const names = objectOf(spec.names);
  const versions = objectsOf(spec.versions);
  const errors: FieldError[] = [];
  if (definition.metadata.name !== `${names.plural}.${spec.group}`) {
    errors.push(
      invalid(
        "metadata.name",
        definition.metadata.name,
        'must be spec.names.plural+"."+spec.group',
      ),
    );
  }
  if (!spec.group) errors.push(required("spec.group"));
  if (spec.scope !== "Namespaced" && spec.scope !== "Cluster") {
    errors.push(notSupported("spec.scope", spec.scope ?? "", ["Cluster", "Namespaced"]));
  }
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    const name = stringOf(version.name);
    errors.push(...checkLabel(name).map((fault) => invalid(`${at}.name`, name, fault)));
    const schema = objectOf(version.schema).openAPIV3Schema;
    if (!isObject(schema)) errors.push(required(`${at}.schema.openAPIV3Schema`));
    else {
      // The schema of an only version is named by its older place.
      const place = versions.length === 1 ? "spec.validation" : `${at}.schema`;
      checkStructure(schema, `${place}.openAPIV3Schema`, errors);
    }
  }
  if (storageVersions(spec).length !== 1) {
    const shown = versions.map(({ name, storage }) => ({ Name: name, Storage: storage === true }));
    errors.push(
      invalid("spec.versions", shown, "must have exactly one version marked as storage version"),
    );
  }
  for (const key of ["plural", "kind"]) if (!names[key]) errors.push(required(`spec.names.${key}`));
  return errors;
}

/** The rules of structural schemas that a mistake breaks most often. */
function checkStructure(schema: JsonObject, at: string, errors: FieldError[]): void {
  const open = schema["x-kubernetes-int-or-string"] === true ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (!schema.type && !open) {
    errors.push(required(`${at}.type`, "must not be empty for specified object fields"));
  }
  if (schema.type === "array") {
    if (isObject(schema.items)) checkStructure(schema.items, `${at}.items`, errors);
    else errors.push(required(`${at}.items`, "must be specified"));
  }
  for (const [key, child] of Object.entries(objectOf(schema.properties))) {
    if (key === "metadata" && !at.includes("properties")) continue;
    checkStructure(objectOf(child), `${at}.properties[${key}]`, errors);
  }
  if (isObject(schema.additionalProperties)) {
    checkStructure(schema.additionalProperties, `${at}.additionalProperties`, errors);
  }
  for (const [index, rule] of objectsOf(schema["x-kubernetes-validations"]).entries()) {
    const fault = checkExpression(stringOf(rule.rule));
    if (fault === undefined) continue;
    errors.push(
      invalid(
        `${at}.x-kubernetes-validations[${index}].rule`,
        { rule: rule.rule },
        `compilation failed: ${fault}`,
      ),
    );
  }
}

function validateUpdate(definition: ApiObject, previous: ApiObject): FieldError[] {
  const spec = objectOf(definition.spec);
  const before = objectOf(previous.spec);
  return ["group", "scope"].filter((key) => spec[key] !== before[key])
    .map((key) => invalid(`spec.${key}`, spec[key], "field is immutable"));
}

export const DEFINITION_RULES: KindRules = {
  setDefaults,
  prepareCreate,
  prepareUpdate,
  validate,
  validateUpdate,
};

/** The served versions of a stored definition, the preferred one first. */
export function versionsOf(definition: ApiObject): CustomVersion[] {
  const spec = objectOf(definition.spec);
  const names = objectOf(spec.names);
  const strings = (value: unknown) => listOf(value).map(stringOf);
  return objectsOf(spec.versions)
    .filter(({ served }) => served === true)
    .sort((a, b) => compareVersions(stringOf(a.name), stringOf(b.name)))
    .map((version) => {
      const subresources = objectOf(version.subresources);
      const kind = stringOf(names.kind);
      const status: Subresource = { name: "status", kind, verbs: ["get", "patch", "update"] };
      const hasStatus = isObject(subresources.status);
      return {
        info: {
          group: stringOf(spec.group),
          version: stringOf(version.name),
          kind,
          plural: stringOf(names.plural),
          singular: stringOf(names.singular),
          namespaced: spec.scope === "Namespaced",
          shortNames: strings(names.shortNames),
          categories: strings(names.categories),
          verbs: ALL_VERBS,
          subresources: hasStatus ? [status] : [],
          statusSubresource: hasStatus,
          countsGeneration: true,
          schemaName: "",
          virtual: false,
        },
        shape: new Shape(objectOf(objectOf(version.schema).openAPIV3Schema)),
        columns: objectsOf(version.additionalPrinterColumns).map(columnOf),
        selectableFields: objectsOf(version.selectableFields)
          .map(({ jsonPath }) => stringOf(jsonPath).replace(/^\./, "")),
        storage: version.storage === true,
      };
    });
}

function columnOf(column: JsonObject): PrinterColumn {
  const jsonPath = stringOf(column.jsonPath);
  return {
    name: stringOf(column.name),
    type: stringOf(column.type),
    format: stringOf(column.format),
    description: stringOf(column.description) ||
      `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: typeof column.priority === "number" ? column.priority : 0,
    jsonPath,
  };
}

/** Order of versions: v2, v1, v1beta1, v1alpha1, then others by name. */
export function compareVersions(a: string, b: string): number {
  const rank = (name: string): [number, number, number] => {
    const found = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name);
    if (found === null) return [0, 0, 0];
    const stage = found[2] === undefined ? 3 : found[2] === "beta" ? 2 : 1;
    return [stage, Number(found[1]), Number(found[3] ?? 0)];
  };
  const [x, y] = [rank(a), rank(b)];
  return y[0] - x[0] || y[1] - x[1] || y[2] - x[2] || a.localeCompare(b);
}
