/** The JSON paths of printer columns: `.a.b`, `['c']`, `[0]`, `[*]`, `[?(@.x=="y")]`. */
import type { PrinterColumn } from "../crd/definition.ts";
import { isObject } from "../json.ts";
import { ageOf } from "./age.ts";

const STEP =
  /\.([A-Za-z0-9_$-]+(?:\\\.[A-Za-z0-9_-]+)*)|\['([^']*)'\]|\["([^"]*)"\]|\[(\d+|\*)\]|\[\?\(@((?:\.[A-Za-z0-9_-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)'|(-?\d+|true|false))\s*\)\]/y;

/** All values at a path; [] where there is none or the path cannot be read. */
export function findByPath(root: unknown, path: string): unknown[] {
  let values: unknown[] = [root];
  // Its own copy: filters call this function again.
  const step = new RegExp(STEP);
  while (step.lastIndex < path.length) {
    const found = step.exec(path);
    if (found === null) return [];
    const [, field, single, double, index, filter, text, quoted, literal] = found;
    const key = field?.replaceAll("\\.", ".") ?? single ?? double;
    if (key !== undefined) values = values.flatMap((value) => memberOf(value, key));
    else if (index === "*") values = values.flatMap(membersOf);
    else if (index !== undefined) values = values.flatMap((value) => memberOf(value, index));
    else if (filter !== undefined) {
      const wanted = text ?? quoted ?? literal;
      values = values.flatMap(membersOf).filter((member) =>
        findByPath(member, filter).some((value) => String(value) === wanted)
      );
    }
  }
  return values;
}

function memberOf(value: unknown, key: string): unknown[] {
  const member = Array.isArray(value)
    ? value[Number(key)]
    : isObject(value)
    ? value[key]
    : undefined;
  return member === undefined ? [] : [member];
}
function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/** What stands in a custom resource's column; null where the object has nothing there. */
export function customCell(object: unknown, column: PrinterColumn, nowMs: number): unknown {
  const values = findByPath(object, column.jsonPath);
  const [first] = values;
  if (first === undefined || first === null) return null;
  if (column.type === "date") return ageOf(first, nowMs);
  if (column.type === "integer" && typeof first === "number") return Math.trunc(first);
  if (column.type === "number" && typeof first === "number") return first;
  if (column.type === "boolean" && typeof first === "boolean") return first;
  if (column.type !== "string") return null;
  const texts = values.map((value) => typeof value === "string" ? value : JSON.stringify(value));
  return texts.join(",");
}
