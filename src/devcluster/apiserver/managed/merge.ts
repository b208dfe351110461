/** Merging what is applied into what is there, and taking away what is no longer applied. */
import { isObject, type JsonObject } from "../json.ts";
import type { Shape } from "../schema/shape.ts";
import type { FieldSet } from "./field_set.ts";
import { elementOf, isAtomicMap, listTypeOf, type Part, partsOf } from "./parts.ts";

/** The live value with the applied one over it. Neither is written to. */
export function mergeApplied(
  live: unknown,
  { value, shape }: Pick<Part, "value" | "shape">,
): unknown {
  if (isObject(value)) {
    if (!isObject(live) || isAtomicMap(shape)) return value;
    const merged: JsonObject = { ...live };
    for (const [key, member] of Object.entries(value)) {
      merged[key] = mergeApplied(live[key], { value: member, shape: shape?.member(key) });
    }
    return merged;
  }
  if (!Array.isArray(value) || !Array.isArray(live) || listTypeOf(shape) === "atomic") return value;
  return mergeLists(live, value, shape);
}

/** What only the server has comes first, as near to its old neighbours as the applied order lets it. */
function mergeLists(
  live: readonly unknown[],
  applied: readonly unknown[],
  shape: Shape | undefined,
): unknown[] {
  const name = (item: unknown) => elementOf(item, shape) ?? "";
  const before = new Map(live.map((item) => [name(item), item]));
  const wanted = new Set(applied.map(name));
  const placed = new Set<string>();
  const merged: unknown[] = [];
  let next = 0;
  const takeOthers = () => {
    for (; next < live.length; next += 1) {
      const element = name(live[next]);
      if (!wanted.has(element)) merged.push(live[next]);
      else if (!placed.has(element)) return;
    }
  };
  for (const item of applied) {
    takeOthers();
    const element = name(item);
    merged.push(mergeApplied(before.get(element), { value: item, shape: shape?.items }));
    placed.add(element);
  }
  takeOthers();
  return merged;
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
