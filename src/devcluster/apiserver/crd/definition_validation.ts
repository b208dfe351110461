/** What a CustomResourceDefinition must keep to. */
import {
  type ApiObject,
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkLabel } from "../names.ts";
import { type FieldError, invalid, notSupported, required } from "../status.ts";
import { checkSchema } from "./structural.ts";

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const APPROVAL = "api-approved.kubernetes.io";
/** Groups that only Kubernetes itself may add to. */
const PROTECTED = /(^|\.)(k8s|kubernetes)\.io$/;

/** Everything that is wrong with a definition, worded as the real server does. */
export function validateDefinition(definition: ApiObject): FieldError[] {
  const spec = objectOf(definition.spec);
  const names = objectOf(spec.names);
  const versions = objectsOf(spec.versions);
  const errors: FieldError[] = [];
  if (definition.metadata.name !== `${names.plural ?? ""}.${spec.group}`) {
    errors.push(
      invalid(
        "metadata.name",
        definition.metadata.name,
        'must be spec.names.plural+"."+spec.group',
      ),
    );
  }
  errors.push(...groupFaults(definition, stringOf(spec.group)));
  if (spec.scope !== "Namespaced" && spec.scope !== "Cluster") {
    errors.push(notSupported("spec.scope", spec.scope ?? "", ["Cluster", "Namespaced"]));
  }
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    // An only version is named by its older place.
    const only = versions.length === 1;
    errors.push(...versionFaults(version, at, only ? "spec.validation" : `${at}.schema`));
    errors.push(...columnFaults(version, only ? "spec" : at));
  }
  errors.push(...storageFaults(spec, versions), ...nameFaults(names));
  return [...errors, ...conversionFaults(objectOf(spec.conversion))];
}

function groupFaults({ metadata }: ApiObject, group: string): FieldError[] {
  if (group === "") return [required("spec.group")];
  if (!group.includes(".")) {
    return [invalid("spec.group", group, "should be a domain with at least one dot")];
  }
  if (!PROTECTED.test(group) || metadata.annotations?.[APPROVAL] !== undefined) return [];
  return [required(
    `metadata.annotations[${APPROVAL}]`,
    `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`,
  )];
}

function versionFaults(version: JsonObject, at: string, place: string): FieldError[] {
  const name = stringOf(version.name);
  const faults = checkLabel(name).map((fault) => invalid(`${at}.name`, name, fault));
  const schema = objectOf(version.schema).openAPIV3Schema;
  if (!isObject(schema)) return [...faults, required(`${at}.schema.openAPIV3Schema`)];
  return [...faults, ...checkSchema(schema, `${place}.openAPIV3Schema`)];
}

function columnFaults({ additionalPrinterColumns }: JsonObject, at: string): FieldError[] {
  return objectsOf(additionalPrinterColumns).flatMap(({ name, type, jsonPath }, index) => {
    const field = `${at}.additionalPrinterColumns[${index}]`;
    const path = stringOf(jsonPath);
    return [
      ...(name ? [] : [required(`${field}.name`)]),
      ...(COLUMN_TYPES.includes(stringOf(type))
        ? []
        : [invalid(`${field}.type`, type, `must be one of ${COLUMN_TYPES.join(",")}`)]),
      ...(path.startsWith(".")
        ? []
        : [invalid(`${field}.JSONPath`, path, "must be a simple json path starting with .")]),
    ];
  });
}

function storageFaults(spec: JsonObject, versions: readonly JsonObject[]): FieldError[] {
  const shown = versions.map((version) => ({
    Name: version.name,
    Served: version.served === true,
    Storage: version.storage === true,
    Deprecated: version.deprecated === true,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  }));
  const stored = storageVersions(spec);
  const names = new Set(versions.map(({ name }) => name));
  const faults: FieldError[] = [];
  if (names.size < versions.length) {
    faults.push(invalid("spec.versions", shown, "must contain unique version names"));
  }
  if (stored.length !== 1) {
    faults.push(
      invalid("spec.versions", shown, "must have exactly one version marked as storage version"),
    );
  }
  if (stored.length === 0) {
    faults.push(
      invalid("status.storedVersions", null, "must have at least one stored version"),
    );
  }
  if (stored.length > 1) {
    const last = stored.at(-1);
    faults.push(
      invalid("status.storedVersions", [stored[0]], `must have the storage version ${last}`),
    );
  }
  return faults;
}

const DNS_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NOT_A_LABEL =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const MIXED = "may have mixed case, but should otherwise match: ";

function nameFaults(names: JsonObject): FieldError[] {
  const faults = (["plural", "singular", "kind", "listKind"] as const).flatMap((key) => {
    const name = stringOf(names[key]);
    const field = `spec.names.${key}`;
    if (name === "") return [required(field)];
    const mixed = key === "kind" || key === "listKind";
    if (DNS_LABEL.test(mixed ? name.toLowerCase() : name)) return [];
    return [invalid(field, name, `${mixed ? MIXED : ""}${NOT_A_LABEL}`)];
  });
  const lists = (["shortNames", "categories"] as const).flatMap((key) =>
    listOf(names[key]).map(stringOf).flatMap((name, index) =>
      DNS_LABEL.test(name) ? [] : [invalid(`spec.names.${key}[${index}]`, name, NOT_A_LABEL)]
    )
  );
  return [...faults, ...lists];
}

/** Nothing here calls out to others, so a conversion by webhook is refused with whatever it holds. */
function conversionFaults({ strategy, webhook }: JsonObject): FieldError[] {
  if (strategy === undefined || strategy === "None") return [];
  if (strategy !== "Webhook") {
    return [notSupported("spec.conversion.strategy", strategy, ["None", "Webhook"])];
  }
  if (webhook !== undefined) {
    return [notSupported("spec.conversion.strategy", strategy, ["None"])];
  }
  return [
    required("spec.conversion.webhookClientConfig", "required when strategy is set to Webhook"),
    required("spec.conversion.conversionReviewVersions"),
  ];
}

/** Names of the versions that are marked as the stored one; a valid definition has one. */
export function storageVersions(spec: JsonObject): unknown[] {
  return objectsOf(spec.versions).filter(({ storage }) => storage === true)
    .map(({ name }) => name);
}
