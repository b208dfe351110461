/** An API server's objects in memory, for tests of whoever writes to one. No HTTP, no watches. */
import {
  ApiError,
  ConnectionError,
  KubeClient,
  type KubeObject,
  type ObjectMeta,
  objectPath,
  type Resource,
} from "../../src/kube/mod.ts";

/** The path of all objects of a kind in a namespace. */
const COLLECTION = /\/namespaces\/[^/]+\/[^/]+$/;

/** Stores whole objects by path, with versions, uids, conflicts, graceful deletion and owner references. */
export class MemoryApi {
  readonly #objects = new Map<string, KubeObject>();
  #version = 0;
  #uids = 0;
  /** In ms since 1970. */
  now = Date.UTC(2026, 0, 1);

  /** Counts every change. */
  get version(): number {
    return this.#version;
  }

  /** The stored objects of a kind. */
  all<T extends KubeObject>({ kind, plural }: Resource<T>): T[] {
    const found = [...this.#objects].filter(([path]) => path.split("/").at(-2) === plural);
    return found.map(([, object]) => Object.assign({ kind }, object as T));
  }

  get<T extends KubeObject>(resource: Resource<T>, name: string): T | undefined {
    return this.all(resource).find(({ metadata }) => metadata.name === name);
  }

  /** Stores an object as it is, over whatever is there; for test set-ups and for the kubelet's part. */
  put<T extends KubeObject>(resource: Resource<T>, object: T): void {
    const { namespace = "", name = "" } = object.metadata;
    this.#store(objectPath(resource, { namespace, name }), object);
  }

  /** Takes an object away at once, with all that it alone owned. */
  remove(resource: Resource<KubeObject>, object: KubeObject): void {
    const { namespace = "", name = "" } = object.metadata;
    this.#objects.delete(objectPath(resource, { namespace, name }));
    this.#version++;
    this.collectGarbage();
  }

  /** Takes away what has owners and has outlived all of them. */
  collectGarbage(): void {
    for (let before = -1; before !== this.#objects.size;) {
      before = this.#objects.size;
      const uids = new Set([...this.#objects.values()].map(({ metadata }) => metadata.uid));
      for (const [path, { metadata: { ownerReferences = [] } }] of this.#objects) {
        if (ownerReferences.length === 0 || ownerReferences.some(({ uid }) => uids.has(uid))) {
          continue;
        }
        this.#objects.delete(path);
        this.#version++;
      }
    }
  }

  /** Ends the pods that are on their way out, as their kubelet does, and what has lost its owners. */
  reap(pods: Resource<KubeObject>): void {
    for (const pod of this.all(pods)) {
      if (pod.metadata.deletionTimestamp !== undefined) this.remove(pods, pod);
    }
    this.collectGarbage();
  }

  /** @throws {ApiError} As an API server refuses. */
  request(method: string, path: string, body: unknown): unknown {
    const plain = path.split("?", 1)[0] ?? "";
    switch (method) {
      case "GET":
        return COLLECTION.test(plain) ? this.#list(path) : this.#find(plain);
      case "POST":
        return this.#create(plain, objectIn(body));
      case "PUT":
        return this.#replace(plain.replace(/\/status$/, ""), objectIn(body));
      case "DELETE":
        return this.#delete(plain, body);
      default:
        throw new ApiError(405, "MethodNotAllowed", method);
    }
  }

  #find(path: string): KubeObject {
    const found = this.#objects.get(path);
    if (found === undefined) throw new ApiError(404, "NotFound", `${path} not found`);
    return found;
  }

  /** Of one namespace; of selectors equality and sets are known. */
  #list(path: string): unknown {
    const { pathname, searchParams } = new URL(path, "http://memory");
    const terms = (searchParams.get("labelSelector") ?? "").split(/,(?![^(]*\))/)
      .filter((term) => term !== "").map((term) => {
        const [key = "", values = ""] = term.split(/=| in /);
        return { key, values: values.replace(/^\(|\)$/g, "").split(",") };
      });
    const items = [...this.#objects].filter(([at, { metadata }]) =>
      at.slice(0, at.lastIndexOf("/")) === pathname &&
      terms.every(({ key, values }) => values.includes(metadata.labels?.[key] ?? ""))
    );
    const metadata = { resourceVersion: `${this.#version}` };
    return { metadata, items: items.map(([, object]) => object) };
  }

  #create(collection: string, object: KubeObject): KubeObject {
    const path = `${collection}/${object.metadata.name}`;
    if (this.#objects.has(path)) throw new ApiError(409, "AlreadyExists", `${path} already exists`);
    const creationTimestamp = new Date(this.now).toISOString();
    const metadata = { ...object.metadata, uid: `uid-${++this.#uids}`, creationTimestamp };
    return this.#store(path, { ...object, metadata });
  }

  #replace(path: string, object: KubeObject): KubeObject {
    const held = this.#find(path);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== held.metadata.resourceVersion) {
      throw new ApiError(409, "Conflict", `${path} has been modified`);
    }
    return this.#store(path, object);
  }

  #delete(path: string, options: unknown): KubeObject {
    const held = this.#find(path);
    const { uid, resourceVersion } = held.metadata;
    const wanted = { uid, resourceVersion, ...preconditionsIn(options) };
    if (wanted.uid !== uid || wanted.resourceVersion !== resourceVersion) {
      throw new ApiError(409, "Conflict", `${path} is another one, or has been modified`);
    }
    const isPod = path.split("/").at(-2) === "pods";
    if (!isPod) {
      this.#objects.delete(path);
      this.#version++;
      return held;
    }
    if (held.metadata.deletionTimestamp !== undefined) return held;
    const deletionTimestamp = new Date(this.now).toISOString();
    return this.#store(path, { ...held, metadata: { ...held.metadata, deletionTimestamp } });
  }

  #store(path: string, object: KubeObject): KubeObject {
    const metadata: ObjectMeta = { ...object.metadata, resourceVersion: `${++this.#version}` };
    const stored = { ...structuredClone(object), metadata };
    this.#objects.set(path, stored);
    return stored;
  }
}

/** What happens to a request instead of its answer: nothing, or an error that is thrown. */
export type Meddler = (
  request: {
    readonly method: string;
    readonly path: string;
    readonly body: unknown;
    readonly timeoutMs: number;
  },
  /** Does what was asked for. */
  act: () => unknown,
) => unknown;

/** A client whose requests go to a {@link MemoryApi}, past a meddler. It holds no connections. */
export class MemoryClient extends KubeClient {
  readonly #api: MemoryApi;
  readonly #meddle: Meddler;
  /** `POST pods/pong-coordinator` and the like, of writes that were done. */
  readonly writes: string[] = [];

  constructor(api: MemoryApi, meddle: Meddler = (_request, act) => act()) {
    super({ server: "http://memory", namespace: "default" });
    super.close();
    this.#api = api;
    this.#meddle = meddle;
  }

  override close(): void {}

  override async request<T>(
    method: string,
    path: string,
    { timeoutMs = 0 }: { readonly timeoutMs?: number },
    body?: unknown,
  ): Promise<T> {
    await Promise.resolve();
    const act = () => {
      const answer = this.#api.request(method, path, body);
      if (method !== "GET") this.writes.push(`${method} ${shortPath(path, answer)}`);
      return answer;
    };
    // The one cast: as with a real server, the caller knows what it asked for.
    return await this.#meddle({ method, path, body, timeoutMs }, act) as T;
  }
}

/** The error of a request that got no answer. */
export function noAnswer(): ConnectionError {
  return new ConnectionError("got no answer", undefined);
}

function shortPath(path: string, answer: unknown): string {
  const { metadata } = objectIn(answer);
  const plain = path.split("?", 1)[0]?.replace(/^.*\/namespaces\/[^/]+\//, "") ?? "";
  const [plural, , subresource] = plain.split("/");
  return [plural, metadata.name, ...(subresource === undefined ? [] : [subresource])].join("/");
}

function objectIn(body: unknown): KubeObject {
  if (typeof body !== "object" || body === null || !("metadata" in body)) {
    throw new ApiError(400, "BadRequest", "not an object");
  }
  return body as KubeObject;
}

function preconditionsIn(options: unknown): { uid?: unknown; resourceVersion?: unknown } {
  if (typeof options !== "object" || options === null || !("preconditions" in options)) return {};
  return options.preconditions ?? {};
}
