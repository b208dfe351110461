/** Server-side apply: a manager says what it wants of an object, and the rest stays. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, copyOf, isObject, type JsonObject } from "../json.ts";
import { presentFields } from "../managed/changes.ts";
import { differenceOf } from "../managed/field_set.ts";
import { annotateApplied, isUpgrade, lastApplied } from "../managed/last_applied.ts";
import { mergeApplied, prune } from "../managed/merge.ts";
import {
  allFields,
  findConflicts,
  formatManagers,
  type ManagerConflict,
} from "../managed/managers.ts";
import {
  applyFields,
  heldPart,
  keyOf,
  managedChanges,
  namedPart,
  settle,
  type Writing,
} from "../managed/record.ts";
import { apiVersionOf } from "../resources.ts";
import { badRequest, conflict, notFound, otherName, StatusError } from "../status.ts";
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
  // Reading the body fills it in; the annotation shows it as it came.
  const text = JSON.stringify(body);
  const config = decodeConfig(body, target, options);
  const current = cluster.find(type, namespace, name);
  const live = current?.value;
  const writing: Writing = { type, subresource, manager: options.manager };
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
    const record = () => formatManagers(managers);
    return {
      stored: createObject(cluster, type, namespace, config, options, record),
      created: true,
    };
  }

  config.metadata.namespace = live.metadata.namespace ?? "";
  const value = copyOf(mergeApplied(live, namedPart(config, type)));
  prune(namedPart(value, type), presentFields(before, heldPart(value, type)), allFields(managers));
  const next = decodeObject(value, type, options);
  const changed = managedChanges(live, next, writing);
  // What this very client has applied in the old way it may take over.
  const upgrades = isUpgrade(live, writing);
  const contested = upgrades ? differenceOf(changed, lastApplied(live, writing)) : changed;
  const conflicts = findConflicts(managers, contested, keyOf(writing, "Apply"));
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts);
  if (upgrades) annotateApplied(next, text);
  const stored = updateObject(
    cluster,
    target,
    current,
    next,
    options,
    (object, previous) => formatManagers(settle(managers, changed, { object, previous }, writing)),
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
  throw otherName(metadata.name, name);
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
