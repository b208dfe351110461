/** What a value has, and what one value has that another has not, as sets of fields. */
import { isEqual, isObject } from "../json.ts";
import { EMPTY_SET, type FieldSet, LEAF, treeOf } from "./field_set.ts";
import { isAtomicMap, type Part, partsOf } from "./parts.ts";

/** The fields that a client has named: leaves, and items of lists with what is in them. */
export function fieldsOf(part: Part, member = false): FieldSet {
  const parts = partsOf(part);
  if (parts === undefined) return LEAF;
  return treeOf(member, [...parts], (element, child) => fieldsOf(child, !isField(element)));
}

/** The fields of a value that was not there before: all of its maps and items count themselves too. */
function addedFields(part: Part): FieldSet {
  const parts = partsOf(part);
  if (parts === undefined) return LEAF;
  const children = new Map<string, FieldSet>();
  for (const [element, child] of parts) children.set(element, addedFields(child));
  return { member: true, children };
}

/** The fields of `after` that `before` lacks or has another value of. */
export function changedFields(before: Part, after: Part): FieldSet {
  if (before.value === after.value) return EMPTY_SET;
  const next = partsOf(after);
  const previous = partsOf(before);
  if (next === undefined) {
    const emptied = isBare(after) && (previous !== undefined || isBare(before));
    return emptied || isEqual(before.value, after.value) ? EMPTY_SET : LEAF;
  }
  return treeOf(false, [...next], (element, part) => {
    const old = previous?.get(element);
    return old === undefined ? addedFields(part) : changedFields(old, part);
  });
}

/** The fields of the set that the value has. */
export function presentFields(set: FieldSet, part: Part): FieldSet {
  if (set.children.size === 0) return set;
  const parts = partsOf(part);
  return treeOf(set.member, [...set.children], (element, child) => {
    const found = parts?.get(element);
    return found === undefined ? EMPTY_SET : presentFields(child, found);
  });
}

function isField(element: string): boolean {
  return element.startsWith("f:");
}
/** A map or list of which nothing is left; for values without parts. */
function isBare({ value, shape }: Part): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && !isAtomicMap(shape);
}
