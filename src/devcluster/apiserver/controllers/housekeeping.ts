/** What a control plane does around namespaces and definitions: content follows them. */
import type { Cluster } from "../cluster.ts";
import type { Collection } from "../collection.ts";
import { type ApiObject, childOf, copyOf } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { apiVersionOf, builtIn } from "../resources.ts";
import { StatusError } from "../status.ts";
import { type Change, objectKey } from "../store.ts";
import { createObject } from "../writes/create.ts";
import { OWN_WRITE } from "../writes/decode.ts";
import { CLEANUP, deleteObject } from "../writes/remove.ts";
import type { Runner } from "./runner.ts";

const NAMESPACES = builtIn("", "namespaces");
const SERVICE_ACCOUNTS = builtIn("", "serviceaccounts");
const DEFINITIONS = builtIn("apiextensions.k8s.io", "customresourcedefinitions");
const DEFINITION_COLLECTION = `${DEFINITIONS.group}/${DEFINITIONS.plural}`;

export class Housekeeping {
  readonly #cluster: Cluster;
  readonly #runner: Runner;

  constructor(cluster: Cluster, runner: Runner) {
    this.#cluster = cluster;
    this.#runner = runner;
    cluster.store.onChange((collection, change) => this.#onChange(collection, change));
  }

  #onChange({ name }: Collection, change: Change): void {
    const { value } = change.current;
    if (name === "/namespaces") this.#onNamespace(value, change.type);
    else if (name === DEFINITION_COLLECTION) this.#onDefinition(value, change);
    else if (change.type === "DELETED") {
      const { namespace } = value.metadata;
      if (namespace !== undefined) {
        const owner = this.#cluster.namespace(namespace)?.value;
        if (owner?.metadata.deletionTimestamp !== undefined) this.#addEmptying(namespace);
      }
      this.#onInstanceGone(value);
    }
  }

  #onNamespace({ metadata }: ApiObject, type: Change["type"]): void {
    const name = metadata.name ?? "";
    if (type === "DELETED") return;
    if (metadata.deletionTimestamp !== undefined) this.#addEmptying(name);
    else if (type === "ADDED") this.#createServiceAccount(name);
  }

  /** Every namespace has a service account; made with it, so that pods never miss it. */
  #createServiceAccount(namespace: string): void {
    const { registry } = this.#cluster;
    const type = registry.find("", "v1", SERVICE_ACCOUNTS.plural);
    if (type === undefined) return;
    const body = { metadata: { name: "default" } };
    this.#try(() => void createObject(this.#cluster, type, namespace, body, OWN_WRITE));
  }

  #addEmptying(namespace: string): void {
    this.#runner.add(`namespace ${namespace}`, () => this.#emptyNamespace(namespace));
  }

  /** Deletes what a dying namespace holds, and lets the namespace go once that is gone. */
  #emptyNamespace(namespace: string): void {
    const { store, registry } = this.#cluster;
    let left = 0;
    for (const collection of [...store.collections]) {
      for (const { value } of collection.list(namespace)) {
        if (value.metadata.namespace !== namespace) continue;
        const type = registry.findKind(value.apiVersion, value.kind);
        if (type === undefined) continue;
        if (value.metadata.deletionTimestamp === undefined) this.#delete(type, value);
        if (collection.get(objectKey(namespace, value.metadata.name ?? ""))) left += 1;
      }
    }
    if (left > 0) return;
    const stored = this.#cluster.namespace(namespace);
    if (stored?.value.metadata.deletionTimestamp === undefined) return;
    const collection = store.collection(NAMESPACES);
    const key = objectKey("", namespace);
    const next = copyOf(stored.value);
    const spec = childOf(next, "spec");
    const finalizers = (Array.isArray(spec.finalizers) ? spec.finalizers : [])
      .filter((name) => name !== "kubernetes");
    if (finalizers.length > 0) spec.finalizers = finalizers;
    else delete spec.finalizers;
    const held = finalizers.length > 0 || (next.metadata.finalizers ?? []).length > 0;
    if (held) collection.replace(key, next);
    else collection.remove(key);
  }

  #onDefinition(definition: ApiObject, change: Change): void {
    const { registry, store } = this.#cluster;
    const name = definition.metadata.name ?? "";
    if (change.type === "DELETED") {
      const [type] = registry.definedBy(name);
      registry.undefine(definition);
      if (type !== undefined) store.dropCollection(type.info);
    } else if (definition.metadata.deletionTimestamp !== undefined) {
      this.#runner.add(`definition ${name}`, () => this.#removeInstances(name));
    } else registry.define(definition);
  }

  #onInstanceGone({ apiVersion, kind }: ApiObject): void {
    const type = this.#cluster.registry.findKind(apiVersion, kind);
    if (type?.custom === undefined) return;
    const name = `${type.info.plural}.${type.info.group}`;
    const definition = this.#cluster.store.collection(DEFINITIONS).get(objectKey("", name))?.value;
    if (definition?.metadata.deletionTimestamp === undefined) return;
    this.#runner.add(`definition ${name}`, () => this.#removeInstances(name));
  }

  /** Deletes the objects of a dying definition, and lets it go once they are gone. */
  #removeInstances(name: string): void {
    const { registry, store } = this.#cluster;
    const [type] = registry.definedBy(name);
    if (type !== undefined) {
      const instances = store.collection(type.info);
      for (const { value } of instances.list()) {
        if (value.metadata.deletionTimestamp === undefined) this.#delete(type, value);
      }
      if (instances.size > 0) return;
    }
    const collection = store.collection(DEFINITIONS);
    const key = objectKey("", name);
    const definition = collection.get(key)?.value;
    if (definition?.metadata.deletionTimestamp === undefined) return;
    const finalizers = (definition.metadata.finalizers ?? []).filter((other) => other !== CLEANUP);
    if (finalizers.length === 0) collection.remove(key);
    else if (finalizers.length !== (definition.metadata.finalizers ?? []).length) {
      collection.replace(key, { ...definition, metadata: { ...definition.metadata, finalizers } });
    }
  }

  #delete(type: ResourceType, { metadata, apiVersion }: ApiObject): void {
    if (apiVersion !== apiVersionOf(type.info)) return;
    const { namespace = "", name = "" } = metadata;
    this.#try(() =>
      void deleteObject(this.#cluster, type, namespace, name, {
        dryRun: false,
        propagationPolicy: "Background",
      })
    );
  }
  /** Somebody else was faster: fine. */
  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
}

/** Namespaces that exist from the start. */
export const INITIAL_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Priority classes that exist from the start: name, priority, purpose. */
const SYSTEM_CLASSES = [
  ["system-node-critical", 2_000_001_000, "For pods that must stay on their node."],
  ["system-cluster-critical", 2_000_000_000, "For pods that the cluster cannot do without."],
] as const;

/** Fills an empty cluster with what clients expect of every cluster. */
export function populate(cluster: Cluster, kubeletToken: string): void {
  const { registry } = cluster;
  const make = (plural: string, namespace: string, body: object, group = "") => {
    const type = registry.find(group, "v1", plural);
    if (type !== undefined) createObject(cluster, type, namespace, copyOf(body), OWN_WRITE);
  };
  for (const name of INITIAL_NAMESPACES) make("namespaces", "", { metadata: { name } });
  for (const [name, value, description] of SYSTEM_CLASSES) {
    make("priorityclasses", "", { metadata: { name }, value, description }, "scheduling.k8s.io");
  }
  make("services", "default", {
    metadata: {
      name: "kubernetes",
      labels: { component: "apiserver", provider: "kubernetes" },
    },
    spec: {
      clusterIP: "10.96.0.1",
      ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: 6443 }],
    },
  });
  make("secrets", "kube-system", {
    metadata: { name: "kubelet-access" },
    stringData: { token: kubeletToken },
  });
}
