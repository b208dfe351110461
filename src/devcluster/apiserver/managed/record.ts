/** What a write makes of the record of field managers. */
import { type ApiObject, isEqual, type JsonObject } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf, storageKey } from "../resources.ts";
import { builtInShape, withMetadata } from "../schema/built_in.ts";
import { timestamp } from "../timestamp.ts";
import { changedFields, fieldsOf, presentFields } from "./changes.ts";
import {
  differenceOf,
  EMPTY_SET,
  type FieldSet,
  isEmptySet,
  treeOf,
  unionOf,
} from "./field_set.ts";
import {
  capManagers,
  formatManagers,
  isSameManager,
  type Manager,
  type ManagerKey,
  parseManagers,
  withoutFields,
} from "./managers.ts";
import type { Part } from "./parts.ts";

/** A write: which path of which kind, by whom. */
export interface Writing {
  readonly type: ResourceType;
  /** "" for the object itself. */
  readonly subresource: string;
  readonly manager: string;
}

/** Manager of all that was there when the first apply came to an object without a record. */
const BEFORE = "before-first-apply";

function shapeOf({ info, custom }: ResourceType) {
  return custom === undefined ? builtInShape(info.schemaName) : withMetadata(custom.shape);
}
/** An object that the server holds. */
export function heldPart(object: unknown, type: ResourceType): Part {
  const typed = type.custom === undefined ? "whole" : "metadata";
  return { value: object, shape: shapeOf(type), typed };
}
/** An object as a client has written it down. */
export function namedPart(object: unknown, type: ResourceType): Part {
  return { value: object, shape: shapeOf(type), typed: "nothing" };
}

export function keyOf(writing: Writing, operation: Manager["operation"]): ManagerKey {
  const { type, subresource, manager } = writing;
  return { manager, operation, apiVersion: apiVersionOf(type.info), subresource };
}

/** Fields that are nobody's: what names the object, and the server's own. */
const UNMANAGED: ReadonlySet<string> = new Set(["f:apiVersion", "f:kind"]);
const UNMANAGED_METADATA: ReadonlySet<string> = new Set([
  "f:creationTimestamp",
  "f:generation",
  "f:managedFields",
  "f:name",
  "f:namespace",
  "f:resourceVersion",
  "f:selfLink",
  "f:uid",
]);

/** The part of the set that a write to this path of the object may manage. */
function manageable(set: FieldSet, { type, subresource }: Omit<Writing, "manager">): FieldSet {
  const { info, custom } = type;
  const ofStatus = subresource === "status";
  return treeOf(false, [...set.children], (element, child) => {
    if (UNMANAGED.has(element)) return EMPTY_SET;
    if (element === "f:status") return ofStatus || !info.statusSubresource ? child : EMPTY_SET;
    // A custom resource's status is written alone; with another, some of the metadata goes along.
    if (ofStatus && (custom !== undefined || element === "f:spec")) return EMPTY_SET;
    if (element !== "f:metadata") return child;
    const bare = ofStatus && storageKey(info) === "/pods";
    return treeOf(false, [...child.children], (name, field) => {
      const kept = !UNMANAGED_METADATA.has(name) && !(bare && name === "f:ownerReferences");
      return kept ? field : EMPTY_SET;
    });
  });
}

/** What a client names, as far as it can manage that. */
export function managedFields(config: ApiObject, writing: Writing): FieldSet {
  return manageable(fieldsOf(namedPart(config, writing.type)), writing);
}

/** What a write changes, as far as somebody can manage it. */
export function managedChanges(
  previous: unknown,
  object: ApiObject,
  writing: Omit<Writing, "manager">,
): FieldSet {
  const { type } = writing;
  return manageable(changedFields(heldPart(previous, type), heldPart(object, type)), writing);
}

/**
 * The record of a new object: its maker manages all that it has by now. What a record that it brings
 * says of others stays.
 */
export function recordCreate(object: ApiObject, writing: Writing): JsonObject[] | undefined {
  return formatManagers(take(parseManagers(object), managedChanges({}, object, writing), writing));
}

/**
 * The record after a plain update: its writer manages what it has changed. An object without a record
 * stays without. `object` may bring a record of its own: `[]` ends it.
 */
export function recordUpdate(
  object: ApiObject,
  previous: ApiObject,
  writing: Writing,
): JsonObject[] | undefined {
  const brought = writing.subresource === "" && object.metadata.managedFields !== undefined;
  const known = parseManagers(brought ? object : previous);
  if (known.length === 0) return undefined;
  const changed = managedChanges(previous, object, writing);
  return formatManagers(presentIn(object, writing.type, take(known, changed, writing)));
}

/** The managers after the writer has taken what it changed. */
function take(known: readonly Manager[], changed: FieldSet, writing: Writing): Manager[] {
  if (isEmptySet(changed)) return [...known];
  const key = keyOf(writing, "Update");
  const own = known.find((entry) => isSameManager(entry, key));
  const fields = own === undefined ? changed : unionOf(own.fields, changed);
  const others = withoutFields(known.filter((entry) => entry !== own), changed);
  return capManagers([...others, { ...key, time: timestamp(), fields }]);
}

/** The managers without what the object has no more. */
export function presentIn(
  object: ApiObject,
  type: ResourceType,
  managers: readonly Manager[],
): Manager[] {
  const part = heldPart(object, type);
  return managers.map((entry) => ({ ...entry, fields: presentFields(entry.fields, part) }));
}

/** The record after a write of the server's own, which manages nothing: what is gone is nobody's. */
export function recordOwnWrite(object: ApiObject, type: ResourceType): void {
  const managers = parseManagers(object);
  if (managers.length === 0) return;
  const record = formatManagers(presentIn(object, type, managers));
  if (record === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = record;
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
  writing: Writing,
): Applying {
  const known = live === undefined ? [] : parseManagers(live);
  const key = keyOf(writing, "Apply");
  const previous = known.find((entry) => isSameManager(entry, key));
  const others = known.filter((entry) => entry !== previous);
  if (live !== undefined && known.length === 0) others.push(beforeFirst(live, writing));
  const fields = managedFields(applied, writing);
  const time = live === undefined ? timestamp() : previous?.time ?? "";
  return { managers: [...others, { ...key, time, fields }], before: previous?.fields ?? EMPTY_SET };
}

function beforeFirst(live: ApiObject, { type }: Writing): Manager {
  const writing: Writing = { type, subresource: "", manager: BEFORE };
  const time = live.metadata.creationTimestamp ?? timestamp();
  return { ...keyOf(writing, "Update"), time, fields: managedChanges({}, live, writing) };
}

/**
 * Takes from everyone but the applier what changes hands, and what the object has no more. Only an
 * apply that changes the object has a time.
 */
export function settle(
  managers: readonly Manager[],
  changed: FieldSet,
  { object, previous }: { readonly object: ApiObject; readonly previous: ApiObject },
  writing: Writing,
): Manager[] {
  const key = keyOf(writing, "Apply");
  const part = heldPart(object, writing.type);
  const same = isEqual(withoutRecord(object), withoutRecord(previous));
  return managers.map((entry) =>
    isSameManager(entry, key)
      ? { ...entry, time: same ? entry.time : timestamp() }
      : { ...entry, fields: presentFields(differenceOf(entry.fields, changed), part) }
  );
}

function withoutRecord(object: ApiObject): JsonObject {
  const { managedFields: _record, ...metadata } = object.metadata;
  return { ...object, metadata };
}
