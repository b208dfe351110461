/** Updates of objects, from PUT and PATCH alike. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isEqual, type JsonObject, type Meta, objectOf } from "../json.ts";
import { recordUpdate } from "../managed/record.ts";
import type { ResourceType } from "../registry.ts";
import { storageKey } from "../resources.ts";
import {
  badRequest,
  conflict,
  type FieldError,
  forbidden,
  invalid,
  invalidObject,
  MODIFIED,
  notFound,
  otherName,
  otherNamespace,
  StatusError,
} from "../status.ts";
import { objectKey, seal, type Stored } from "../store.ts";
import { createObject, dropEmpty } from "./create.ts";
import { decodeObject, setDefaults, validateObject, type WriteOptions } from "./decode.ts";

/** Which object, and which part of it. */
export interface UpdateTarget {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  /** "" for the object itself. */
  readonly subresource: string;
}

/** Kinds that a PUT makes when they are not there. */
const CREATED_ON_UPDATE: ReadonlySet<string> = new Set([
  "/endpoints",
  "/events",
  "coordination.k8s.io/leases",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/roles",
]);
/** Kinds whose updates must name the version that they replace; custom resources as well. */
const VERSION_NEEDED: ReadonlySet<string> = new Set([
  "/serviceaccounts",
  "admissionregistration.k8s.io/mutatingwebhookconfigurations",
  "admissionregistration.k8s.io/validatingwebhookconfigurations",
  "apiextensions.k8s.io/customresourcedefinitions",
  "coordination.k8s.io/leases",
  "policy/poddisruptionbudgets",
]);

/** Gives the managed fields of an object that takes the place of `previous`. */
export type RecordManagers = (
  object: ApiObject,
  previous: ApiObject,
) => JsonObject[] | undefined;

/** What an update came to. */
export interface UpdateResult {
  readonly stored: Stored;
  readonly created: boolean;
}

/**
 * Replaces an object by the body of a PUT.
 *
 * @throws {StatusError} As the real server answers.
 */
export function replaceObject(
  cluster: Cluster,
  target: UpdateTarget,
  body: unknown,
  options: WriteOptions,
): UpdateResult {
  const { type, namespace, name } = target;
  const object = decodeObject(body, type, options);
  const { metadata } = object;
  if (!metadata.name) {
    const why = "was undeterminable: name must be provided";
    throw badRequest(`the name of the object (${name} based on URL) ${why}`);
  }
  if (metadata.name !== name) throw otherName(metadata.name, name);
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw otherNamespace();
  }
  const current = cluster.find(type, namespace, name);
  if (current === undefined) {
    const mayCreate = target.subresource === "" && CREATED_ON_UPDATE.has(storageKey(type.info));
    if (!mayCreate) throw notFound(type.info, name);
    if (metadata.uid) throw conflict(type.info, name, otherUid(metadata.uid, ""));
    delete metadata.resourceVersion;
    const read: WriteOptions = { ...options, fieldValidation: "Ignore" };
    return { stored: createObject(cluster, type, namespace, object, read), created: true };
  }
  const versionless = parseVersion(metadata) === 0;
  if (versionless && (type.custom !== undefined || VERSION_NEEDED.has(storageKey(type.info)))) {
    const subject = { group: type.info.group, kind: type.info.plural };
    throw invalidObject(subject, name, [
      invalid("metadata.resourceVersion", 0, "must be specified for an update"),
    ]);
  }
  return { stored: updateObject(cluster, target, current, object, options), created: false };
}

/**
 * Puts `next` in place of `current`, but for what this path may not change.
 *
 * @param next Decoded already; taken over.
 * @param record What becomes of the managed fields.
 * @throws {StatusError} 409 when `next` names another version or uid, 422 when it is not valid.
 */
export function updateObject(
  cluster: Cluster,
  target: UpdateTarget,
  current: Stored,
  next: ApiObject,
  options: WriteOptions,
  record: RecordManagers = (object, previous) =>
    recordUpdate(object, previous, { ...target, manager: options.manager }),
): Stored {
  const { type, subresource, name } = target;
  const { info, rules } = type;
  const previous = current.value;
  const { metadata } = next;
  const version = parseVersion(metadata);
  if (version !== 0 && version !== current.version) throw conflict(info, name, MODIFIED);
  if (metadata.uid && metadata.uid !== previous.metadata.uid) {
    throw conflict(info, name, otherUid(metadata.uid, previous.metadata.uid ?? ""));
  }
  if (subresource === "") checkDeletion(next, previous, type);
  const object = merge(next, previous, type, subresource);
  keepSystemMetadata(object, previous);
  checkFinalizers(object, previous, type);
  setDefaults(object, type);
  if (subresource === "") rules.prepareUpdate?.(object, previous);
  if (info.countsGeneration && subresource !== "status" && changesSpec(object, previous)) {
    object.metadata.generation = (previous.metadata.generation ?? 0) + 1;
  }
  validateObject(object, previous, type);
  const managedFields = record(object, previous);
  if (managedFields === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = managedFields;
  if (isEqual(object, previous)) return current;
  // The real server answers with the version of the object that it would have replaced.
  if (options.dryRun) return seal(object, current.version);
  const collection = cluster.collectionOf(type);
  const key = objectKey(target.namespace, name);
  if (isGone(object, type)) {
    // This write is the deletion: watchers see the object as it was stored, the writer as it wrote it.
    collection.remove(key);
    return seal(object, current.version);
  }
  return collection.replace(key, object);
}

/** The version that an update names; 0 for none, which replaces any. @throws {StatusError} 500, as the real server says it. */
function parseVersion({ resourceVersion = "" }: Meta): number {
  if (resourceVersion === "") return 0;
  if (/^\d+$/.test(resourceVersion)) return Number(resourceVersion);
  const shown = JSON.stringify(resourceVersion);
  throw new StatusError(500, "", `strconv.ParseUint: parsing ${shown}: invalid syntax`);
}
function otherUid(wanted: string, found: string): string {
  return `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`;
}

/** The parts that this path may write, over the rest of what is there. */
function merge(
  next: ApiObject,
  previous: ApiObject,
  { info }: ResourceType,
  subresource: string,
): ApiObject {
  if (subresource === "") {
    if (!info.statusSubresource) return next;
    const { status: _status, ...rest } = next;
    return previous.status === undefined ? rest : { ...rest, status: previous.status };
  }
  if (subresource === "finalize" || subresource === "scale") {
    return { ...previous, metadata: { ...previous.metadata }, spec: next.spec };
  }
  // A write to the status may change nothing else; a custom resource's keeps all metadata too.
  const metadata = info.schemaName === ""
    ? { ...previous.metadata }
    : { ...previous.metadata, ...pick(next.metadata, ["labels", "annotations", "finalizers"]) };
  const { status: _old, ...rest } = previous;
  return {
    ...rest,
    metadata,
    ...(next.status !== undefined && { status: next.status }),
  };
}

function pick(source: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.filter((key) => source[key] !== undefined).map((key) => [key, source[key]]),
  );
}

const SYSTEM_FIELDS = [
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
  "name",
  "namespace",
  "resourceVersion",
] as const;

function keepSystemMetadata(object: ApiObject, previous: ApiObject): void {
  const metadata: JsonObject = object.metadata;
  for (const field of SYSTEM_FIELDS) {
    const value = previous.metadata[field];
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
  dropEmpty(metadata);
}

/** A write cannot begin a deletion, nor change one that is under way. */
function checkDeletion({ metadata }: ApiObject, previous: ApiObject, { info }: ResourceType): void {
  const before = previous.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  const changed: FieldError[] = [];
  if (deletionTimestamp && before.deletionTimestamp === undefined) {
    changed.push(invalid("metadata.deletionTimestamp", deletionTimestamp, "field is immutable"));
  }
  if (
    deletionGracePeriodSeconds !== undefined &&
    deletionGracePeriodSeconds !== before.deletionGracePeriodSeconds
  ) {
    const field = "metadata.deletionGracePeriodSeconds";
    changed.push(invalid(field, deletionGracePeriodSeconds, "field is immutable"));
  }
  // The real server checks metadata twice, and so names each cause twice.
  const name = before.name ?? "";
  if (changed.length > 0) throw invalidObject(info, name, [...changed, ...changed]);
}

function checkFinalizers(object: ApiObject, previous: ApiObject, { info }: ResourceType): void {
  if (previous.metadata.deletionTimestamp === undefined) return;
  const before = previous.metadata.finalizers ?? [];
  const added = (object.metadata.finalizers ?? []).filter((name) => !before.includes(name));
  if (added.length === 0) return;
  const shown = added.map((name) => JSON.stringify(name)).join(", ");
  throw invalidObject(info, object.metadata.name ?? "", [
    forbidden(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`,
    ),
  ]);
}

/** True when anything beside metadata and status differs. */
function changesSpec(object: ApiObject, previous: ApiObject): boolean {
  const { metadata: _a, status: _b, ...content } = object;
  const { metadata: _c, status: _d, ...before } = previous;
  return !isEqual(content, before);
}

/** A deleted object that nothing holds any more: no finalizer and no grace period. */
export function isGone({ metadata, spec }: ApiObject, { info }: ResourceType): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  if ((metadata.finalizers ?? []).length > 0) return false;
  if (storageKey(info) === "/namespaces") {
    return isEqual(objectOf(spec).finalizers ?? [], []);
  }
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}
