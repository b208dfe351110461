/** Reading requests: query, body, what kind of answer is wanted. */
import { decodeProtobuf } from "../schema/protobuf.ts";
import { findRepeated } from "../schema/repeated.ts";
import { badRequest, StatusError, unrecognized, unsupportedMediaType } from "../status.ts";
import { type ParsedBody, parseYamlBody } from "./yaml.ts";

const BODY_MAX_BYTES = 3 * 1024 * 1024;

/** Form of the answer. */
export interface Accepted {
  /** What objects are turned into. */
  readonly as: "object" | "Table" | "Metadata";
  /** Set where the form is of one object, or of a list, alone. */
  readonly of?: "object" | "list";
  readonly yaml: boolean;
}

const FORMS: Readonly<Record<string, Omit<Accepted, "yaml">>> = {
  Table: { as: "Table" },
  PartialObjectMetadata: { as: "Metadata", of: "object" },
  PartialObjectMetadataList: { as: "Metadata", of: "list" },
};
const FORM_VERSIONS = ["v1", "v1beta1"];

/**
 * Picks the form of the answer from the `Accept` header.
 *
 * @returns undefined when nothing that is asked for can be had.
 */
export function parseAccept(header: string | null): Accepted | undefined {
  if (header === null || header.trim() === "") return { as: "object", yaml: false };
  for (const range of header.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const { as, v = "v1" } = Object.fromEntries(parameters.map((part) => part.split("=", 2)));
    const form = as === undefined ? { as: "object" as const } : FORMS[as];
    if (form === undefined || !FORM_VERSIONS.includes(v)) continue;
    if (type === "application/json" || type === "*/*" || type === "application/*") {
      return { ...form, yaml: false };
    }
    if (type === "application/yaml") return { ...form, yaml: true };
  }
  return undefined;
}

/** The media type of the body, without parameters. */
export function contentTypeOf(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** The body as text. @throws {StatusError} 413 beyond 3 MiB, 400 when it breaks off. */
export async function readText(request: Request): Promise<string> {
  return new TextDecoder().decode(await readBytes(request));
}

/** The whole body. @throws {StatusError} 413 beyond 3 MiB, 400 when it breaks off. */
export async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = Number(request.headers.get("content-length") ?? "0");
  if (declared <= BODY_MAX_BYTES) {
    const bytes = await request.bytes().catch(() => {
      // Who hangs up while sending is no fault of ours, and does not see the answer.
      throw badRequest("the body of the request broke off");
    });
    if (bytes.length <= BODY_MAX_BYTES) return bytes;
  }
  throw new StatusError(
    413,
    "RequestEntityTooLarge",
    `Request entity too large: limit is ${BODY_MAX_BYTES}`,
  );
}

/** Media type of server-side apply. */
export const APPLY_PATCH = "application/apply-patch+yaml";
/** Media type of what typed clients send for built-in kinds. */
export const PROTOBUF = "application/vnd.kubernetes.protobuf";

const OBJECT_TYPES = ["application/json", "application/yaml", PROTOBUF];

/** @throws {StatusError} 415 when no object can be read from such a body. */
export function checkObjectType(mediaType: string): void {
  if (mediaType === "" || OBJECT_TYPES.includes(mediaType)) return;
  throw unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${
      OBJECT_TYPES.join(", ")
    }`,
  );
}

/**
 * An object that a body carries: JSON, YAML, or the protobuf form of built-in kinds.
 *
 * @param schemaName Schema of the kind; "" for custom kinds.
 * @throws {StatusError} 400, 413 or 415.
 */
export async function readObject(
  request: Request,
  kind: string,
  schemaName = "",
): Promise<ParsedBody> {
  const mediaType = contentTypeOf(request);
  checkObjectType(mediaType);
  if (mediaType === PROTOBUF) {
    return { value: decodeProtobuf(await readBytes(request), schemaName) };
  }
  const text = await readText(request);
  const parse = mediaType === "application/yaml" ? parseYamlBody : parseJsonBody;
  let body: ParsedBody;
  try {
    body = parse(text);
  } catch (error) {
    throw unrecognized(kind, error instanceof Error ? error.message : String(error), text);
  }
  const { value } = body;
  // The real server's decoder takes nothing for an empty object.
  if (value === null) return { value: {} };
  if (typeof value === "object" && !Array.isArray(value)) return body;
  const found = Array.isArray(value)
    ? "array"
    : value === true || value === false
    ? "bool"
    : typeof value;
  throw unrecognized(
    kind,
    `${NO_VERSION_OR_KIND} json: cannot unmarshal ${found} into ${TYPE_META}`,
    text,
  );
}

/** Begins the refusal of a text that is no object. */
export const NO_VERSION_OR_KIND = "couldn't get version/kind; json parse error:";
const TYPE_META =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** @throws {SyntaxError} In the words of the real server where a text merely ends too soon. */
export function parseJsonBody(text: string): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(
      `${NO_VERSION_OR_KIND} ${fault.replace(/^Unexpected end/, "unexpected end")}`,
    );
  }
  const repeated = findRepeated(text, value);
  return repeated === undefined ? { value } : { value, repeated };
}

/** A whole number of the query; undefined when it is not there. @throws {StatusError} 400 */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
export function booleanOf(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== "0" && text !== "false";
}
/** A resource version; undefined for none. @throws {StatusError} 400 when it is no number. */
export function versionOf(query: URLSearchParams): number | undefined {
  const text = query.get("resourceVersion");
  if (text === null || text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const shown = JSON.stringify(text);
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`,
  );
}
