/** Values in the form that the real server's messages show them in. */
import { isObject } from "../json.ts";

/** A value as the real server shows patches that it has read already. */
export function goText(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isObject(value)) return String(value);
  const fields = Object.keys(value).sort().map((key) => `${key}:${goText(value[key])}`);
  return `map[${fields.join(" ")}]`;
}
