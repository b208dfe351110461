/** Options of requests, from the query: how to write, how to list, how to delete. */
import { isObject, type JsonObject, stringOf } from "../json.ts";
import { DELETE_OPTIONS, deleteOptionsShape } from "../schema/built_in.ts";
import { decodeBuiltIn } from "../schema/decode.ts";
import {
  badRequest,
  type FieldError,
  forbidden,
  invalid,
  invalidObject,
  notSupported,
  required,
  tooLong,
} from "../status.ts";
import type { WriteOptions } from "../writes/decode.ts";
import type { DeleteRequest } from "../writes/remove.ts";
import {
  APPLY_PATCH,
  booleanOf,
  checkObjectType,
  contentTypeOf,
  integerOf,
  NO_VERSION_OR_KIND,
  parseJsonBody,
  PROTOBUF,
  readObject,
  readText,
} from "./request.ts";
import { parseYamlBody } from "./yaml.ts";

/** @throws {StatusError} 422 that names the options, when there are errors. */
function checkOptions(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind }, "", errors);
}

const FIELD_VALIDATION = ["Ignore", "Strict", "Warn"] as const;
const MANAGER_MAX_LENGTH = 128;

/** Options of a write. @throws {StatusError} 422 for values that do not exist. */
export function parseWriteOptions(
  request: Request,
  query: URLSearchParams,
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
): WriteOptions {
  const dryRun = query.getAll("dryRun");
  const asked = query.get("fieldValidation") ?? "";
  const fieldValidation = asked === ""
    ? "Warn"
    : FIELD_VALIDATION.find((candidate) => candidate === asked);
  const errors = [
    ...kind === "PatchOptions" ? patchErrors(request, query) : [],
    ...managerErrors(query.get("fieldManager") ?? ""),
    ...dryRunErrors(dryRun),
  ];
  if (fieldValidation === undefined) {
    errors.push(notSupported("fieldValidation", asked, ["", ...FIELD_VALIDATION]));
  }
  checkOptions(kind, errors);
  return {
    dryRun: dryRun.length > 0,
    fieldValidation: fieldValidation ?? "Warn",
    manager: managerOf(request, query),
    warnings: [],
  };
}

function managerErrors(manager: string): FieldError[] {
  const bytes = new TextEncoder().encode(manager).length;
  if (bytes > MANAGER_MAX_LENGTH) return [tooLong("fieldManager", MANAGER_MAX_LENGTH)];
  const at = manager.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  const code = manager.codePointAt(at === -1 ? manager.length : at);
  if (code === undefined) return [];
  const shown = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return [invalid("fieldManager", manager, `invalid character ${shown} (at position ${at})`)];
}

function patchErrors(request: Request, query: URLSearchParams): FieldError[] {
  if (contentTypeOf(request) === APPLY_PATCH) {
    const named = (query.get("fieldManager") ?? "") !== "";
    return named ? [] : [required("fieldManager", "is required for apply patch")];
  }
  return query.has("force") ? [forbidden("force", "may not be specified for non-apply patch")] : [];
}

function dryRunErrors(dryRun: readonly unknown[]): FieldError[] {
  return dryRun.every((value) => value === "All") ? [] : [notSupported("dryRun", dryRun, ["All"])];
}

/** Who writes: what the query says, or else the program's name. */
function managerOf(request: Request, query: URLSearchParams): string {
  const named = query.get("fieldManager") ?? "";
  if (named !== "") return named;
  const program = (request.headers.get("user-agent") ?? "").split("/")[0]?.trim() ?? "";
  return (program || "unknown").slice(0, MANAGER_MAX_LENGTH);
}

const EXACT = "Exact";
const NOT_OLDER = "NotOlderThan";
const MATCH = "resourceVersionMatch";

/** @throws {StatusError} 422 for options of a list or watch that do not go together. */
export function checkListOptions(query: URLSearchParams, watch: boolean): void {
  const match = query.get(MATCH) ?? "";
  const initial = query.get("sendInitialEvents") ?? "";
  const version = query.get("resourceVersion") ?? "";
  const errors: FieldError[] = [];
  const forbid = (field: string, why: string) => void errors.push(forbidden(field, why));
  if (watch && initial !== "" && match !== NOT_OLDER) {
    forbid(MATCH, `sendInitialEvents requires setting ${MATCH} to ${NOT_OLDER}`);
  }
  if (watch && match !== "") {
    if (initial === "") {
      forbid(MATCH, `${MATCH} is forbidden for watch unless sendInitialEvents is provided`);
    }
    if (match !== NOT_OLDER) errors.push(notSupported(MATCH, match, [NOT_OLDER]));
  }
  if (!watch && match !== "" && version === "") {
    forbid(MATCH, `${MATCH} is forbidden unless resourceVersion is provided`);
  }
  if (match !== "" && (query.get("continue") ?? "") !== "") {
    forbid(MATCH, `${MATCH} is forbidden when continue is provided`);
  }
  if (!watch && match !== "" && match !== EXACT && match !== NOT_OLDER) {
    errors.push(notSupported(MATCH, match, [EXACT, NOT_OLDER, ""]));
  }
  if (!watch && match === EXACT && version === "0") {
    forbid(MATCH, `${MATCH} "exact" is forbidden for resourceVersion "0"`);
  }
  if (!watch && initial !== "") {
    forbid("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  checkOptions("ListOptions", errors);
}

const POLICIES = ["Foreground", "Background", "Orphan", "nil"];

/** Options of a delete: from the body, or else from the query. @throws {StatusError} 400 or 422. */
export async function readDeleteRequest(
  request: Request,
  query: URLSearchParams,
): Promise<DeleteRequest> {
  const body = await readDeleteBody(request) ?? {};
  const grace = body.gracePeriodSeconds ?? integerOf(query, "gracePeriodSeconds");
  const asked = query.has("orphanDependents") ? booleanOf(query, "orphanDependents") : undefined;
  const orphan = body.orphanDependents ?? asked;
  const policy = stringOf(body.propagationPolicy ?? query.get("propagationPolicy"));
  const { uid, resourceVersion } = isObject(body.preconditions) ? body.preconditions : {};
  const dryRun = Array.isArray(body.dryRun)
    ? body.dryRun
    : query.getAll("dryRun").filter((value) => value !== "");
  const errors: FieldError[] = [];
  if (policy !== "" && !POLICIES.slice(0, 3).includes(policy)) {
    errors.push(notSupported("propagationPolicy", policy, POLICIES));
  } else if (policy !== "" && orphan !== undefined) {
    const why = "orphanDependents and deletionPropagation cannot be both set";
    errors.push(invalid("propagationPolicy", policy, why));
  }
  checkOptions("DeleteOptions", [...errors, ...dryRunErrors(dryRun)]);
  return {
    dryRun: dryRun.length > 0,
    ...(typeof grace === "number" && { gracePeriodSeconds: grace }),
    ...(policy !== "" && { propagationPolicy: policy }),
    ...(orphan === true && { propagationPolicy: "Orphan" }),
    ...(typeof uid === "string" && { uid }),
    ...(typeof resourceVersion === "string" && { resourceVersion }),
  };
}

async function readDeleteBody(request: Request): Promise<JsonObject | undefined> {
  const mediaType = contentTypeOf(request);
  const parsed = mediaType === PROTOBUF
    ? (await readObject(request, "DeleteOptions", DELETE_OPTIONS)).value
    : parseDeleteBody(await readText(request), mediaType);
  if (parsed === undefined) return undefined;
  if (!isObject(parsed)) throw badRequest(`${NO_VERSION_OR_KIND} the body is no object`);
  const { kind, apiVersion } = parsed;
  if (typeof kind === "string" && kind !== "" && kind !== "DeleteOptions") {
    const version = stringOf(apiVersion) || "meta.k8s.io/v1";
    throw badRequest(
      `no kind "${kind}" is registered for version "${version}" in scheme "apiserver"`,
    );
  }
  decodeBuiltIn(parsed, deleteOptionsShape(), "");
  return parsed;
}

function parseDeleteBody(text: string, mediaType: string): unknown {
  if (text.trim() === "") return undefined;
  checkObjectType(mediaType);
  try {
    return (mediaType === "application/yaml" ? parseYamlBody : parseJsonBody)(text).value;
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}
