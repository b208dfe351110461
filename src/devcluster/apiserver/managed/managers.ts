/** Who manages which fields of an object: `metadata.managedFields`. */
import { type ApiObject, isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import {
  differenceOf,
  EMPTY_SET,
  type FieldSet,
  formatFields,
  intersectionOf,
  isEmptySet,
  parseFields,
  pathsOf,
  unionOf,
} from "./field_set.ts";

/** One writer's share of an object. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  /** When it last changed the object; "" where it has only said that it agrees. */
  readonly time: string;
  /** "" for writes to the object itself. */
  readonly subresource: string;
  readonly fields: FieldSet;
}

/** Names a writer's entry; appliers have one whatever the version. */
export type ManagerKey = Omit<Manager, "time" | "fields">;

/** A field that somebody else manages with another value. */
export interface ManagerConflict {
  /** `"kubectl"`, `"kubelet" with subresource "status" using v1`. */
  readonly manager: string;
  readonly path: string;
}

export function isSameManager(a: ManagerKey, b: ManagerKey): boolean {
  return a.manager === b.manager && a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion);
}

/** The managers that the object names; [] when nobody keeps a record. */
export function parseManagers({ metadata }: ApiObject): Manager[] {
  return listOf(metadata.managedFields).filter(isObject).map((entry) => ({
    manager: stringOf(entry.manager),
    operation: entry.operation === "Apply" ? "Apply" : "Update",
    apiVersion: stringOf(entry.apiVersion),
    time: stringOf(entry.time),
    subresource: stringOf(entry.subresource),
    fields: parseShared(objectOf(entry.fieldsV1)),
  }));
}

/** Records of stored objects are never written to: each is parsed once. */
const parsed = new WeakMap<JsonObject, FieldSet>();

function parseShared(fieldsV1: JsonObject): FieldSet {
  let fields = parsed.get(fieldsV1);
  if (fields === undefined) {
    fields = parseFields(fieldsV1);
    parsed.set(fieldsV1, fields);
  }
  return fields;
}

/** True for a record that a client may put in place of the server's. */
export function isManagerRecord(entries: readonly unknown[]): boolean {
  return entries.every((entry) =>
    isObject(entry) && (entry.operation === "Apply" || entry.operation === "Update") &&
    stringOf(entry.apiVersion) !== "" && entry.fieldsType === "FieldsV1" &&
    isObject(entry.fieldsV1)
  );
}

/** The record for an object's metadata: appliers first, then the others as they came. */
export function formatManagers(managers: readonly Manager[]): JsonObject[] | undefined {
  const listed = managers.filter(({ fields }) => !isEmptySet(fields)).toSorted((a, b) =>
    order(a.operation, b.operation) || order(a.time, b.time) || order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) || order(a.subresource, b.subresource)
  );
  if (listed.length === 0) return undefined;
  return listed.map(({ manager, operation, apiVersion, time, subresource, fields }) => ({
    manager,
    operation,
    apiVersion,
    ...(time !== "" && { time }),
    fieldsType: "FieldsV1",
    fieldsV1: formatFields(fields),
    ...(subresource !== "" && { subresource }),
  }));
}
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Writers by plain updates that are kept apart. */
const UPDATERS_MAX = 10;
/** Who the oldest of too many writers become. */
const ANCIENT = "ancient-changes";

/** At most ten writers by update: the oldest of a version become one. */
export function capManagers(managers: readonly Manager[]): Manager[] {
  const updaters = managers.filter(({ operation }) => operation === "Update")
    .toSorted((a, b) => order(a.time, b.time) || order(a.manager, b.manager));
  const kept = new Set(managers);
  const oldest = new Map<string, Manager>();
  let count = updaters.length;
  for (const updater of updaters) {
    if (count <= UPDATERS_MAX) break;
    const { apiVersion } = updater;
    const first = oldest.get(apiVersion);
    let merged = updater;
    if (first !== undefined) {
      const fields = unionOf(first.fields, updater.fields);
      merged = { ...updater, manager: ANCIENT, subresource: "", fields };
      kept.delete(first);
      kept.delete(updater);
      kept.add(merged);
      count -= 1;
    }
    oldest.set(apiVersion, merged);
  }
  return [...kept];
}

/** All that the managers manage. */
export function allFields(managers: readonly Manager[]): FieldSet {
  return managers.reduce((sum, { fields }) => unionOf(sum, fields), EMPTY_SET);
}

/** Fields that the applier would change though others manage them, in the order of their managers. */
export function findConflicts(
  managers: readonly Manager[],
  changed: FieldSet,
  applier: ManagerKey,
): ManagerConflict[] {
  return managers
    .filter((entry) => !isSameManager(entry, applier))
    .map((entry) => ({
      manager: describe(entry),
      paths: pathsOf(intersectionOf(entry.fields, changed)),
    }))
    .toSorted((a, b) => order(a.manager, b.manager))
    .flatMap(({ manager, paths }) => paths.map((path) => ({ manager, path })));
}
function describe({ manager, operation, apiVersion, subresource }: Manager): string {
  const below = subresource === "" ? "" : ` with subresource "${subresource}"`;
  const using = operation === "Update" ? ` using ${apiVersion}` : "";
  return `${JSON.stringify(manager)}${below}${using}`;
}

/** The managers without what changes hands. */
export function withoutFields(managers: readonly Manager[], taken: FieldSet): Manager[] {
  if (isEmptySet(taken)) return [...managers];
  return managers.map((entry) => ({ ...entry, fields: differenceOf(entry.fields, taken) }));
}
