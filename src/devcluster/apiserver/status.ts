/** Failures as `Status` objects: the one place that knows codes, reasons and wording. */
import type { ApiObject, JsonObject } from "./json.ts";

/** What is wrong with one field. */
export interface FieldError {
  readonly reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueNotFound"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueTypeInvalid";
  readonly field: string;
  /** Without the field's path: `Required value`. */
  readonly message: string;
}

/** A field's value as it is shown in messages. */
function shown(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}
export function required(field: string, detail = ""): FieldError {
  return {
    reason: "FieldValueRequired",
    field,
    message: "Required value" + (detail === "" ? "" : `: ${detail}`),
  };
}
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return {
    reason: "FieldValueInvalid",
    field,
    message: `Invalid value: ${shown(value)}: ${detail}`,
  };
}
export function notSupported(
  field: string,
  value: unknown,
  supported: readonly unknown[],
): FieldError {
  const values = supported.map(shown).join(", ");
  return {
    reason: "FieldValueNotSupported",
    field,
    message: `Unsupported value: ${shown(value)}: supported values: ${values}`,
  };
}
/** Whether a value that may be absent is one of those that there are. */
export function oneOf(value: unknown, allowed: readonly string[], field: string): FieldError[] {
  if (value === undefined || allowed.some((known) => known === value)) return [];
  return [notSupported(field, value, allowed)];
}
export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${shown(value)}` };
}
export function forbidden(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${detail}` };
}
export function fieldNotFound(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, message: `Not found: ${shown(value)}` };
}
export function tooLong(field: string, maxLength: number): FieldError {
  return {
    reason: "FieldValueTooLong",
    field,
    message: `Too long: may not be more than ${maxLength} bytes`,
  };
}
export function tooMany(field: string, found: number, most: number): FieldError {
  return {
    reason: "FieldValueTooMany",
    field,
    message: `Too many: ${found}: must have at most ${most} items`,
  };
}

/** Group and plural (or kind) that a failure speaks about. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
}

/** A request was refused. `code` is the HTTP status, `reason` Kubernetes' word for it. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details?: JsonObject,
    /** Of the `Status` as a list: where it may go on. */
    readonly metadata: JsonObject = {},
  ) {
    super(message);
  }
  /** The `Status` object for the wire. */
  toJSON(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.metadata,
      status: "Failure",
      message: this.message,
      ...(this.reason !== "" && { reason: this.reason }),
      ...(this.details !== undefined && { details: this.details }),
      code: this.code,
    };
  }
}

function detailsOf({ group, plural }: Subject, name: string): JsonObject {
  return {
    ...(name !== "" && { name }),
    ...(group !== "" && { group }),
    kind: plural,
  };
}
function qualified({ group, plural }: Subject): string {
  return group === "" ? plural : `${plural}.${group}`;
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}
/** 400 for an object of another name than the path's. */
export function otherName(found: string, expected: string): StatusError {
  return badRequest(
    `the name of the object (${found}) does not match the name on the URL (${expected})`,
  );
}
/** 400 for an object of another namespace than the path's. */
export function otherNamespace(): StatusError {
  return badRequest(
    "the namespace of the provided object does not match the namespace sent on the request",
  );
}
/** 400 for a body in which no object of the kind can be seen. */
export function unrecognized(kind: string, fault: string, text: string): StatusError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ${fault} (${summaryOf(text)})`,
  );
}
const SUMMARY_LENGTH = 30;
/** The beginning of a body: as it is where it looks like JSON, else in hexadecimal digits. */
function summaryOf(text: string): string {
  if (text === "") return "<empty>";
  const start = text.slice(0, SUMMARY_LENGTH);
  const shown = text.startsWith("{") ? start : new TextEncoder().encode(start).toHex();
  return text.length > SUMMARY_LENGTH ? `${shown} ...` : shown;
}
export function notFound(subject: Subject, name: string): StatusError {
  const message = `${qualified(subject)} "${name}" not found`;
  return new StatusError(404, "NotFound", message, detailsOf(subject, name));
}
export function noSuchResource(): StatusError {
  const message = "the server could not find the requested resource";
  return new StatusError(404, "NotFound", message, {});
}
/** 409 for an object that is there. */
export function alreadyExists(subject: Subject, { metadata }: ApiObject): StatusError {
  const name = metadata.name ?? "";
  const dying = metadata.deletionTimestamp === undefined ? "" : "object is being deleted: ";
  const message = `${dying}${qualified(subject)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, detailsOf(subject, name));
}
export function conflict(subject: Subject, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(subject, name));
}
export const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

/** 403. @param subject Absent for a path that is no resource's. */
export function forbiddenRequest(
  subject: Subject | undefined,
  name: string,
  why: string,
  causes: readonly JsonObject[] = [],
): StatusError {
  if (subject === undefined) return new StatusError(403, "Forbidden", `forbidden: ${why}`, {});
  const about = name === "" ? qualified(subject) : `${qualified(subject)} "${name}"`;
  const message = `${about} is forbidden: ${why}`;
  const details = { ...detailsOf(subject, name), ...(causes.length > 0 && { causes }) };
  return new StatusError(403, "Forbidden", message, details);
}
export function methodNotAllowed(): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError(405, "MethodNotAllowed", message, {});
}
export function expired(message: string, metadata: JsonObject = {}): StatusError {
  return new StatusError(410, "Expired", message, undefined, metadata);
}
export function unsupportedMediaType(message: string): StatusError {
  return new StatusError(415, "UnsupportedMediaType", message);
}
export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}

/** 422: the object's fields are wrong. `kind` is the object's kind. */
export function invalidObject(
  { group, kind }: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  // The real server joins several with brackets and shows equal ones once.
  const unique = [...new Set(texts)];
  const text = unique.length === 1 ? unique[0] : `[${unique.join(", ")}]`;
  const type = group === "" ? kind : `${kind}.${group}`;
  return new StatusError(422, "Invalid", `${type} "${name}" is invalid: ${text}`, {
    ...(name !== "" && { name }),
    ...(group !== "" && { group }),
    ...(kind !== "" && { kind }),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}
