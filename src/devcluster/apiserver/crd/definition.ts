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
import { ALL_VERBS, type ResourceInfo, type Subresource } from "../resources.ts";
import { Shape } from "../schema/shape.ts";
import { type FieldError, invalid } from "../status.ts";
import { storageVersions, validateDefinition } from "./definition_validation.ts";

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
  /** What every answer in this version warns of; "" for nothing. */
  readonly deprecation: string;
  /** Where the counts of the scale subresource are; undefined without it. */
  readonly scale: ScalePaths | undefined;
}

/** Paths of plain field names: `spec.replicas`. */
export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** "" where there is none. */
  readonly selector: string;
}

function setDefaults(definition: ApiObject): void {
  const spec = childOf(definition, "spec");
  const names = childOf(spec, "names");
  const kind = stringOf(names.kind);
  if (!names.singular && kind !== "") names.singular = kind.toLowerCase();
  if (!names.listKind && kind !== "") names.listKind = `${kind}List`;
  fill(spec, "conversion", { strategy: "None" });
}

/** As a new definition is answered; what follows is up to the names of others. */
function prepareCreate(definition: ApiObject): void {
  const storedVersions = storageVersions(objectOf(definition.spec));
  definition.status = {
    conditions: null,
    acceptedNames: { plural: "", kind: "" },
    storedVersions,
  };
}

function prepareUpdate(definition: ApiObject, previous: ApiObject): void {
  const status = childOf(definition, "status");
  const before = objectOf(previous.status);
  const stored = [...listOf(before.storedVersions), ...storageVersions(objectOf(definition.spec))];
  definition.status = {
    ...before,
    ...status,
    storedVersions: [...new Set(stored)],
  };
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
  validate: validateDefinition,
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
      const scale = scaleOf(subresources.scale);
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
          subresources: [
            ...(hasStatus ? [status] : []),
            ...(scale === undefined ? [] : [SCALE]),
          ],
          statusSubresource: hasStatus,
          countsGeneration: true,
          schemaName: "",
          virtual: false,
        },
        shape: new Shape(objectOf(objectOf(version.schema).openAPIV3Schema)),
        columns: objectsOf(version.additionalPrinterColumns).map(columnOf),
        selectableFields: objectsOf(version.selectableFields)
          .map(({ jsonPath }) => stringOf(jsonPath).replace(/^\./, "")),
        deprecation: deprecationOf(spec, version),
        scale,
      };
    });
}

const SCALE: Subresource = {
  name: "scale",
  group: "autoscaling",
  version: "v1",
  kind: "Scale",
  verbs: ["get", "patch", "update"],
};

function scaleOf(value: unknown): ScalePaths | undefined {
  if (!isObject(value)) return undefined;
  const path = (name: string) => stringOf(value[name]).replace(/^\./, "");
  return {
    specReplicas: path("specReplicasPath"),
    statusReplicas: path("statusReplicasPath"),
    selector: path("labelSelectorPath"),
  };
}

function deprecationOf({ group, names }: JsonObject, version: JsonObject): string {
  if (version.deprecated !== true) return "";
  const { kind } = objectOf(names);
  return stringOf(version.deprecationWarning) || `${group}/${version.name} ${kind} is deprecated`;
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
