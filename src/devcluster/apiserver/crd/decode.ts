/** Custom objects on their way in: what the schema does not know goes, what is left out is filled. */
import { copyOf, isObject } from "../json.ts";
import { metadataShape } from "../schema/built_in.ts";
import { decodeBuiltIn } from "../schema/decode.ts";
import type { Shape } from "../schema/shape.ts";

const TYPE_FIELDS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/**
 * Removes fields that the schema does not declare, in place.
 *
 * @param root True for a whole object: its type and metadata are not the schema's affair.
 * @returns Paths of the removed fields.
 */
export function pruneUnknown(value: unknown, shape: Shape, root = true): string[] {
  const unknown: string[] = [];
  prune(value, shape, "", root, unknown);
  return unknown;
}

function prune(value: unknown, shape: Shape, path: string, root: boolean, unknown: string[]): void {
  if (Array.isArray(value)) {
    const { items } = shape;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      prune(item, items, `${path}[${index}]`, false, unknown);
    }
    return;
  }
  if (!isObject(value)) return;
  const { properties, additional } = shape;
  const whole = root || shape.embedded;
  if (shape.embedded && isObject(value.metadata)) {
    const inMetadata = decodeBuiltIn(value.metadata, metadataShape(), path).unknown;
    unknown.push(...inMetadata.map((field) => `${path}.metadata.${field}`));
  }
  for (const key of Object.keys(value)) {
    if (whole && TYPE_FIELDS.has(key)) continue;
    const field = path === "" ? key : `${path}.${key}`;
    const child = properties.get(key) ?? additional;
    if (child !== undefined) prune(value[key], child, field, false, unknown);
    else if (!shape.preserve && shape.schema.additionalProperties !== true) {
      unknown.push(field);
      delete value[key];
    }
  }
}

/** Fills defaults in place. A null where none may be counts as absent. */
export function applyDefaults(value: unknown, shape: Shape): void {
  if (Array.isArray(value)) {
    const { items } = shape;
    if (items !== undefined) { for (const item of value) applyDefaults(item, items); }
    return;
  }
  if (!isObject(value)) return;
  for (const [key, child] of shape.properties) {
    if (value[key] === null && !child.nullable && child.type !== "any") delete value[key];
    const fallback = child.schema.default;
    if (value[key] === undefined && fallback !== undefined) value[key] = copyOf(fallback);
    if (value[key] !== undefined) applyDefaults(value[key], child);
  }
  const { additional } = shape;
  if (additional === undefined) return;
  for (const [key, member] of Object.entries(value)) {
    if (!shape.properties.has(key)) applyDefaults(member, additional);
  }
}
