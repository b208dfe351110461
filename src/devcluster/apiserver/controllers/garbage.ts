/** Dependents follow their owners: background, foreground and orphan deletion by uid. */
import type { Cluster } from "../cluster.ts";
import type { Collection } from "../collection.ts";
import { type ApiObject, isEqual, type OwnerReference } from "../json.ts";
import { recordOwnWrite } from "../managed/record.ts";
import type { ResourceType } from "../registry.ts";
import { builtIn } from "../resources.ts";
import { StatusError } from "../status.ts";
import type { Change, Location } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { createObject } from "../writes/create.ts";
import { OWN_WRITE } from "../writes/decode.ts";
import { deleteObject, FOREGROUND, ORPHAN } from "../writes/remove.ts";
import { isGone } from "../writes/update.ts";
import type { Runner } from "./runner.ts";

/** What the references of a dependent come to. */
export type Verdict =
  | { readonly kind: "keep" }
  /** Nobody owns it any more. */
  | { readonly kind: "delete" }
  /** Some owners are gone; these stay. */
  | { readonly kind: "release"; readonly owners: readonly OwnerReference[] };

/**
 * Decides about an object from its owner references.
 *
 * @param stateOf What is known of an owner: `waiting` when it waits for its dependents to go.
 */
export function judgeDependent(
  owners: readonly OwnerReference[],
  stateOf: (owner: OwnerReference) => "there" | "gone" | "waiting",
): Verdict {
  if (owners.length === 0) return { kind: "keep" };
  const states = owners.map(stateOf);
  if (states.includes("there")) {
    const left = owners.filter((_, index) => states[index] === "there");
    return left.length === owners.length ? { kind: "keep" } : { kind: "release", owners: left };
  }
  return { kind: "delete" };
}

/** Owners that are remembered after their end. */
const GONE_MAX = 10_000;
const EVENTS = builtIn("", "events");
const NAME = "garbage-collector-controller";

export class GarbageCollector {
  readonly #cluster: Cluster;
  readonly #runner: Runner;
  readonly #gone = new Set<string>();

  constructor(cluster: Cluster, runner: Runner) {
    this.#cluster = cluster;
    this.#runner = runner;
    cluster.store.onChange((collection, change) => this.#onChange(collection, change));
  }

  #onChange(collection: Collection, change: Change): void {
    const { metadata } = change.current.value;
    const owners = metadata.ownerReferences;
    const location = { collection, key: change.key };
    if (change.type === "DELETED") {
      const dependents = this.#cluster.store.dependentsOf(metadata.uid ?? "");
      if (dependents.length > 0) this.#rememberGone(metadata.uid ?? "");
      this.#revisit(dependents);
      // An owner in foreground deletion may be waiting for just this one.
      for (const owner of owners ?? []) {
        const found = this.#cluster.store.locate(owner.uid);
        if (found !== undefined) this.#add("owner", found, () => this.#serveOwner(found));
      }
      return;
    }
    if (owners !== undefined && owners.length > 0) {
      const before = change.previous?.value.metadata.ownerReferences;
      if (before !== owners && !isEqual(before, owners)) this.#revisit([location]);
    }
    if (metadata.deletionTimestamp !== undefined && holdsDependents(change.current.value)) {
      this.#add("owner", location, () => this.#serveOwner(location));
    }
  }

  /** An owner that was seen to go is gone, also when its kind has gone since. */
  #rememberGone(uid: string): void {
    this.#gone.add(uid);
    const [oldest] = this.#gone;
    if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest);
  }

  #add(kind: string, { collection, key }: Location, job: () => void): void {
    this.#runner.add(`${kind} ${collection.name} ${key}`, job);
  }
  #revisit(locations: readonly Location[]): void {
    for (const location of locations) {
      this.#add("dependent", location, () => this.#serveDependent(location));
    }
  }

  /** Deletes or releases one dependent, if its owners say so. */
  #serveDependent({ collection, key }: Location): void {
    const object = collection.get(key)?.value;
    const owners = object?.metadata.ownerReferences;
    if (object === undefined || owners === undefined) return;
    const verdict = judgeDependent(owners, (owner) => this.#stateOf(owner, object));
    if (verdict.kind === "keep") return;
    for (const owner of owners) this.#warnOfElsewhere(owner, object);
    if (verdict.kind === "release") {
      this.#rewrite({ collection, key }, object, { ownerReferences: [...verdict.owners] });
      return;
    }
    if (object.metadata.deletionTimestamp !== undefined) return;
    // Its own dependents may have to go before it where somebody waits for it.
    const waited = owners.some((owner) => this.#stateOf(owner, object) === "waiting");
    const blocks = waited && this.#hasBlocking(object.metadata.uid ?? "");
    this.#delete(object, blocks ? "Foreground" : undefined);
  }

  #stateOf(owner: OwnerReference, dependent: ApiObject): "there" | "gone" | "waiting" {
    const found = this.#cluster.store.locate(owner.uid);
    const value = found?.collection.get(found.key)?.value;
    if (value === undefined) {
      const { apiVersion, kind, uid } = owner;
      // Of a kind that nobody serves nothing can be said.
      const known = this.#cluster.registry.findKind(apiVersion, kind) !== undefined;
      return known || this.#gone.has(uid) ? "gone" : "there";
    }
    const reachable = !isElsewhere(value, dependent);
    if (!reachable || value.metadata.name !== owner.name || value.kind !== owner.kind) {
      return "gone";
    }
    const waiting = value.metadata.deletionTimestamp !== undefined &&
      (value.metadata.finalizers ?? []).includes(FOREGROUND);
    return waiting ? "waiting" : "there";
  }

  /** Tells who looks why the dependent goes: an owner in another namespace is none. */
  #warnOfElsewhere(owner: OwnerReference, dependent: ApiObject): void {
    const found = this.#cluster.store.locate(owner.uid);
    const value = found?.collection.get(found.key)?.value;
    if (value === undefined || !isElsewhere(value, dependent)) return;
    const type = this.#cluster.registry.find(EVENTS.group, EVENTS.version, EVENTS.plural);
    const { name = "", namespace = "", uid } = dependent.metadata;
    if (type === undefined || dependent.metadata.deletionTimestamp !== undefined) return;
    const { apiVersion, kind } = dependent;
    const time = timestamp();
    const shown =
      `${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}`;
    const event = {
      metadata: { name: `${name}.${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}` },
      involvedObject: { apiVersion, kind, name, namespace, uid },
      type: "Warning",
      reason: "OwnerRefInvalidNamespace",
      message: `ownerRef [${shown}] does not exist in namespace "${namespace}"`,
      source: { component: NAME },
      reportingComponent: NAME,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    this.#try(() => void createObject(this.#cluster, type, namespace, event, OWN_WRITE));
  }

  #hasBlocking(uid: string): boolean {
    return this.#cluster.store.dependentsOf(uid).some((location) => blocks(location, uid));
  }

  /** Foreground: dependents first, then the owner. Orphan: dependents are let go, then the owner. */
  #serveOwner(location: Location): void {
    const { store } = this.#cluster;
    const object = location.collection.get(location.key)?.value;
    if (object === undefined || object.metadata.deletionTimestamp === undefined) return;
    const finalizers = object.metadata.finalizers ?? [];
    const uid = object.metadata.uid ?? "";
    if (finalizers.includes(ORPHAN)) {
      for (const dependent of store.dependentsOf(uid)) {
        const value = dependent.collection.get(dependent.key)?.value;
        if (value === undefined) continue;
        const owners = (value.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
        this.#rewrite(dependent, value, { ownerReferences: owners });
      }
      this.#dropFinalizer(location, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      this.#revisit(store.dependentsOf(uid));
      if (!this.#hasBlocking(uid)) this.#dropFinalizer(location, FOREGROUND);
    }
  }

  #dropFinalizer(location: Location, name: string): void {
    const object = location.collection.get(location.key)?.value;
    if (object === undefined) return;
    const finalizers = (object.metadata.finalizers ?? []).filter((other) => other !== name);
    this.#rewrite(location, object, { finalizers });
  }

  /** Writes metadata and lets the object go when nothing holds it any more. */
  #rewrite(
    { collection, key }: Location,
    object: ApiObject,
    change: { ownerReferences?: OwnerReference[]; finalizers?: string[] },
  ): void {
    const metadata = { ...object.metadata, ...change };
    if (metadata.finalizers?.length === 0) delete metadata.finalizers;
    if (metadata.ownerReferences?.length === 0) delete metadata.ownerReferences;
    const next = { ...object, metadata };
    const type = this.#typeOf(next);
    if (type !== undefined) recordOwnWrite(next, type);
    // The write that takes the last hold away is the deletion.
    if (type !== undefined && isGone(next, type)) collection.remove(key);
    else collection.replace(key, next);
  }

  #typeOf({ apiVersion, kind }: ApiObject): ResourceType | undefined {
    return this.#cluster.registry.findKind(apiVersion, kind);
  }
  #delete(object: ApiObject, propagationPolicy: string | undefined): void {
    const type = this.#typeOf(object);
    const { namespace = "", name = "", uid } = object.metadata;
    if (type === undefined) return;
    this.#try(() =>
      void deleteObject(this.#cluster, type, namespace, name, {
        dryRun: false,
        ...(propagationPolicy !== undefined && { propagationPolicy }),
        ...(uid !== undefined && { uid }),
      })
    );
  }
  /** Gone or replaced meanwhile: nothing is left to do. */
  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
}

/** A namespaced owner in another namespace than its dependent's does not count. */
function isElsewhere(owner: ApiObject, dependent: ApiObject): boolean {
  const { namespace } = owner.metadata;
  return namespace !== undefined && namespace !== dependent.metadata.namespace;
}

function holdsDependents({ metadata }: ApiObject): boolean {
  const finalizers = metadata.finalizers ?? [];
  return finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN);
}

function blocks({ collection, key }: Location, uid: string): boolean {
  const owners = collection.get(key)?.value.metadata.ownerReferences ?? [];
  return owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
}
