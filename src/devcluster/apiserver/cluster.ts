/** What all requests share: the objects, the kinds, and the addresses given out. */
import { Registry, type ResourceType } from "./registry.ts";
import { builtIn } from "./resources.ts";
import { objectKey, Store, type Stored } from "./store.ts";
import type { Collection } from "./collection.ts";
import { type ApiObject, objectOf, stringOf } from "./json.ts";

const NAMESPACES = builtIn("", "namespaces");
const PRIORITY_CLASSES = builtIn("scheduling.k8s.io", "priorityclasses");

export class Cluster {
  readonly store = new Store();
  readonly registry = new Registry();
  readonly addresses = new AddressPool();

  constructor() {
    this.store.onChange((collection, change) => {
      if (collection.name !== "/services" || change.type !== "DELETED") return;
      this.addresses.release(stringOf(objectOf(change.current.value.spec).clusterIP));
    });
  }

  collectionOf({ info }: ResourceType): Collection {
    return this.store.collection(info);
  }
  /** The priority class of that name, or for "" the lowest of those that are the default. */
  priorityClass(name: string): ApiObject | undefined {
    const classes = this.store.collection(PRIORITY_CLASSES);
    if (name !== "") return classes.get(objectKey("", name))?.value;
    const defaults = classes.list().map(({ value }) => value)
      .filter(({ globalDefault }) => globalDefault === true);
    return defaults.sort((a, b) => Number(a.value) - Number(b.value))[0];
  }
  namespace(name: string): Stored | undefined {
    return this.store.collection(NAMESPACES).get(objectKey("", name));
  }
}

/** Cluster addresses of services, 10.96.0.1 to 10.96.255.254. */
export class AddressPool {
  readonly #taken = new Set<string>();
  #next = 10;

  /** A free address, or `wanted` when it is free; undefined when there is none. */
  allocate(wanted: string): string | undefined {
    if (wanted !== "") {
      if (this.#taken.has(wanted)) return undefined;
      this.#taken.add(wanted);
      return wanted;
    }
    for (let tries = 0; tries < SIZE; tries += 1) {
      const number = this.#next;
      this.#next = this.#next + 1 >= SIZE ? 10 : this.#next + 1;
      const address = `10.96.${number >> 8}.${number & 255}`;
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    return undefined;
  }
  release(address: string): void {
    this.#taken.delete(address);
  }
}
const SIZE = 65535;
