/** A request's body to an object of the kind: types checked, unknown fields judged, defaults filled. */
import { applyDefaults, pruneUnknown } from "../crd/decode.ts";
import { hasRules, validateRules } from "../crd/rules.ts";
import { blocksRules, validateSchema } from "../crd/validate.ts";
import {
  type ApiObject,
  isApiObject,
  isEqual,
  isObject,
  type JsonObject,
  listOf,
  type Meta,
  type OwnerReference,
  stringOf,
} from "../json.ts";
import { isManagerRecord } from "../managed/managers.ts";
import { nameCheckOf } from "../kinds/rules.ts";
import { validateFinalizers, validateMetadata } from "../names.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf } from "../resources.ts";
import { builtInShape, metadataShape } from "../schema/built_in.ts";
import { decodeBuiltIn } from "../schema/decode.ts";
import { type Repeated, textFaults } from "../schema/repeated.ts";
import type { Shape } from "../schema/shape.ts";
import {
  badRequest,
  type FieldError,
  invalid,
  invalidObject,
  type StatusError,
  unrecognized,
} from "../status.ts";

/** How a write is to be done. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** What happens to fields that the schema does not know. */
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** Who writes, for the record of field managers. */
  readonly manager: string;
  /** Collects what the client is warned of. */
  readonly warnings: string[];
  /** What the body's text says twice; found where it is parsed. */
  readonly repeated?: Repeated;
  /** For a patch: the text by which a refusal shows it. */
  readonly patch?: string;
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
  checkKind(body, type);
  body.kind = kind;
  body.apiVersion = apiVersion;
  body.metadata ??= {};
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
  if (unknown.length > 0 || options.repeated !== undefined) {
    judgeText(unknown, custom !== undefined, label, options);
  }
  if (!isApiObject(body)) throw badRequest(`${label}: no metadata`);
  keepRecord(body.metadata);
  dropRepeatedOwners(body.metadata, options);
  delete body.metadata.selfLink;
  return body;
}

/** An owner counts once. */
function dropRepeatedOwners(metadata: Meta, { warnings }: WriteOptions): void {
  const { ownerReferences: owners = [] } = metadata;
  if (owners.length < 2) return;
  const isFirst = (owner: OwnerReference, index: number) =>
    owners.findIndex((other) => isEqual(other, owner)) === index;
  const unique = owners.filter(isFirst);
  if (unique.length === owners.length) return;
  const uids = [...new Set(owners.filter((o, i) => !isFirst(o, i)).map(({ uid }) => uid))];
  metadata.ownerReferences = unique;
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${
      uids.join(", ")
    }`,
  );
}

/** A record of field managers stays only where it can stand for the server's: `[{}]` is an empty one. */
function keepRecord(metadata: JsonObject): void {
  const { managedFields } = metadata;
  if (managedFields === undefined) return;
  if (isEqual(managedFields, [{}])) metadata.managedFields = [];
  else if (!isManagerRecord(listOf(managedFields))) delete metadata.managedFields;
}

function checkKind(body: JsonObject, { info, custom }: ResourceType): void {
  const expected = apiVersionOf(info);
  const { kind = "", apiVersion = "" } = body;
  const sameVersion = apiVersion === "" || apiVersion === expected;
  if (custom !== undefined) {
    if (kind === "") {
      const text = JSON.stringify(body);
      throw unrecognized(info.kind, `Object 'Kind' is missing in '${text}'`, text);
    }
    if (!sameVersion) {
      throw badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
      );
    }
    if (kind === info.kind) return;
    const subject = { group: info.group, kind: String(kind) };
    const name = isObject(body.metadata) ? stringOf(body.metadata.name) : "";
    throw invalidObject(subject, name, [invalid("kind", kind, `must be ${info.kind}`)]);
  }
  const sameKind = kind === "" || kind === info.kind;
  if (sameKind && sameVersion) return;
  const version = String(apiVersion || expected).split("/").at(-1);
  const label = `${kind || info.kind} in version "${version}" cannot be handled as a ${info.kind}`;
  throw badRequest(
    sameKind
      ? `${label}: no kind "${info.kind}" is registered for version "${apiVersion}"`
      : `${label}: converting (${kind}) to (${info.kind}): unknown conversion`,
  );
}

/** Refuses or tells what the text should not have. @throws {StatusError} 400, for a patch 422. */
function judgeText(
  unknown: readonly string[],
  whole: boolean,
  label: string,
  options: WriteOptions,
): void {
  const { fieldValidation, repeated, patch, warnings } = options;
  if (fieldValidation === "Ignore") return;
  const order = whole || patch !== undefined ? "repeatedFirst" : "text";
  const faults = textFaults(repeated, unknown, order);
  if (fieldValidation === "Warn") warnings.push(...faults.warnings);
  else if (faults.sentence !== "") throw strictError(faults.sentence, label, patch);
}
function strictError(faults: string, label: string, patch: string | undefined): StatusError {
  const fault = `strict decoding error: ${faults}`;
  if (patch === undefined) return badRequest(`${label}: ${fault}`);
  return invalidObject({ group: "", kind: "" }, "", [invalid("patch", patch, fault)]);
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
    errors.push(...validateFinalizers(object.metadata.finalizers ?? []));
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
  const errors = validateSchema(content, shape, previous);
  if (!hasRules(shape)) return errors;
  if (errors.some(blocksRules)) return [...errors, UNCHECKED];
  return [...errors, ...validateRules(object, previous, shape)];
}
