/** Merging what is applied into what is there, and taking away what is no longer applied. */
import { isObject, type JsonObject } from "../json.ts";
import { inOrder } from "../patch/order.ts";
import { elementOf, type FieldSet, listTypeOf, type Part, partsOf } from "./field_set.ts";

/** The live value with the applied one over it. Neither is written to. */
export function mergeApplied(live: unknown, { value, shape }: Part): unknown {
  if (isObject(value)) {
    if (!isObject(live) || shape?.schema["x-kubernetes-map-type"] === "atomic") return value;
    const merged: JsonObject = { ...live };
    for (const [key, member] of Object.entries(value)) {
      merged[key] = mergeApplied(live[key], { value: member, shape: shape?.member(key) });
    }
    return merged;
  }
  if (!Array.isArray(value) || !Array.isArray(live) || listTypeOf(shape) === "atomic") return value;
  const elements = (item: unknown) => elementOf(item, shape) ?? "";
  const merged = new Map<string, unknown>(live.map((item) => [elements(item), item]));
  for (const item of value) {
    const element = elements(item);
    merged.set(element, mergeApplied(merged.get(element), { value: item, shape: shape?.items }));
  }
  return inOrder([...merged.values()], value, live, elements);
}

/**
 * Takes out of `part`, in place, all that `dropped` has and `kept` has not, with what is below it.
 */
export function prune(part: Part, dropped: FieldSet, kept: FieldSet): void {
  const parts = partsOf(part);
  if (parts === undefined) return;
  for (const [element, child] of dropped.children) {
    const found = parts.get(element);
    const stays = kept.children.get(element);
    if (found === undefined) continue;
    if (stays === undefined) remove(part, element);
    else prune(found, child, stays);
  }
}

function remove({ value, shape }: Part, element: string): void {
  if (Array.isArray(value)) {
    const at = value.findIndex((item) => elementOf(item, shape) === element);
    if (at !== -1) value.splice(at, 1);
  } else if (isObject(value)) delete value[element.slice(2)];
}
