/** Items of lists before and after an update. */
import { isEqual, isObject, listOf, objectsOf, stringOf } from "../json.ts";
import type { Shape } from "../schema/shape.ts";

/** The item that an item of a list was before: only lists with keys say which. */
export function counterpartOf(item: unknown, previous: unknown, shape: Shape): unknown {
  if (shape.schema["x-kubernetes-list-type"] !== "map" || !isObject(item)) return undefined;
  const keys = listOf(shape.schema["x-kubernetes-list-map-keys"]).map(stringOf);
  return objectsOf(previous).find((other) => keys.every((key) => isEqual(other[key], item[key])));
}
