/** Deletion: grace periods, finalizers, preconditions and what happens to dependents. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isObject, objectOf, stringOf } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { storageKey } from "../resources.ts";
import { conflict, notFound } from "../status.ts";
import { objectKey, type Stored } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { unsaved } from "./create.ts";
import { isGone } from "./update.ts";

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";
/** Holds a dying definition until its objects are gone. */
export const CLEANUP = "customresourcecleanup.apiextensions.k8s.io";

/** What a client asks for, from the body or the query. */
export interface DeleteRequest {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly dryRun: boolean;
}

/** Kinds whose deletion starts with the time alone: no grace period, no new generation. */
const PLAIN_DELETION: ReadonlySet<string> = new Set([
  "/namespaces",
  "apiextensions.k8s.io/customresourcedefinitions",
]);

/** What became of the object. */
export interface DeleteResult {
  readonly stored: Stored;
  /** False while a finalizer or a grace period holds it. */
  readonly gone: boolean;
}

/**
 * Deletes an object, or marks it as being deleted.
 *
 * @throws {StatusError} 404, or 409 when a precondition does not hold.
 */
export function deleteObject(
  cluster: Cluster,
  type: ResourceType,
  namespace: string,
  name: string,
  request: DeleteRequest,
): DeleteResult {
  const collection = cluster.collectionOf(type);
  const key = objectKey(namespace, name);
  const current = collection.get(key);
  if (current === undefined) throw notFound(type.info, name);
  checkPreconditions(current.value, type, name, request);

  const next = markDeleted(current.value, type, request, Date.now());
  const gone = isGone(next, type);
  if (request.dryRun) return { stored: unsaved(next), gone };
  const changed = JSON.stringify(next) !== JSON.stringify(current.value);
  if (!gone) return { stored: changed ? collection.replace(key, next) : current, gone };
  // A pod is shown as changed first, even where it goes at once.
  if (changed && type.info.kind === "Pod") collection.replace(key, next);
  return { stored: collection.remove(key) ?? current, gone };
}

function checkPreconditions(
  { metadata }: ApiObject,
  { info }: ResourceType,
  name: string,
  { uid, resourceVersion }: DeleteRequest,
): void {
  const subject = { group: info.group, plural: info.kind };
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      subject,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      subject,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** The object as a delete leaves it; `isGone` tells whether it may go now. */
export function markDeleted(
  current: ApiObject,
  type: ResourceType,
  request: DeleteRequest,
  nowMs: number,
): ApiObject {
  const metadata = { ...current.metadata };
  const next: ApiObject = { ...current, metadata };
  const first = metadata.deletionTimestamp === undefined;
  const grace = graceOf(current, type, request);
  const before = metadata.deletionGracePeriodSeconds;
  if (first || grace < (before ?? 0)) {
    metadata.deletionTimestamp = timestamp(nowMs + grace * 1000);
    if (!PLAIN_DELETION.has(storageKey(type.info))) {
      metadata.deletionGracePeriodSeconds = grace;
      if (first && metadata.generation !== undefined) metadata.generation += 1;
    }
  }
  const held = withPolicy(metadata.finalizers ?? [], request.propagationPolicy);
  const definition = type.info.kind === "CustomResourceDefinition";
  const finalizers = definition && first ? [...new Set([...held, CLEANUP])] : held;
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  if (storageKey(type.info) === "/namespaces") {
    next.status = { ...objectOf(current.status), phase: "Terminating" };
  }
  return next;
}

/** Only pods have time to end, and only those that run on a node. */
function graceOf(current: ApiObject, { info }: ResourceType, request: DeleteRequest): number {
  if (storageKey(info) !== "/pods") return 0;
  const spec = objectOf(current.spec);
  const phase = isObject(current.status) ? stringOf(current.status.phase) : "";
  if (stringOf(spec.nodeName) === "" || phase === "Succeeded" || phase === "Failed") return 0;
  const own = spec.terminationGracePeriodSeconds;
  const asked = request.gracePeriodSeconds;
  if (asked !== undefined) return asked < 0 ? 1 : asked;
  const usual = typeof own === "number" ? own : 30;
  return current.metadata.deletionGracePeriodSeconds ?? (usual < 0 ? 1 : usual);
}

function withPolicy(finalizers: readonly string[], policy: string | undefined): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((name) => name !== FOREGROUND && name !== ORPHAN);
  if (policy === "Foreground") return [...others, FOREGROUND];
  return policy === "Orphan" ? [...others, ORPHAN] : others;
}
