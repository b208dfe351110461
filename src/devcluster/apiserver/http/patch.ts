/** PATCH requests. */
import { parse as parseYaml } from "yaml";
import type { Cluster } from "../cluster.ts";
import { copyOf, isObject } from "../json.ts";
import { jsonPatch } from "../patch/json.ts";
import { mergePatch } from "../patch/merge.ts";
import { strategicPatch } from "../patch/strategic.ts";
import type { ResourceType } from "../registry.ts";
import { builtInShape } from "../schema/built_in.ts";
import { badRequest, conflict, notFound, StatusError, unsupportedMediaType } from "../status.ts";
import { objectKey, type Stored } from "../store.ts";
import { applyObject } from "../writes/apply.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";
import { updateObject, type UpdateResult, type UpdateTarget } from "../writes/update.ts";
import { APPLY_PATCH, booleanOf, contentTypeOf, readText } from "./request.ts";

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
    return applyObject(cluster, target, parseApplied(text), { ...options, force });
  }
  const patch = parsePatch(text);
  const { type, namespace, name } = target;
  // From here on nothing waits: the object cannot change between reading and writing.
  const current = cluster.collectionOf(type).get(objectKey(namespace, name));
  if (current === undefined) throw notFound(type.info, name);
  const patched = applyPatch(mediaType, current, patch, type);
  if (!isObject(patched)) throw badRequest("the patch does not result in an object");
  const next = decodeObject(copyOf(patched), type, options);
  if (next.metadata.name !== name) {
    throw badRequest(
      `the name of the object (${
        next.metadata.name ?? ""
      }) does not match the name on the URL (${name})`,
    );
  }
  if (next.metadata.namespace !== current.value.metadata.namespace) {
    throw conflict(type.info, name, "the namespace may not change");
  }
  return { stored: updateObject(cluster, target, current, next, options), created: false };
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

function parseApplied(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw badRequest(
      `error decoding YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function parsePatch(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `error decoding patch: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function applyPatch(
  mediaType: string,
  current: Stored,
  patch: unknown,
  type: ResourceType,
): unknown {
  if (mediaType === JSON_PATCH) return jsonPatch(copyOf(current.value), patch);
  if (!isObject(patch)) throw badRequest("error decoding patch: the patch must be an object");
  if (mediaType === MERGE_PATCH) return mergePatch(current.value, patch);
  return strategicPatch(current.value, patch, builtInShape(type.info.schemaName));
}
