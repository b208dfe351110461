/** Reading requests: query, body, what kind of answer is wanted. */
import { parse as parseYaml } from "yaml";
import { decodeProtobuf } from "../schema/protobuf.ts";
import { badRequest, StatusError, unsupportedMediaType } from "../status.ts";

const BODY_MAX_BYTES = 3 * 1024 * 1024;

/** Form of the answer. */
export interface Accepted {
  /** What objects are turned into. */
  readonly as: "object" | "Table" | "Metadata";
  readonly yaml: boolean;
}

/**
 * Picks the form of the answer from the `Accept` header.
 *
 * @returns undefined when nothing that is asked for can be had.
 */
export function parseAccept(header: string | null): Accepted | undefined {
  if (header === null || header.trim() === "") return { as: "object", yaml: false };
  for (const range of header.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const as = parameters.find((part) => part.startsWith("as="))?.slice(3);
    const form =
      as === "Table" || as === "PartialObjectMetadata" || as === "PartialObjectMetadataList"
        ? as === "Table" ? "Table" : "Metadata"
        : "object";
    if (as !== undefined && form === "object") continue;
    if (type === "application/json" || type === "*/*" || type === "application/*") {
      return { as: form, yaml: false };
    }
    if (type === "application/yaml") return { as: form, yaml: true };
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

/**
 * An object that a body carries: JSON, YAML, or the protobuf form of built-in kinds.
 *
 * @param schemaName Schema of the kind; "" for custom kinds.
 */
export async function readObject(
  request: Request,
  kind: string,
  schemaName = "",
): Promise<unknown> {
  const type = contentTypeOf(request);
  if (type === PROTOBUF && schemaName !== "") {
    return decodeProtobuf(await readBytes(request), schemaName);
  }
  const known = type === "" || type === "application/json" || type === "application/yaml" ||
    type === "application/x-www-form-urlencoded";
  if (!known) {
    throw unsupportedMediaType(
      "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    );
  }
  const text = await readText(request);
  return type === "application/yaml" ? parseYamlBody(text) : parseJsonBody(text, kind);
}

/** @throws {StatusError} 400 when it is not YAML. */
export function parseYamlBody(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw badRequest(`error parsing YAML: ${error instanceof Error ? error.message : error}`);
  }
}
function parseJsonBody(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    const shown = text === "" ? "<empty>" : text.slice(0, 200);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${fault} (${shown})`,
    );
  }
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
