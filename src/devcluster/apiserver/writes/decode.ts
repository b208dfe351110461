/** A request's body to an object of the kind: types checked, unknown fields judged, defaults filled. */
import { applyDefaults, pruneUnknown } from "../crd/decode.ts";
import { hasRules, validateRules } from "../crd/rules.ts";
import { blocksRules, validateSchema } from "../crd/validate.ts";
import { type ApiObject, isApiObject, isEqual, isObject } from "../json.ts";
import { nameCheckOf } from "../kinds/rules.ts";
import { validateMetadata } from "../names.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf } from "../resources.ts";
import { builtInShape, metadataShape } from "../schema/built_in.ts";
import { decodeBuiltIn } from "../schema/decode.ts";
import type { Shape } from "../schema/shape.ts";
import { badRequest, type FieldError, invalidObject } from "../status.ts";

/** How a write is to be done. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** What happens to fields that the schema does not know. */
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** Who writes, for the record of field managers. */
  readonly manager: string;
  /** Collects what the client is warned of. */
  readonly warnings: string[];
}

/** For writes of the server itself. */
export const OWN_WRITE: WriteOptions = {
  dryRun: false,
  fieldValidation: "Ignore",
  manager: "apiserver",
  warnings: [],
};

/**
 * Turns a parsed body into an object of the kind, in place: types checked, defaults not yet filled.
 *
 * @throws {StatusError} 400 for another kind, wrong types, or unknown fields when those are refused.
 */
export function decodeObject(body: unknown, type: ResourceType, options: WriteOptions): ApiObject {
  const { kind } = type.info;
  const apiVersion = apiVersionOf(type.info);
  const label = `${kind} in version "${type.info.version}" cannot be handled as a ${kind}`;
  if (!isObject(body)) throw badRequest(`${label}: the body must be an object`);
  checkKind(body.kind, body.apiVersion, type);
  body.kind = kind;
  body.apiVersion = apiVersion;
  if (!isObject(body.metadata)) {
    if (body.metadata !== undefined && body.metadata !== null) {
      throw badRequest(`${label}: json: cannot unmarshal into Go struct field .metadata`);
    }
    body.metadata = {};
  }
  const { custom } = type;
  let unknown: string[];
  if (custom === undefined) {
    unknown = decodeBuiltIn(body, builtInShape(type.info.schemaName), label).unknown;
  } else {
    const inMetadata = decodeBuiltIn(body.metadata, metadataShape(), label).unknown;
    unknown = [
      ...inMetadata.map((field) => `metadata.${field}`),
      ...pruneUnknown(body, custom.shape),
    ].sort();
  }
  if (unknown.length > 0) judgeUnknown(unknown, label, options);
  if (!isApiObject(body)) throw badRequest(`${label}: no metadata`);
  // The server keeps this record. All that a client may do is to begin it anew, with one empty entry.
  const begun = isEqual(body.metadata.managedFields, [{}]);
  delete body.metadata.managedFields;
  if (begun) body.metadata.managedFields = [];
  delete body.metadata.selfLink;
  return body;
}

function checkKind(kind: unknown, apiVersion: unknown, { info }: ResourceType): void {
  const version = apiVersionOf(info);
  const sameKind = kind === undefined || kind === "" || kind === info.kind;
  if (sameKind && (apiVersion === undefined || apiVersion === "" || apiVersion === version)) return;
  if (info.schemaName === "") {
    throw badRequest(
      sameKind
        ? `the API version in the data (${apiVersion}) does not match the expected API version (${version})`
        : `the object provided is unrecognized (must be of type ${info.kind}): kind ${kind}`,
    );
  }
  throw badRequest(
    sameKind
      ? `the API version in the data (${apiVersion}) does not match the expected API version (${version})`
      : `${kind} in version "${
        String(apiVersion ?? version).split("/").at(-1)
      }" cannot be handled as a ${info.kind}: converting (${kind}) to (${info.kind}): unknown conversion`,
  );
}

function judgeUnknown(unknown: readonly string[], label: string, options: WriteOptions): void {
  const faults = unknown.map((field) => `unknown field "${field}"`);
  if (options.fieldValidation === "Strict") {
    throw badRequest(`${label}: strict decoding error: ${faults.join(", ")}`);
  }
  if (options.fieldValidation === "Warn") options.warnings.push(...faults);
}

/** Fills the defaults of the kind. */
export function setDefaults(object: ApiObject, type: ResourceType): void {
  type.rules.setDefaults?.(object);
  if (type.custom !== undefined) applyDefaults(object, type.custom.shape);
}

/**
 * Checks an object that is to be stored.
 *
 * @param previous The stored state; undefined at creation.
 * @throws {StatusError} 422 with all that is wrong.
 */
export function validateObject(
  object: ApiObject,
  previous: ApiObject | undefined,
  type: ResourceType,
): void {
  const { rules, custom, info } = type;
  const errors: FieldError[] = validateMetadata(object.metadata, nameCheckOf(rules));
  if (custom !== undefined) errors.push(...validateCustom(object, previous, custom.shape));
  else {
    errors.push(...rules.validate?.(object) ?? []);
    if (previous !== undefined) errors.push(...rules.validateUpdate?.(object, previous) ?? []);
  }
  if (errors.length > 0) throw invalidObject(info, object.metadata.name ?? "", errors);
}

const UNCHECKED: FieldError = {
  reason: "FieldValueInvalid",
  field: "<nil>",
  message:
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
};
function validateCustom(
  object: ApiObject,
  previous: ApiObject | undefined,
  shape: Shape,
): FieldError[] {
  const { metadata: _metadata, ...content } = object;
  const errors = validateSchema(content, shape);
  if (!hasRules(shape)) return errors;
  if (errors.some(blocksRules)) return [...errors, UNCHECKED];
  return [...errors, ...validateRules(object, previous, shape)];
}
