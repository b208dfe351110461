/** What a reflector knows of one kind: objects by key, with indexes, and a way to hear of changes. */
import { keyOf, keyText, type KubeObject, type ObjectKey } from "./types.ts";

/** One change of a cached object. Exactly one of the two may be missing. */
export interface CacheChange<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}
/** Says under which values an object is found. Called on every change, so it must be cheap. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Longer than any watch stays silent, in ms. */
const GONE_MEMORY_MS = 10 * 60_000;

/**
 * Objects of one kind. The reflector fills it; whoever writes to the API server may put the answer in
 * at once with {@link observe} and {@link forget}, so that a read after a write sees the write. Objects
 * are shared with every reader and must not be written to.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { readonly of: IndexFunction<T>; readonly sets: Index<T> }>();
  readonly #listeners = new Set<(change: CacheChange<T>) => void>();
  /** uids of objects known to be gone, oldest first, and since when, in ms. */
  readonly #gone = new Map<string, number>();
  /** The version up to which lists and the watch have told everything. */
  #toldUpTo = 0n;
  readonly #filled = Promise.withResolvers<void>();
  #isFilled = false;

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    for (const [name, of] of Object.entries(indexes)) {
      this.#indexes.set(name, { of, sets: new Map() });
    }
  }

  /** True once the first whole list has been stored. */
  get isFilled(): boolean {
    return this.#isFilled;
  }

  /** Resolves when the first whole list has been stored. */
  get filled(): Promise<void> {
    return this.#filled.promise;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyText(key));
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** The objects that index `name` lists under `value`, in no special order. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`Cannot read index "${name}": there is none`);
    return [...(index.sets.get(value)?.values() ?? [])];
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: (change: CacheChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes in the answer to a write. One that is late says nothing new: the watch has told of that
   * write by then, and perhaps of the object's end.
   */
  observe(object: T): void {
    if (versionOf(object) > this.#toldUpTo) this.#take(object);
  }

  /** Takes in an object that the watch tells of. */
  follow(object: T): void {
    this.#take(object);
    this.reach(object.metadata.resourceVersion ?? "0");
  }

  /** The watch has told everything up to `resourceVersion`. */
  reach(resourceVersion: string): void {
    const version = BigInt(resourceVersion || "0");
    if (version > this.#toldUpTo) this.#toldUpTo = version;
  }

  /** An older state than the one held is left out. */
  #take(object: T): void {
    if (this.#gone.has(object.metadata.uid ?? "")) return;
    const key = keyText(keyOf(object));
    const before = this.#objects.get(key);
    if (before !== undefined && versionOf(object) <= versionOf(before)) return;
    this.#set(key, before, object);
  }

  /** Takes out an object that the API server has deleted. A namesake with another uid stays. */
  forget(object: KubeObject): void {
    const key = keyText(keyOf(object));
    const held = this.#objects.get(key);
    const uid = object.metadata.uid ?? "";
    if (held?.metadata.uid === uid) this.#set(key, held, undefined);
    this.#remember(uid);
  }

  /** The deletion of this object has come by the watch: no older event can follow it. */
  settle(object: KubeObject): void {
    this.forget(object);
    this.#gone.delete(object.metadata.uid ?? "");
    this.reach(object.metadata.resourceVersion ?? "0");
  }

  /**
   * Stores a whole list as of `resourceVersion`. What the list lacks is gone, unless it was observed
   * at a later version than the list's.
   */
  replaceAll(objects: readonly T[], resourceVersion: string): void {
    const listed = new Set(objects.map((object) => keyText(keyOf(object))));
    for (const [key, held] of this.#objects) {
      if (listed.has(key) || versionOf(held) > BigInt(resourceVersion || "0")) continue;
      this.#set(key, held, undefined);
    }
    this.#gone.clear();
    for (const object of objects) this.#take(object);
    this.reach(resourceVersion);
    this.#isFilled = true;
    this.#filled.resolve();
  }

  /** Keeps an older event from bringing an object back; after a while there can be none on its way. */
  #remember(uid: string): void {
    const now = performance.now();
    for (const [old, since] of this.#gone) {
      if (now - since < GONE_MEMORY_MS) break;
      this.#gone.delete(old);
    }
    this.#gone.set(uid, now);
  }

  #set(key: string, before: T | undefined, after: T | undefined): void {
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const { of, sets } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : of(before)) {
        const set = sets.get(value);
        set?.delete(key);
        if (set?.size === 0) sets.delete(value);
      }
      if (after === undefined) continue;
      for (const value of of(after)) {
        const set = sets.get(value);
        if (set === undefined) sets.set(value, new Map([[key, after]]));
        else set.set(key, after);
      }
    }
    for (const listener of this.#listeners) listener({ before, after });
  }
}

type Index<T> = Map<string, Map<string, T>>;

/** Versions of one kind are numbers that grow; Kubernetes promises so since 1.35 and kept it before. */
function versionOf(object: KubeObject): bigint {
  return BigInt(object.metadata.resourceVersion ?? "0");
}
