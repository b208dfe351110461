/**
 * Everything the API server knows, in memory: objects, their versions, and the recent past of each
 * resource. An object is stored once, as a value nobody writes to and as the text that is sent.
 */
import type { ApiObject } from "./json.ts";
import { Collection } from "./collection.ts";
import { storageKey } from "./resources.ts";

/** One version of one object. */
export interface Stored {
  readonly value: ApiObject;
  /** `value` as JSON; begins with `{"kind":…,"apiVersion":…,`. */
  readonly text: string;
  readonly version: number;
}

/** What happened to an object. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly key: string;
  readonly version: number;
  /** For `DELETED`: the last state, with the version of the deletion. */
  readonly current: Stored;
  readonly previous: Stored | undefined;
  /** Encoded forms by name, filled when first needed: one serialisation for all watchers. */
  readonly encoded: Map<string, Uint8Array>;
}

/** Where an object is. */
export interface Location {
  readonly collection: Collection;
  readonly key: string;
}

/** Key of an object in its collection. */
export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Gives the object the version and makes its text. `kind` and `apiVersion` come first in it. */
export function seal(value: ApiObject, version: number): Stored {
  const { kind, apiVersion, metadata, ...rest } = value;
  metadata.resourceVersion = String(version);
  const sealed = { kind, apiVersion, metadata, ...rest };
  return { value: sealed, text: JSON.stringify(sealed), version };
}

/** The objects of all resources under one counter of versions. */
export class Store {
  readonly #collections = new Map<string, Collection>();
  readonly #byUid = new Map<string, Location>();
  readonly #dependents = new Map<string, Map<string, Location>>();
  #listeners: ((collection: Collection, change: Change) => void)[] = [];
  #version = 1;

  /** Version of the latest change of anything. */
  get version(): number {
    return this.#version;
  }
  nextVersion(): number {
    return ++this.#version;
  }

  /** The collection of a resource, made when first asked for. */
  collection(resource: { readonly group: string; readonly plural: string }): Collection {
    const name = storageKey(resource);
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      collection = new Collection(name, this);
      this.#collections.set(name, collection);
    }
    return collection;
  }
  /** Takes a resource out; its objects must be gone already. Ends its watches. */
  dropCollection(resource: { readonly group: string; readonly plural: string }): void {
    const name = storageKey(resource);
    this.#collections.get(name)?.closeWatchers();
    this.#collections.delete(name);
  }
  get collections(): Iterable<Collection> {
    return this.#collections.values();
  }

  /** Calls `listener` after each change, before the writer gets its answer. */
  onChange(listener: (collection: Collection, change: Change) => void): void {
    this.#listeners.push(listener);
  }
  stop(): void {
    this.#listeners = [];
    for (const collection of this.#collections.values()) collection.closeWatchers();
  }

  /** The object with this uid. */
  locate(uid: string): Location | undefined {
    return this.#byUid.get(uid);
  }
  /** Objects that name `uid` among their owners. */
  dependentsOf(uid: string): readonly Location[] {
    return [...this.#dependents.get(uid)?.values() ?? []];
  }

  /** For collections: keeps the indexes and tells the listeners. */
  record(collection: Collection, change: Change): void {
    const location: Location = { collection, key: change.key };
    const deleted = change.type === "DELETED";
    const { uid } = change.current.value.metadata;
    if (uid !== undefined) {
      if (deleted) this.#byUid.delete(uid);
      else if (change.type === "ADDED") this.#byUid.set(uid, location);
    }
    const before = change.previous?.value.metadata.ownerReferences;
    const after = deleted ? undefined : change.current.value.metadata.ownerReferences;
    if (before !== after) {
      const name = `${collection.name}/${change.key}`;
      for (const owner of before ?? []) {
        const held = this.#dependents.get(owner.uid);
        if (held?.delete(name) && held.size === 0) this.#dependents.delete(owner.uid);
      }
      for (const owner of after ?? []) {
        const held = this.#dependents.get(owner.uid);
        if (held === undefined) this.#dependents.set(owner.uid, new Map([[name, location]]));
        else held.set(name, location);
      }
    }
    for (const listener of this.#listeners) listener(collection, change);
  }
}
