/**
 * Strategic merge patch: like a merge patch, but lists of things with a name are merged by it.
 * Which lists those are stands in the schema (`x-kubernetes-patch-strategy`, `-merge-key`).
 */
import { isEqual, isObject, type JsonObject, listOf, stringOf } from "../json.ts";
import type { Shape } from "../schema/shape.ts";
import { badRequest, StatusError } from "../status.ts";
import { goText } from "./go_text.ts";

const ORDER = "$setElementOrder/";
const DELETE_FROM = "$deleteFromPrimitiveList/";
const RETAIN = "$retainKeys";
const DIRECTIVE = "$patch";

/**
 * The target with the patch on it. Neither is written to.
 *
 * @param shape Schema of the target; undefined where it is not known: then lists are replaced.
 * @throws {StatusError} 400 or 500 for directives that make no sense.
 */
export function strategicPatch(
  target: unknown,
  patch: JsonObject,
  shape: Shape | undefined,
): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") {
    throw refused(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
  }
  let merged = isObject(target) ? { ...target } : {};
  const retained = patch[RETAIN];
  if (Array.isArray(retained)) {
    merged = Object.fromEntries(Object.entries(merged).filter(([key]) => retained.includes(key)));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_FROM)) {
      const field = key.slice(DELETE_FROM.length);
      const dropped = listOf(value);
      merged[field] = listOf(merged[field]).filter((item) =>
        !dropped.some((other) => isEqual(item, other))
      );
    }
    if (key.startsWith("$")) continue;
    if (value === null) delete merged[key];
    else merged[key] = mergeField(merged[key], value, shape?.member(key), patch[ORDER + key]);
  }
  // An order alone can stand in a patch too.
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER)) continue;
    const field = key.slice(ORDER.length);
    if (patch[field] === undefined && Array.isArray(merged[field])) {
      const mergeKey = mergeKeyOf(shape?.member(field));
      merged[field] = ordered(merged[field], listOf(order), merged[field], mergeKey);
    }
  }
  return merged;
}

function mergeField(
  target: unknown,
  value: unknown,
  shape: Shape | undefined,
  order: unknown,
): unknown {
  if (isObject(value)) return strategicPatch(target, value, shape);
  if (!Array.isArray(value)) return value;
  const strategy = stringOf(shape?.schema["x-kubernetes-patch-strategy"]).split(",");
  if (!strategy.includes("merge")) return value.filter((item) => !isDirective(item));
  const mergeKey = mergeKeyOf(shape);
  const merged = mergeKey === undefined
    ? mergePrimitives(listOf(target), value)
    : mergeObjects(listOf(target), value, mergeKey, shape?.items);
  return ordered(merged, Array.isArray(order) ? order : value, listOf(target), mergeKey);
}

function mergeKeyOf(shape: Shape | undefined): string | undefined {
  return stringOf(shape?.schema["x-kubernetes-patch-merge-key"]) || undefined;
}

/** The real server knows no better word for it than 500. */
function refused(why: string): StatusError {
  return new StatusError(500, "", why);
}

function isDirective(item: unknown): boolean {
  return isObject(item) && item[DIRECTIVE] !== undefined && Object.keys(item).length === 1;
}

function mergePrimitives(target: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const added = patch.filter((item) => !target.some((other) => isEqual(item, other)));
  return [...target, ...added];
}

function mergeObjects(
  target: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
  shape: Shape | undefined,
): unknown[] {
  const replaces = patch.some((item) => isObject(item) && item[DIRECTIVE] === "replace");
  if (replaces) {
    return patch.filter((item) => !isDirective(item))
      .map((item) => isObject(item) ? withoutDirectives(item) : item);
  }
  const merged = [...target];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest("expected map in list of maps with a merge key");
    const name = item[mergeKey];
    if (name === undefined) {
      throw refused(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
    }
    const at = merged.findIndex((other) => isObject(other) && isEqual(other[mergeKey], name));
    if (item[DIRECTIVE] === "delete") {
      if (at !== -1) merged.splice(at, 1);
    } else if (at === -1) merged.push(strategicPatch({}, item, shape));
    else merged[at] = strategicPatch(merged[at], item, shape);
  }
  return merged;
}

/**
 * The merged list in the order of the real server: what the patch names in the patch's order, and
 * between that, what only the server has, as near to its old neighbours as can be.
 */
function ordered(
  merged: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const keyOf = (item: unknown) =>
    JSON.stringify(mergeKey !== undefined && isObject(item) ? item[mergeKey] : item);
  const wanted = new Map(order.map((item, index) => [keyOf(item), index]));
  const old = new Map(before.map((item, index) => [keyOf(item), index]));
  const place = (item: unknown) => wanted.get(keyOf(item)) ?? 0;
  const named = merged.filter((item) => wanted.has(keyOf(item)))
    .sort((a, b) => place(a) - place(b));
  const others = merged.filter((item) => !wanted.has(keyOf(item)));
  const result: unknown[] = [];
  for (const item of named) {
    const at = old.get(keyOf(item));
    while (at !== undefined && others.length > 0 && (old.get(keyOf(others[0])) ?? 0) < at) {
      result.push(others.shift());
    }
    result.push(item);
  }
  return [...result, ...others];
}

function withoutDirectives(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("$")));
}
