/**
 * Who manages which fields of an object: `metadata.managedFields`. Kept from the first server-side
 * apply on; before that nobody asks, and the record would double the size of every object.
 */
import {
  type ApiObject,
  isEqual,
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  stringOf,
} from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf } from "../resources.ts";
import { builtInShape, withMetadata } from "../schema/built_in.ts";
import { timestamp } from "../timestamp.ts";
import {
  changedFields,
  differenceOf,
  EMPTY_SET,
  type FieldSet,
  fieldsOf,
  formatFields,
  intersectionOf,
  isEmptySet,
  parseFields,
  type Part,
  pathsOf,
  presentFields,
  treeOf,
  unionOf,
} from "./field_set.ts";

/** One writer's share of an object. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly time: string;
  /** "" for writes to the object itself. */
  readonly subresource: string;
  readonly fields: FieldSet;
}

/** A field that somebody else manages with another value. */
export interface ManagerConflict {
  /** `"kubectl"`, `"kubelet" with subresource "status" using v1`. */
  readonly manager: string;
  readonly path: string;
}

/** Manager of all that was there when the first apply came. */
const BEFORE = "before-first-apply";

/** An object as a value with its shape. */
export function partOf(object: unknown, { info, custom }: ResourceType): Part {
  const shape = custom === undefined ? builtInShape(info.schemaName) : withMetadata(custom.shape);
  return { value: object, shape };
}

/** The managers that the object names; [] when nobody keeps a record. */
export function parseManagers({ metadata }: ApiObject): Manager[] {
  return listOf(metadata.managedFields).filter(isObject).map((entry) => ({
    manager: stringOf(entry.manager),
    operation: entry.operation === "Apply" ? "Apply" : "Update",
    apiVersion: stringOf(entry.apiVersion),
    time: stringOf(entry.time),
    subresource: stringOf(entry.subresource),
    fields: parseFields(objectOf(entry.fieldsV1)),
  }));
}
/** The record for an object's metadata: appliers first, then the others as they came. */
export function formatManagers(managers: readonly Manager[]): JsonObject[] | undefined {
  const listed = managers.filter(({ fields }) => !isEmptySet(fields)).toSorted((a, b) =>
    order(a.operation, b.operation) || order(a.time, b.time) || order(a.manager, b.manager)
  );
  if (listed.length === 0) return undefined;
  return listed.map(({ manager, operation, apiVersion, time, subresource, fields }) => ({
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: "FieldsV1",
    fieldsV1: formatFields(fields),
    ...(subresource !== "" && { subresource }),
  }));
}
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Fields that are nobody's: the server's own, and what names the object. */
const UNMANAGED: ReadonlySet<string> = new Set(["f:apiVersion", "f:kind"]);
const UNMANAGED_METADATA: ReadonlySet<string> = new Set([
  "f:creationTimestamp",
  "f:deletionGracePeriodSeconds",
  "f:deletionTimestamp",
  "f:generation",
  "f:managedFields",
  "f:name",
  "f:namespace",
  "f:resourceVersion",
  "f:selfLink",
  "f:uid",
]);

/** The part of the set that a write to this path of the object may manage. */
function manageable({ children }: FieldSet, { info }: ResourceType, subresource: string): FieldSet {
  return treeOf(false, [...children], (element, child) => {
    if (UNMANAGED.has(element)) return EMPTY_SET;
    if (subresource === "status" && element !== "f:status") return EMPTY_SET;
    if (subresource === "" && info.statusSubresource && element === "f:status") return EMPTY_SET;
    if (element !== "f:metadata") return child;
    return treeOf(
      false,
      [...child.children],
      (name, field) => UNMANAGED_METADATA.has(name) ? EMPTY_SET : field,
    );
  });
}

/** A write: which path of which kind, by whom. */
export interface Writing {
  readonly type: ResourceType;
  readonly subresource: string;
  readonly manager: string;
}

/** What an apply comes to, as far as the record goes. */
export interface Applying {
  /** All managers after the apply, the applier with its new fields. */
  readonly managers: readonly Manager[];
  /** What the applier managed before. */
  readonly before: FieldSet;
}

/** Puts the applied fields in place of those that the applier managed before. */
export function applyFields(
  applied: ApiObject,
  live: ApiObject | undefined,
  { type, subresource, manager }: Writing,
): Applying {
  const known = live === undefined ? [] : parseManagers(live);
  const apiVersion = apiVersionOf(type.info);
  const isApplier = (entry: Manager) => isBy(entry, manager, "Apply", subresource);
  const previous = known.find(isApplier);
  const others = known.filter((entry) => !isApplier(entry));
  if (live !== undefined && known.length === 0) {
    const fields = manageable(fieldsOf(partOf(live, type)), type, "");
    const time = live.metadata.creationTimestamp ?? timestamp();
    others.push({
      manager: BEFORE,
      operation: "Update",
      apiVersion,
      time,
      subresource: "",
      fields,
    });
  }
  const fields = manageable(fieldsOf(partOf(applied, type)), type, subresource);
  const same = previous !== undefined &&
    isEqual(formatFields(previous.fields), formatFields(fields));
  const entry: Manager = {
    manager,
    operation: "Apply",
    apiVersion,
    time: same ? previous.time : timestamp(),
    subresource,
    fields,
  };
  return { managers: [...others, entry], before: previous?.fields ?? EMPTY_SET };
}

/** All that the managers manage. */
export function allFields(managers: readonly Manager[]): FieldSet {
  return managers.reduce((sum, { fields }) => unionOf(sum, fields), EMPTY_SET);
}

/** Fields that the applier would change though others manage them, in the order of their managers. */
export function findConflicts(
  managers: readonly Manager[],
  changed: FieldSet,
  { manager, subresource }: Writing,
): ManagerConflict[] {
  return managers
    .filter((entry) => !isBy(entry, manager, "Apply", subresource))
    .map((entry) => ({
      manager: describe(entry),
      paths: pathsOf(intersectionOf(entry.fields, changed)),
    }))
    .toSorted((a, b) => order(a.manager, b.manager))
    .flatMap(({ manager, paths }) => paths.map((path) => ({ manager, path })));
}
function isBy(
  entry: Manager,
  manager: string,
  operation: Manager["operation"],
  subresource: string,
): boolean {
  return entry.manager === manager && entry.operation === operation &&
    entry.subresource === subresource;
}
function describe({ manager, operation, apiVersion, subresource }: Manager): string {
  const below = subresource === "" ? "" : ` with subresource "${subresource}"`;
  const using = operation === "Update" ? ` using ${apiVersion}` : "";
  return `${JSON.stringify(manager)}${below}${using}`;
}

/** Takes from everyone but the applier what changes hands, and what the object has no more. */
export function settle(
  managers: readonly Manager[],
  changed: FieldSet,
  object: ApiObject,
  { type, manager, subresource }: Writing,
): Manager[] {
  const part = partOf(object, type);
  return managers.map((entry) =>
    isBy(entry, manager, "Apply", subresource)
      ? entry
      : { ...entry, fields: presentFields(differenceOf(entry.fields, changed), part) }
  );
}

/** What this write changes, as far as somebody can manage it. */
export function managedChanges(
  previous: ApiObject,
  object: ApiObject,
  { type, subresource }: Pick<Writing, "type" | "subresource">,
): FieldSet {
  const changed = changedFields(partOf(previous, type), partOf(object, type));
  return manageable(changed, type, subresource);
}

/** The record after a plain update: its writer manages what it changed. */
export function recordUpdate(
  object: ApiObject,
  previous: ApiObject,
  writing: Writing,
): JsonObject[] | undefined {
  const managers = parseManagers(previous);
  if (managers.length === 0) return undefined;
  const { type, manager, subresource } = writing;
  const changed = managedChanges(previous, object, writing);
  const part = partOf(object, type);
  const rest = managers.map((entry) => {
    const own = isBy(entry, manager, "Update", subresource);
    const fields = own ? unionOf(entry.fields, changed) : differenceOf(entry.fields, changed);
    const time = own && !isEmptySet(changed) ? timestamp() : entry.time;
    return { ...entry, time, fields: presentFields(fields, part) };
  });
  if (managers.some((entry) => isBy(entry, manager, "Update", subresource))) {
    return formatManagers(rest);
  }
  const apiVersion = apiVersionOf(type.info);
  const fields = presentFields(changed, part);
  const time = timestamp();
  const entry: Manager = { manager, operation: "Update", apiVersion, time, subresource, fields };
  return formatManagers([...rest, entry]);
}
