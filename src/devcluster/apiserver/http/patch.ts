/** PATCH requests. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, copyOf, isObject } from "../json.ts";
import { goText } from "../patch/go_text.ts";
import { jsonPatch } from "../patch/json.ts";
import { mergePatch } from "../patch/merge.ts";
import { strategicPatch } from "../patch/strategic.ts";
import type { ResourceType } from "../registry.ts";
import { builtInShape } from "../schema/built_in.ts";
import { findRepeated, type Repeated, yamlFault } from "../schema/repeated.ts";
import {
  badRequest,
  invalid,
  invalidObject,
  notFound,
  otherName,
  StatusError,
  unsupportedMediaType,
} from "../status.ts";
import { applyObject } from "../writes/apply.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";
import { updateObject, type UpdateResult, type UpdateTarget } from "../writes/update.ts";
import { APPLY_PATCH, booleanOf, contentTypeOf, readText } from "./request.ts";
import { type ParsedBody, parseYamlBody } from "./yaml.ts";

const JSON_PATCH = "application/json-patch+json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC_PATCH = "application/strategic-merge-patch+json";

/**
 * Applies the patch in the request's body.
 *
 * @throws {StatusError} As the real server answers.
 */
export async function patchObject(
  cluster: Cluster,
  target: UpdateTarget,
  request: Request,
  query: URLSearchParams,
  options: WriteOptions,
): Promise<UpdateResult> {
  const mediaType = contentTypeOf(request);
  checkMediaType(mediaType, target.type);
  const text = await readText(request);
  if (mediaType === APPLY_PATCH) {
    const force = booleanOf(query, "force");
    return applyObject(cluster, target, parseApplied(text, options), { ...options, force });
  }
  const patch = parsePatch(text, mediaType);
  const { type, namespace, name } = target;
  // From here on nothing waits: the object cannot change between reading and writing.
  const current = cluster.find(type, namespace, name);
  if (current === undefined) throw notFound(type.info, name);
  const next = patchedObject(current.value, patch, type, options);
  checkIdentity(next, current.value, target);
  return { stored: updateObject(cluster, target, current, next, options), created: false };
}

/** @throws {StatusError} 400 or 422 when the patch makes another object of it. */
function checkIdentity(next: ApiObject, current: ApiObject, { type, name }: UpdateTarget): void {
  const { metadata } = next;
  if (metadata.name === undefined) {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== name) throw otherName(metadata.name, name);
  if (metadata.namespace !== current.metadata.namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
  if (metadata.uid === undefined || metadata.uid === current.metadata.uid) return;
  const fault = invalid("metadata.uid", metadata.uid, "field is immutable");
  // The real server checks metadata twice, and so names each cause twice.
  throw invalidObject(type.info, name, [fault, fault]);
}

/** A patch as it was read. */
export interface Patch {
  readonly mediaType: string;
  readonly value: unknown;
  readonly repeated?: Repeated;
}

/** The patch in the request's body. @throws {StatusError} 400 or 415 when it is none for an object of that type. */
export async function readPatch(request: Request, type: ResourceType): Promise<Patch> {
  const mediaType = contentTypeOf(request);
  checkMediaType(mediaType, type);
  return parsePatch(await readText(request), mediaType);
}

/**
 * The object with the patch laid over it.
 *
 * @throws {StatusError} 400, or 422 for fields that are unknown or there twice when those are refused.
 */
export function patchedObject(
  current: ApiObject,
  { mediaType, value, repeated }: Patch,
  type: ResourceType,
  options: WriteOptions,
): ApiObject {
  const patched = applyPatch(mediaType, current, value, type);
  if (!isObject(patched)) throw badRequest("the patch does not result in an object");
  const shown = mediaType === STRATEGIC_PATCH ? goText(value) : JSON.stringify(patched);
  return decodeObject(copyOf(patched), type, {
    ...options,
    patch: shown,
    ...(repeated !== undefined && { repeated }),
  });
}

function checkMediaType(mediaType: string, type: ResourceType): void {
  const merges = type.custom === undefined ? [MERGE_PATCH, STRATEGIC_PATCH] : [MERGE_PATCH];
  const supported = [JSON_PATCH, ...merges, APPLY_PATCH];
  if (supported.includes(mediaType)) return;
  if (mediaType === STRATEGIC_PATCH) {
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${
        supported.join(", ")
      }`,
    );
  }
  throw new StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {});
}

function parseApplied(text: string, { fieldValidation, warnings }: WriteOptions): unknown {
  let body: ParsedBody;
  try {
    body = parseYamlBody(text);
  } catch (error) {
    throw badRequest(
      `error decoding YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { value, repeated } = body;
  if (repeated?.form !== "yaml" || fieldValidation === "Ignore") return value;
  if (fieldValidation === "Strict") {
    const fault = yamlFault(repeated.lines);
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${fault}`);
  }
  warnings.push(...repeated.lines);
  return value;
}

function parsePatch(text: string, mediaType: string): Patch {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `error decoding patch: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const found = findRepeated(text, value);
  if (found === undefined) return { mediaType, value };
  const about = mediaType === JSON_PATCH ? { ...found, about: "json patch " } : found;
  return { mediaType, value, repeated: about };
}

function applyPatch(
  mediaType: string,
  current: ApiObject,
  patch: unknown,
  type: ResourceType,
): unknown {
  if (mediaType === JSON_PATCH) return jsonPatch(copyOf(current), patch);
  if (patch === null) throw badRequest("Invalid JSON Patch");
  if (!isObject(patch)) {
    const found = Array.isArray(patch) ? "array" : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  if (mediaType === MERGE_PATCH) return mergePatch(current, patch);
  return strategicPatch(current, patch, builtInShape(type.info.schemaName));
}
