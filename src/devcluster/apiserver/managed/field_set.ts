/**
 * Sets of fields, as `metadata.managedFields` writes them down: a tree of path elements, where
 * `f:NAME` is a field, `k:{…}` an item of a list by its keys, and `v:VALUE` an item by its value.
 */
import { isObject, type JsonObject } from "../json.ts";

/** The fields at and below a place. */
export interface FieldSet {
  /** The place itself belongs to the set. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

const NONE: ReadonlyMap<string, FieldSet> = new Map();
export const EMPTY_SET: FieldSet = { member: false, children: NONE };
/** A field with nothing below it. */
export const LEAF: FieldSet = { member: true, children: NONE };

export function isEmptySet({ member, children }: FieldSet): boolean {
  return !member && children.size === 0;
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
