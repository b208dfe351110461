/** The objects of one resource, their order, and their recent past. */
import type { ApiObject } from "./json.ts";
import { expired } from "./status.ts";
import { type Change, objectKey, seal, type Store, type Stored } from "./store.ts";

/** Changes kept per resource at least; twice as many before the older half goes. */
const HISTORY_LENGTH = 4096;

/** Gets every change of a collection, in order. Must not throw or block. */
export interface Watcher {
  /** Only this namespace; "" for all. */
  readonly namespace: string;
  send(change: Change): void;
  close(): void;
}

export class Collection {
  readonly #store: Store;
  readonly #objects = new Map<string, Stored>();
  readonly #namespaces = new Map<string, Map<string, Stored>>();
  readonly #sorted = new Map<string, readonly Stored[]>();
  readonly #watchers = new Set<Watcher>();
  #history: Change[] = [];
  #forgotten: number;

  constructor(readonly name: string, store: Store) {
    this.#store = store;
    this.#forgotten = store.version;
  }

  get size(): number {
    return this.#objects.size;
  }
  /** Changes up to this version are no longer known. */
  get forgottenVersion(): number {
    return this.#forgotten;
  }
  get(key: string): Stored | undefined {
    return this.#objects.get(key);
  }

  /** Puts a new object in; the key must be free. Takes `value` over. */
  create(key: string, value: ApiObject): Stored {
    const stored = seal(value, this.#store.nextVersion());
    this.#put(key, stored);
    this.#sorted.clear();
    this.#publish("ADDED", key, stored, undefined);
    return stored;
  }
  /** Puts a new version in place of the object at `key`. Takes `value` over. */
  replace(key: string, value: ApiObject): Stored {
    const previous = this.#objects.get(key);
    const stored = seal(value, this.#store.nextVersion());
    this.#put(key, stored);
    this.#sorted.clear();
    this.#publish("MODIFIED", key, stored, previous);
    return stored;
  }
  /** Takes the object out and gives its last state, under the version of the deletion. */
  remove(key: string): Stored | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    const namespace = key.slice(0, key.indexOf("/"));
    const inNamespace = this.#namespaces.get(namespace);
    inNamespace?.delete(key);
    if (inNamespace?.size === 0) this.#namespaces.delete(namespace);
    this.#sorted.clear();
    const { metadata, ...rest } = previous.value;
    const last = seal({ ...rest, metadata: { ...metadata } }, this.#store.nextVersion());
    this.#publish("DELETED", key, last, previous);
    return last;
  }

  /** All objects, or those of one namespace, in the order of their keys. */
  list(namespace = ""): readonly Stored[] {
    let sorted = this.#sorted.get(namespace);
    if (sorted === undefined) {
      const objects = namespace === "" ? this.#objects : this.#namespaces.get(namespace);
      sorted = sortByKey(objects ?? new Map());
      this.#sorted.set(namespace, sorted);
    }
    return sorted;
  }
  /** The list as it was at `version`. @throws {StatusError} 410 when that is too long ago. */
  listAt(namespace: string, version: number): readonly Stored[] {
    if (version >= this.#store.version) return this.list(namespace);
    if (version < this.#forgotten) {
      throw expired("The provided resource version is too old to be listed; start anew without it");
    }
    const source = namespace === "" ? this.#objects : this.#namespaces.get(namespace);
    const objects = new Map(source);
    for (const change of this.#history.toReversed()) {
      if (change.version <= version) break;
      if (namespace !== "" && !change.key.startsWith(`${namespace}/`)) continue;
      if (change.previous === undefined) objects.delete(change.key);
      else objects.set(change.key, change.previous);
    }
    return sortByKey(objects);
  }

  /** Changes after `version`; undefined when some of them are forgotten. */
  changesSince(version: number): readonly Change[] | undefined {
    if (version < this.#forgotten) return undefined;
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#history[middle]?.version ?? 0) > version) high = middle;
      else low = middle + 1;
    }
    return this.#history.slice(low);
  }
  /** Forgets all changes so far: watches and lists of older versions are refused. */
  compact(): void {
    this.#history = [];
    this.#forgotten = this.#store.version;
  }

  addWatcher(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }
  removeWatcher(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }
  closeWatchers(): void {
    for (const watcher of [...this.#watchers]) watcher.close();
  }

  #put(key: string, stored: Stored): void {
    this.#objects.set(key, stored);
    const namespace = key.slice(0, key.indexOf("/"));
    const inNamespace = this.#namespaces.get(namespace);
    if (inNamespace === undefined) this.#namespaces.set(namespace, new Map([[key, stored]]));
    else inNamespace.set(key, stored);
  }
  #publish(
    type: Change["type"],
    key: string,
    current: Stored,
    previous: Stored | undefined,
  ): void {
    const { version } = current;
    const change: Change = { type, key, version, current, previous, encoded: new Map() };
    this.#history.push(change);
    if (this.#history.length >= 2 * HISTORY_LENGTH) {
      this.#forgotten = this.#history[HISTORY_LENGTH - 1]?.version ?? this.#forgotten;
      this.#history = this.#history.slice(HISTORY_LENGTH);
    }
    const namespace = key.slice(0, key.indexOf("/"));
    for (const watcher of this.#watchers) {
      if (watcher.namespace === "" || watcher.namespace === namespace) watcher.send(change);
    }
    this.#store.record(this, change);
  }
}

function sortByKey(objects: ReadonlyMap<string, Stored>): readonly Stored[] {
  return [...objects].sort(([a], [b]) => a < b ? -1 : 1).map(([, stored]) => stored);
}

/** Key of a stored object. */
export function keyOfStored({ value }: Stored): string {
  return objectKey(value.metadata.namespace ?? "", value.metadata.name ?? "");
}
