/** Server-side apply: a manager says what it wants of an object, and the rest stays. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, copyOf, isObject, type JsonObject } from "../json.ts";
import { presentFields } from "../managed/field_set.ts";
import { mergeApplied, prune } from "../managed/merge.ts";
import {
  allFields,
  applyFields,
  findConflicts,
  formatManagers,
  managedChanges,
  type ManagerConflict,
  partOf,
  settle,
} from "../managed/managers.ts";
import { apiVersionOf } from "../resources.ts";
import { badRequest, conflict, notFound, StatusError } from "../status.ts";
import { objectKey } from "../store.ts";
import { createObject } from "./create.ts";
import { decodeObject, type WriteOptions } from "./decode.ts";
import { updateObject, type UpdateResult, type UpdateTarget } from "./update.ts";

/**
 * Applies a manager's fields: makes the object when it is not there, takes away what this manager
 * applied before and names no more, and leaves what others manage.
 *
 * @param body The parsed body; taken over.
 * @throws {StatusError} 400 when it is no such object, 409 when another manages a field with another
 *   value, 500 for fields that the schema does not know: as the real server answers.
 */
export function applyObject(
  cluster: Cluster,
  target: UpdateTarget,
  body: unknown,
  options: WriteOptions & { readonly force: boolean },
): UpdateResult {
  const { type, namespace, name, subresource } = target;
  const config = decodeConfig(body, target, options);
  const current = cluster.collectionOf(type).get(objectKey(namespace, name));
  const live = current?.value;
  const writing = { type, subresource, manager: options.manager };
  const { managers, before } = applyFields(config, live, writing);

  if (current === undefined || live === undefined) {
    if (subresource !== "") throw notFound(type.info, name);
    const { uid } = config.metadata;
    if (uid !== undefined) {
      const found = "and no existing object was found";
      const why = `uid mismatch: the provided object specified uid ${uid}, ${found}`;
      throw conflict(type.info, name, why);
    }
    delete config.metadata.resourceVersion;
    const record = formatManagers(managers);
    return {
      stored: createObject(cluster, type, namespace, config, options, record),
      created: true,
    };
  }

  config.metadata.namespace = live.metadata.namespace ?? "";
  const merged = partOf(copyOf(mergeApplied(live, partOf(config, type))), type);
  prune(merged, presentFields(before, merged), allFields(managers));
  const next = decodeObject(merged.value, type, options);
  const changed = managedChanges(live, next, writing);
  const conflicts = findConflicts(managers, changed, writing);
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts);
  const stored = updateObject(
    cluster,
    target,
    current,
    next,
    options,
    (object) => formatManagers(settle(managers, changed, object, writing)),
  );
  return { stored, created: false };
}

/** @throws {StatusError} 400 or 500 for what cannot be applied. */
function decodeConfig(
  body: unknown,
  { type, name }: UpdateTarget,
  options: WriteOptions,
): ApiObject {
  if (!isObject(body)) {
    const found = Array.isArray(body) ? "array" : typeof body;
    const fault = `cannot unmarshal ${found} into Go value of type map[string]interface {}`;
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: ${fault}`,
    );
  }
  const { apiVersion = "", kind = "" } = body;
  if (apiVersion !== apiVersionOf(type.info) || kind !== type.info.kind) {
    const shown = String(apiVersion).includes("/") ? apiVersion : `/${apiVersion}`;
    throw badRequest(`invalid object type: ${shown}, Kind=${kind}`);
  }
  if (isObject(body.metadata) && body.metadata.managedFields !== undefined) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const warnings: string[] = [];
  const config = decodeObject(body, type, { ...options, fieldValidation: "Warn", warnings });
  const [unknown] = warnings;
  if (unknown !== undefined) {
    const path = unknown.replace(/^unknown field "(.*)"$/, ".$1");
    const about = `${config.metadata.namespace ?? ""}/${name}; ${shownKind(config)}`;
    const message = `failed to create typed patch object (${about}): ${path}`;
    throw new StatusError(500, "", `${message}: field not declared in schema`);
  }
  const { metadata } = config;
  metadata.name ??= name;
  if (metadata.name === name) return config;
  throw badRequest(
    `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
  );
}
function shownKind({ apiVersion, kind }: ApiObject): string {
  return `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
}

function conflictError(conflicts: readonly ManagerConflict[]): StatusError {
  const [first] = conflicts;
  const count = conflicts.length === 1 ? "1 conflict" : `${conflicts.length} conflicts`;
  const names = [...new Set(conflicts.map(({ manager }) => manager))];
  const lists = names.map((name) => {
    const paths = conflicts.filter(({ manager }) => manager === name).map(({ path }) => path);
    return [`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`)].join("\n");
  });
  const text = conflicts.length === 1 && first !== undefined
    ? `conflict with ${first.manager}: ${first.path}`
    : lists.join("\n");
  const causes: JsonObject[] = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${manager}`,
    field: path,
  }));
  return new StatusError(409, "Conflict", `Apply failed with ${count}: ${text}`, { causes });
}
