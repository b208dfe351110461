/** Values taken apart as field managers see them: fields, items with keys, and what is owned as a whole. */
import { isObject, listOf, stringOf } from "../json.ts";
import type { Shape } from "../schema/shape.ts";

/** A value, and how it is to be taken apart. */
export interface Part {
  readonly value: unknown;
  /** Undefined where the schema says nothing of it. */
  readonly shape: Shape | undefined;
  readonly typed: Typed;
}

/**
 * How much of a value is of a built-in type. There, as the real server holds it, some fields exist
 * though nobody has set them, and an empty map or list is as good as none.
 */
export type Typed = "whole" | "metadata" | "nothing";

/** How lists merge: by keys, by value, or not at all. */
export function listTypeOf(shape: Shape | undefined): "map" | "set" | "atomic" {
  const type = shape?.schema["x-kubernetes-list-type"];
  return type === "map" || type === "set" ? type : "atomic";
}

/** True for a map or an object that is owned as a whole. */
export function isAtomicMap(shape: Shape | undefined): boolean {
  return shape?.schema["x-kubernetes-map-type"] === "atomic";
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

const NONE: ReadonlyMap<string, Part> = new Map();

/** What the value is made of, by path element; undefined for what is owned as a whole, or empty. */
export function partsOf(part: Part): ReadonlyMap<string, Part> | undefined {
  const { value, shape } = part;
  const parts = Array.isArray(value)
    ? itemsOf(value, part)
    : isObject(value) && !isAtomicMap(shape)
    ? membersOf(value, part)
    : NONE;
  return parts.size === 0 ? undefined : parts;
}

function itemsOf(list: readonly unknown[], { shape, typed }: Part): ReadonlyMap<string, Part> {
  if (listTypeOf(shape) === "atomic") return NONE;
  const parts = new Map<string, Part>();
  for (const item of list) {
    const element = elementOf(item, shape);
    if (element !== undefined) parts.set(element, { value: item, shape: shape?.items, typed });
  }
  return parts;
}

function membersOf(
  object: Readonly<Record<string, unknown>>,
  { shape, typed }: Part,
): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  for (const key in object) {
    const value = object[key];
    const member = shape?.member(key);
    if (value === undefined || typed === "whole" && isLeftOut(value, member)) continue;
    const below = typed === "metadata" && member?.name === "ObjectMeta" ? "whole" : typed;
    parts.set(`f:${key}`, { value, shape: member, typed: below });
  }
  if (typed !== "whole" || shape === undefined) return parts;
  for (const [key, value] of zeroFieldsOf(shape)) {
    const element = `f:${key}`;
    if (!parts.has(element)) parts.set(element, { value, shape: shape.member(key), typed });
  }
  return parts;
}

/** Maps and lists are not written when they are empty. */
function isLeftOut(value: unknown, shape: Shape | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (shape?.additional === undefined || !isObject(value)) return false;
  for (const _key in value) return false;
  return true;
}

/** Times that the real server writes as null while they are not set. */
const ZERO_TIMES: Readonly<Record<string, readonly string[]>> = {
  DeploymentCondition: ["lastUpdateTime", "lastTransitionTime"],
  Event: ["eventTime", "firstTimestamp", "lastTimestamp"],
  NamespaceCondition: ["lastTransitionTime"],
  NodeCondition: ["lastHeartbeatTime", "lastTransitionTime"],
  PersistentVolumeClaimCondition: ["lastProbeTime", "lastTransitionTime"],
  PodCondition: ["lastProbeTime", "lastTransitionTime"],
};

type Zeros = readonly (readonly [key: string, value: unknown])[];
const zeros = new WeakMap<Shape, Zeros>();

/** Fields that an object of a built-in type has always, with their value while nobody has set them. */
function zeroFieldsOf(shape: Shape): Zeros {
  let fields = zeros.get(shape);
  if (fields === undefined) {
    const required = listOf(shape.schema.required);
    const found: [string, unknown][] = [];
    for (const [key, member] of shape.properties) {
      const standard = member.schema.default;
      if (member.type === "object" && isObject(standard)) found.push([key, {}]);
      else if (standard === "" || standard === 0 || standard === false) found.push([key, standard]);
      else if (required.includes(key) && member.type === "array") found.push([key, null]);
    }
    for (const key of ZERO_TIMES[shape.name] ?? []) found.push([key, null]);
    fields = found;
    zeros.set(shape, fields);
  }
  return fields;
}
