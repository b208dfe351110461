/** What a control plane does around namespaces and definitions: content follows them. */
import type { Cluster } from "../cluster.ts";
import type { Collection } from "../collection.ts";
import { type ApiObject, childOf, copyOf, isEqual, listOf } from "../json.ts";
import { SYSTEM_PRIORITIES } from "../kinds/policies.ts";
import { builtIn } from "../resources.ts";
import { type Change, objectKey } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { createObject } from "../writes/create.ts";
import { OWN_WRITE } from "../writes/decode.ts";
import { countRemains, deletionConditions } from "./namespace_conditions.ts";
import { Definitions } from "./definitions.ts";
import { deleteOwn, unlessRefused } from "./own_writes.ts";
import type { Runner } from "./runner.ts";

const NAMESPACES = builtIn("", "namespaces");
const SERVICE_ACCOUNTS = builtIn("", "serviceaccounts");
const DEFINITIONS = builtIn("apiextensions.k8s.io", "customresourcedefinitions");
const DEFINITION_COLLECTION = `${DEFINITIONS.group}/${DEFINITIONS.plural}`;

export class Housekeeping {
  readonly #cluster: Cluster;
  readonly #runner: Runner;
  readonly #definitions: Definitions;

  constructor(cluster: Cluster, runner: Runner) {
    this.#cluster = cluster;
    this.#runner = runner;
    this.#definitions = new Definitions(cluster, runner);
    cluster.store.onChange((collection, change) => this.#onChange(collection, change));
  }

  #onChange({ name }: Collection, change: Change): void {
    const { value } = change.current;
    if (name === "/namespaces") this.#onNamespace(value, change.type);
    else if (name === DEFINITION_COLLECTION) this.#definitions.onDefinition(value, change.type);
    else if (change.type === "DELETED") {
      const { namespace } = value.metadata;
      if (namespace !== undefined) {
        const owner = this.#cluster.namespace(namespace)?.value;
        if (owner?.metadata.deletionTimestamp !== undefined) this.#addEmptying(namespace);
      }
      this.#definitions.onInstanceGone(value);
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
    unlessRefused(() => void createObject(this.#cluster, type, namespace, body, OWN_WRITE));
  }

  #addEmptying(namespace: string): void {
    this.#runner.add(`namespace ${namespace}`, () => this.#emptyNamespace(namespace));
  }

  /** Deletes what a dying namespace holds, and lets the namespace go once that is gone. */
  #emptyNamespace(namespace: string): void {
    const { store, registry } = this.#cluster;
    const left: { resource: string; object: ApiObject }[] = [];
    for (const collection of [...store.collections]) {
      for (const { value } of collection.list(namespace)) {
        if (value.metadata.namespace !== namespace) continue;
        const type = registry.findKind(value.apiVersion, value.kind);
        if (type === undefined) continue;
        if (value.metadata.deletionTimestamp === undefined) deleteOwn(this.#cluster, type, value);
        const object = collection.get(objectKey(namespace, value.metadata.name ?? ""))?.value;
        const resource = `${type.info.plural}.${type.info.group}`;
        if (object !== undefined) left.push({ resource, object });
      }
    }
    const stored = this.#cluster.namespace(namespace);
    if (stored?.value.metadata.deletionTimestamp === undefined) return;
    const next = copyOf(stored.value);
    const status = childOf(next, "status");
    status.conditions = deletionConditions(countRemains(left), status.conditions, timestamp());
    const spec = childOf(next, "spec");
    const finalizers = listOf(spec.finalizers)
      .filter((name) => left.length > 0 || name !== "kubernetes");
    if (finalizers.length > 0) spec.finalizers = finalizers;
    else delete spec.finalizers;
    const held = finalizers.length > 0 || (next.metadata.finalizers ?? []).length > 0;
    const collection = store.collection(NAMESPACES);
    const key = objectKey("", namespace);
    if (!held) collection.remove(key);
    else if (!isEqual(next, stored.value)) collection.replace(key, next);
  }
}

/** Namespaces that exist from the start. */
export const INITIAL_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Fills an empty cluster with what clients expect of every cluster. */
export function populate(cluster: Cluster, kubeletToken: string): void {
  const { registry } = cluster;
  const make = (plural: string, namespace: string, body: object, group = "") => {
    const type = registry.find(group, "v1", plural);
    if (type !== undefined) createObject(cluster, type, namespace, copyOf(body), OWN_WRITE);
  };
  for (const name of INITIAL_NAMESPACES) make("namespaces", "", { metadata: { name } });
  for (const [name, value] of SYSTEM_PRIORITIES) {
    make("priorityclasses", "", { metadata: { name }, value }, "scheduling.k8s.io");
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
