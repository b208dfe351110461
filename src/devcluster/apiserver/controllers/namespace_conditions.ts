/** What the status of a namespace says while it is being emptied. */
import { type ApiObject, type JsonObject, objectsOf } from "../json.ts";

/** What a dying namespace still holds. */
export interface Remains {
  /** Objects by resource, `PLURAL.GROUP`. */
  readonly resources: ReadonlyMap<string, number>;
  /** Objects by the finalizer that holds them. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** How much of what is left. @param objects Each with its resource. */
export function countRemains(
  objects: readonly { readonly resource: string; readonly object: ApiObject }[],
): Remains {
  const resources = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const count = (into: Map<string, number>, name: string) =>
    void into.set(name, (into.get(name) ?? 0) + 1);
  for (const { resource, object } of objects) {
    count(resources, resource);
    for (const finalizer of object.metadata.finalizers ?? []) count(finalizers, finalizer);
  }
  return { resources, finalizers };
}

/** Type, and reason and text while all is well. */
const QUIET = [
  [
    "NamespaceDeletionDiscoveryFailure",
    "ResourcesDiscovered",
    "All resources successfully discovered",
  ],
  [
    "NamespaceDeletionGroupVersionParsingFailure",
    "ParsedGroupVersions",
    "All legacy kube types successfully parsed",
  ],
  [
    "NamespaceDeletionContentFailure",
    "ContentDeleted",
    "All content successfully deleted, may be waiting on finalization",
  ],
  ["NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"],
  [
    "NamespaceFinalizersRemaining",
    "ContentHasNoFinalizers",
    "All content-preserving finalizers finished",
  ],
] as const;

/**
 * The conditions of the namespace, in the words of the real control plane.
 *
 * @param before Those that it has: one that does not change keeps its time.
 * @param now RFC 3339.
 */
export function deletionConditions(
  { resources, finalizers }: Remains,
  before: unknown,
  now: string,
): JsonObject[] {
  const instances = (counts: ReadonlyMap<string, number>, verb: string) =>
    [...counts].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, count]) => `${name} ${verb} ${count} resource instances`).join(", ");
  const loud = new Map<string, readonly [reason: string, message: string]>();
  if (resources.size > 0) {
    const message = `Some resources are remaining: ${instances(resources, "has")}`;
    loud.set("NamespaceContentRemaining", ["SomeResourcesRemain", message]);
  }
  if (finalizers.size > 0) {
    const found = instances(finalizers, "in");
    const message = `Some content in the namespace has finalizers remaining: ${found}`;
    loud.set("NamespaceFinalizersRemaining", ["SomeFinalizersRemain", message]);
  }
  return QUIET.map(([type, quietReason, quietMessage]) => {
    const status = loud.has(type) ? "True" : "False";
    const [reason, message] = loud.get(type) ?? [quietReason, quietMessage];
    const known = objectsOf(before).find((condition) => condition.type === type);
    const same = known?.status === status;
    const lastTransitionTime = same ? known.lastTransitionTime : now;
    return { type, status, lastTransitionTime, reason, message };
  });
}
