/** What all requests share: the objects, the kinds, and the addresses given out. */
import { asType, Registry, type ResourceType } from "./registry.ts";
import { builtIn } from "./resources.ts";
import { objectKey, Store, type Stored } from "./store.ts";
import type { Collection } from "./collection.ts";
import { type ApiObject, objectOf, objectsOf, stringOf } from "./json.ts";

const NAMESPACES = builtIn("", "namespaces");
const SERVICE_ACCOUNTS = builtIn("", "serviceaccounts");
const PRIORITY_CLASSES = builtIn("scheduling.k8s.io", "priorityclasses");

export class Cluster {
  readonly store = new Store();
  readonly registry = new Registry();
  readonly addresses = new AddressPool();
  readonly nodePorts = new NodePorts();

  constructor() {
    this.store.onChange((collection, change) => {
      if (collection.name !== "/services" || change.type !== "DELETED") return;
      const { clusterIP, ports } = objectOf(change.current.value.spec);
      this.addresses.release(stringOf(clusterIP));
      for (const { nodePort } of objectsOf(ports)) this.nodePorts.release(Number(nodePort));
    });
  }

  collectionOf({ info }: ResourceType): Collection {
    return this.store.collection(info);
  }
  /** An object, in the version of the type. */
  find(type: ResourceType, namespace: string, name: string): Stored | undefined {
    const stored = this.collectionOf(type).get(objectKey(namespace, name));
    return stored === undefined ? undefined : asType(stored, type);
  }
  /** The priority class of that name, or for "" the lowest of those that are the default. */
  priorityClass(name: string): ApiObject | undefined {
    const classes = this.store.collection(PRIORITY_CLASSES);
    if (name !== "") return classes.get(objectKey("", name))?.value;
    const defaults = classes.list().map(({ value }) => value)
      .filter(({ globalDefault }) => globalDefault === true);
    return defaults.sort((a, b) => Number(a.value) - Number(b.value))[0];
  }
  hasServiceAccount(namespace: string, name: string): boolean {
    return this.store.collection(SERVICE_ACCOUNTS).get(objectKey(namespace, name)) !== undefined;
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

/** Ports that services have on every node, 30000 to 32767. */
export class NodePorts {
  readonly #taken = new Set<number>();
  #next = NODE_PORT_MIN;

  /** A free port, or `wanted` when it is free; undefined when there is none. */
  allocate(wanted: number): number | undefined {
    if (wanted !== 0) return this.#take(wanted);
    for (let tries = 0; tries <= NODE_PORT_MAX - NODE_PORT_MIN; tries += 1) {
      const port = this.#next;
      this.#next = port === NODE_PORT_MAX ? NODE_PORT_MIN : port + 1;
      if (this.#take(port) !== undefined) return port;
    }
    return undefined;
  }
  release(port: number): void {
    this.#taken.delete(port);
  }
  #take(port: number): number | undefined {
    if (this.#taken.has(port)) return undefined;
    this.#taken.add(port);
    return port;
  }
}
const NODE_PORT_MIN = 30_000;
const NODE_PORT_MAX = 32_767;
