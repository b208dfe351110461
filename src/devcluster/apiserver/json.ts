/** JSON values as the API server meets them. */

/** A JSON object of unknown content. */
export interface JsonObject {
  [key: string]: unknown;
}

/** A reference to the object that this one goes with. */
export interface OwnerReference extends JsonObject {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  blockOwnerDeletion?: boolean;
}

/** Metadata whose types have been checked against the ObjectMeta schema. */
export interface Meta extends JsonObject {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
}

/** An object of the API. What the store holds is shared and never written to. */
export interface ApiObject extends JsonObject {
  kind: string;
  apiVersion: string;
  metadata: Meta;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True when a checked value has the outer form of an API object. */
export function isApiObject(value: unknown): value is ApiObject {
  return isObject(value) && typeof value.kind === "string" &&
    typeof value.apiVersion === "string" && isObject(value.metadata);
}

/** The value as an object; an empty one, not attached to anything, where it is none. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The members that are objects. */
export function objectsOf(value: unknown): JsonObject[] {
  return listOf(value).filter(isObject);
}

export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The object at `key`, put there when there was none. */
export function childOf(parent: JsonObject, key: string): JsonObject {
  const child = parent[key];
  if (isObject(child)) return child;
  const made: JsonObject = {};
  parent[key] = made;
  return made;
}

/** Sets `key` where it is absent or null. */
export function fill(target: JsonObject, key: string, value: unknown): void {
  if (target[key] === undefined || target[key] === null) target[key] = value;
}

/** The value behind a dotted path of plain field names: `valueAt(pod, "spec.nodeName")`. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const key of path.split(".")) value = isObject(value) ? value[key] : undefined;
  return value;
}

/** An independent copy. */
export function copyOf<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** Equality of JSON values; the order of object keys does not matter. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  return keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => isEqual(a[key], b[key]));
}
