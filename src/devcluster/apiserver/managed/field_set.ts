/**
 * Sets of fields, as `metadata.managedFields` writes them down: a tree of path elements, where
 * `f:NAME` is a field, `k:{…}` an item of a list by its keys, and `v:VALUE` an item by its value.
 */
import { isEqual, isObject, type JsonObject, listOf, stringOf } from "../json.ts";
import type { Shape } from "../schema/shape.ts";

/** The fields at and below a place. */
export interface FieldSet {
  /** The place itself belongs to the set. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

/** A value below another. `shape` is undefined where the schema says nothing of it. */
export interface Part {
  readonly value: unknown;
  readonly shape: Shape | undefined;
}

const NONE: ReadonlyMap<string, FieldSet> = new Map();
export const EMPTY_SET: FieldSet = { member: false, children: NONE };
const LEAF: FieldSet = { member: true, children: NONE };

export function isEmptySet({ member, children }: FieldSet): boolean {
  return !member && children.size === 0;
}

/** How lists merge: by keys, by value, or not at all. */
export function listTypeOf(shape: Shape | undefined): "map" | "set" | "atomic" {
  const type = shape?.schema["x-kubernetes-list-type"];
  return type === "map" || type === "set" ? type : "atomic";
}

/** The path element of a list's item; undefined in lists that are owned as a whole. */
export function elementOf(item: unknown, list: Shape | undefined): string | undefined {
  const type = listTypeOf(list);
  if (type === "atomic") return undefined;
  if (type === "set" || !isObject(item)) return `v:${JSON.stringify(item)}`;
  const keys = listOf(list?.schema["x-kubernetes-list-map-keys"]).map(stringOf).sort();
  const named = keys.map((key) => [key, item[key] ?? list?.items?.member(key)?.schema.default])
    .filter(([, value]) => value !== undefined);
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

/** What `value` is made of, by path element; undefined for what is owned as a whole. */
export function partsOf({ value, shape }: Part): ReadonlyMap<string, Part> | undefined {
  const parts = new Map<string, Part>();
  if (Array.isArray(value)) {
    for (const item of value) {
      const element = elementOf(item, shape);
      if (element !== undefined) parts.set(element, { value: item, shape: shape?.items });
    }
  } else if (isObject(value) && shape?.schema["x-kubernetes-map-type"] !== "atomic") {
    for (const [key, member] of Object.entries(value)) {
      if (member !== undefined) parts.set(`f:${key}`, { value: member, shape: shape?.member(key) });
    }
  }
  return parts.size === 0 ? undefined : parts;
}

/** All fields of a value; an item of a list counts itself too. */
export function fieldsOf(part: Part, member = false): FieldSet {
  const parts = partsOf(part);
  if (parts === undefined) return LEAF;
  const children = [...parts].map(([element, child]): [string, FieldSet] => [
    element,
    fieldsOf(child, !element.startsWith("f:")),
  ]);
  return { member, children: new Map(children) };
}

/** The fields of `after` that `before` lacks or has another value of. */
export function changedFields(before: Part, after: Part): FieldSet {
  if (isEqual(before.value, after.value)) return EMPTY_SET;
  const next = partsOf(after);
  if (next === undefined) return after.value === undefined ? EMPTY_SET : LEAF;
  const previous = partsOf(before);
  if (previous === undefined) return fieldsOf(after, before.value === undefined);
  return treeOf(false, [...next], (element, part) => {
    const old = previous.get(element);
    return old === undefined
      ? fieldsOf(part, !element.startsWith("f:") || partsOf(part) !== undefined)
      : changedFields(old, part);
  });
}

/** The fields of the set that the value has. */
export function presentFields(set: FieldSet, part: Part): FieldSet {
  const parts = partsOf(part);
  return treeOf(set.member, [...set.children], (element, child) => {
    const found = parts?.get(element);
    return found === undefined ? EMPTY_SET : presentFields(child, found);
  });
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const other = children.get(element);
    children.set(element, other === undefined ? child : unionOf(other, child));
  }
  return { member: a.member || b.member, children };
}
/** The members of `a` that are none of `b`. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  return treeOf(a.member && !b.member, [...a.children], (element, child) => {
    const other = b.children.get(element);
    return other === undefined ? child : differenceOf(child, other);
  });
}
/** The members of both. */
export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  return treeOf(a.member && b.member, [...a.children], (element, child) => {
    const other = b.children.get(element);
    return other === undefined ? EMPTY_SET : intersectionOf(child, other);
  });
}

/** A set of what `make` gives for each entry; what is empty is left out. */
export function treeOf<T>(
  member: boolean,
  entries: readonly (readonly [string, T])[],
  make: (element: string, entry: T) => FieldSet,
): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, entry] of entries) {
    const child = make(element, entry);
    if (!isEmptySet(child)) children.set(element, child);
  }
  return { member, children };
}

/** Paths of the members as messages show them: `.spec.containers[name="c"].image`. */
export function pathsOf(set: FieldSet, at = ""): string[] {
  const below = [...set.children].sort(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([element, child]) => pathsOf(child, at + shownElement(element)));
  return set.member ? [at, ...below] : below;
}
function shownElement(element: string): string {
  const content = element.slice(2);
  if (element.startsWith("f:")) return `.${content}`;
  if (element.startsWith("v:")) return `[=${content}]`;
  const keys: unknown = JSON.parse(content);
  const named = Object.entries(isObject(keys) ? keys : {});
  return `[${named.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
}

/** Reads the form `fieldsV1`. */
export function parseFields(fields: JsonObject): FieldSet {
  const names = Object.keys(fields).filter((name) => name !== ".");
  const member = names.length === 0 || fields["."] !== undefined;
  const children = names.map((name): [string, FieldSet] => {
    const child = fields[name];
    return [name, parseFields(isObject(child) ? child : {})];
  });
  return { member, children: new Map(children) };
}
/** Writes the form `fieldsV1`. */
export function formatFields({ member, children }: FieldSet): JsonObject {
  const formatted: JsonObject = {};
  if (member && children.size > 0) formatted["."] = {};
  for (const [element, child] of [...children].sort(([a], [b]) => a < b ? -1 : 1)) {
    formatted[element] = formatFields(child);
  }
  return formatted;
}
