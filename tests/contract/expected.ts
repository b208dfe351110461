/** What an answer must look like, and how it is compared. */
import { deepStrictEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { HttpAnswer } from "../support/http_api.ts";

/** In place of a value: there must be one, whichever. */
export const ANY = Symbol("anything");
/** In place of a value: there must be none. */
export const ABSENT = Symbol("absent");
/** In place of a value: there must be none, or an empty text. */
export const EMPTY = Symbol("empty");

class Whole {
  constructor(readonly value: unknown) {}
}

/** An object that must have these fields and no others, save those that every object is given. */
export function whole(value: unknown): Whole {
  return new Whole(value);
}

type Item = Readonly<Record<string, unknown>>;

class Named {
  constructor(readonly items: readonly Item[], readonly by: string) {}
}

/** A list that has these items, found by their names (or another field), and maybe others, in any order. */
export function named(items: readonly Item[], by = "name"): Named {
  return new Named(items, by);
}

/**
 * The answer to a request. Objects may have more fields than are expected; lists must be as long. A
 * regular expression stands for the texts that it matches.
 */
export interface ExpectedAnswer {
  readonly status: number;
  readonly body?: unknown;
  /** `null`: there must be no such header. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
}

export function ok(body?: unknown): ExpectedAnswer {
  return { status: 200, body };
}

export function created(body?: unknown): ExpectedAnswer {
  return { status: 201, body };
}

export interface StatusDetails {
  readonly name?: string | RegExp;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: typeof ANY;
  readonly causes?: readonly unknown[];
  readonly retryAfterSeconds?: number;
}

/** A failure: the whole `Status` object. */
export function refused(
  status: number,
  reason: string,
  message: string | RegExp,
  details?: StatusDetails | typeof ANY,
): ExpectedAnswer {
  const body = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details !== undefined && { details }),
    code: status,
  };
  return { status, body: whole(body) };
}

export function badRequest(message: string | RegExp): ExpectedAnswer {
  return refused(400, "BadRequest", message);
}

/** Headers of an answer that is no object. */
export const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** The answer for a path that nothing serves. */
export const PAGE_NOT_FOUND: ExpectedAnswer = {
  status: 404,
  body: "404 page not found\n",
  headers: TEXT,
};

export const WRONG_METHOD = refused(
  405,
  "MethodNotAllowed",
  "the server does not allow this method on the requested resource",
  {},
);

export function notFound(resource: string, name: string): ExpectedAnswer {
  const message = `${resource} "${name}" not found`;
  return refused(404, "NotFound", message, detailsOf(resource, name));
}

export function conflict(resource: string, name: string, why: string): ExpectedAnswer {
  const message = `Operation cannot be fulfilled on ${resource} "${name}": ${why}`;
  return refused(409, "Conflict", message, detailsOf(resource, name));
}

export const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

/** What is wrong with a field: the last word of its reason, its path, and the message. */
export type Cause = readonly [
  reason:
    | "Invalid"
    | "Required"
    | "NotSupported"
    | "Duplicate"
    | "Forbidden"
    | "TypeInvalid"
    | "TooLong"
    | "TooMany"
    | "NotFound",
  field: string,
  message: string,
];

/** A 422 for an object whose fields are wrong. `type` is its kind: `Pod`, `DIJob.diengine.opendilab.org`. */
export function invalid(type: string, name: string, ...causes: readonly Cause[]): ExpectedAnswer {
  const texts = causes.map(([, field, message]) => `${field}: ${message}`);
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return refused(422, "Invalid", `${type} "${name}" is invalid: ${text}`, {
    ...detailsOf(type, name),
    causes: causes.map(([reason, field, message]) => ({
      reason: `FieldValue${reason}`,
      message,
      field,
    })),
  });
}

function detailsOf(type: string, name: string): StatusDetails {
  const dot = type.indexOf(".");
  return {
    ...(name !== "" && { name }),
    ...(dot !== -1 && { group: type.slice(dot + 1) }),
    ...(type !== "" && { kind: dot === -1 ? type : type.slice(0, dot) }),
  };
}

/** @throws {AssertionError} If the answer differs; its diff shows what was expected and no more. */
export function assertAnswer(answer: HttpAnswer, expected: ExpectedAnswer): void {
  const headers = Object.entries(expected.headers ?? {});
  const wanted = {
    status: expected.status,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, value ?? ABSENT])),
    ...(expected.body !== undefined && { body: expected.body }),
  };
  const found = {
    status: answer.status,
    headers: Object.fromEntries(
      headers.map(([name]) => [name, answer.headers.get(name) ?? undefined]),
    ),
    body: answer.body,
  };
  const isWhole = expected.body instanceof Whole;
  const context = answer.status === expected.status || isWhole
    ? {}
    : { answered: withoutVolatile(answer.body) };
  deepStrictEqual({ answer: project(found, wanted, false), ...context }, { answer: shown(wanted) });
}

/** @throws {AssertionError} If a value differs from what is expected of it. */
export function assertMatches(found: unknown, expected: unknown): void {
  deepStrictEqual(project(found, expected, false), shown(expected));
}

/** What is given to every object, and differs from run to run. */
const VOLATILE = ["namespace", "uid", "creationTimestamp", "resourceVersion", "managedFields"];

/**
 * `found` with the fields that `expected` has, and with what matches shown as the pattern is.
 *
 * @param wholly Whether fields that are not expected are kept, to be seen as a difference.
 */
function project(found: unknown, expected: unknown, wholly: boolean): unknown {
  if (expected === ANY) return found === undefined || found === null ? found : shown(ANY);
  if (expected === ABSENT) return found === undefined ? shown(ABSENT) : found;
  if (expected === EMPTY) return found === undefined || found === "" ? shown(EMPTY) : found;
  if (expected instanceof RegExp) {
    return typeof found === "string" && expected.test(found) ? shown(expected) : found;
  }
  if (expected instanceof Whole) return project(withoutVolatile(found), expected.value, true);
  if (expected instanceof Named) {
    const items: unknown[] = Array.isArray(found) ? found : [];
    const wanted = expected.items.map(({ [expected.by]: name }) =>
      items.find((item) => isRecord(item) && isDeepStrictEqual(item[expected.by], name))
    );
    return project(wanted, expected.items, wholly);
  }
  if (Array.isArray(expected) && Array.isArray(found)) {
    return found.map((item, index) =>
      index < expected.length ? project(item, expected[index], wholly) : item
    );
  }
  if (!isRecord(expected) || !isRecord(found)) return found;
  const fields = Object.entries(expected)
    .filter(([key, value]) => key in found || value === ABSENT || value === EMPTY)
    .map(([key, value]) => [key, project(found[key], value, wholly)]);
  return { ...(wholly && found), ...Object.fromEntries(fields) };
}

/** The expectation as a plain value. */
function shown(expected: unknown): unknown {
  if (typeof expected === "symbol") return `<${expected.description}>`;
  if (expected instanceof RegExp) return `<${expected}>`;
  if (expected instanceof Whole) return shown(expected.value);
  if (expected instanceof Named) return shown(expected.items);
  if (Array.isArray(expected)) return expected.map(shown);
  if (isRecord(expected)) {
    return Object.fromEntries(
      Object.entries(expected).filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, shown(value)]),
    );
  }
  return expected;
}

function withoutVolatile(found: unknown): unknown {
  if (!isRecord(found) || !isRecord(found["metadata"])) return found;
  const metadata = Object.entries(found["metadata"]).filter(([key]) => !VOLATILE.includes(key));
  return { ...found, metadata: Object.fromEntries(metadata) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
