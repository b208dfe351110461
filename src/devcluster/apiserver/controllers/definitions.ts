/** What follows from definitions: kinds that are served, and the end of their objects. */
import type { Cluster } from "../cluster.ts";
import { isEstablished, planStatus } from "../crd/names.ts";
import { type ApiObject, isEqual, objectOf } from "../json.ts";
import { builtIn } from "../resources.ts";
import { type Change, objectKey } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { CLEANUP } from "../writes/remove.ts";
import { deleteOwn } from "./own_writes.ts";
import type { Runner } from "./runner.ts";

const DEFINITIONS = builtIn("apiextensions.k8s.io", "customresourcedefinitions");

export class Definitions {
  readonly #cluster: Cluster;
  readonly #runner: Runner;

  constructor(cluster: Cluster, runner: Runner) {
    this.#cluster = cluster;
    this.#runner = runner;
  }

  onDefinition(definition: ApiObject, change: Change["type"]): void {
    const { registry, store } = this.#cluster;
    const name = definition.metadata.name ?? "";
    if (change === "DELETED") {
      const [type] = registry.definedBy(name);
      registry.undefine(definition);
      if (type !== undefined) store.dropCollection(type.info);
      this.#reconsiderOthers(definition);
    } else if (definition.metadata.deletionTimestamp !== undefined) {
      this.#runner.add(`definition ${name}`, () => this.#removeInstances(name));
    } else this.#accept(definition);
  }

  onInstanceGone({ apiVersion, kind }: ApiObject): void {
    const type = this.#cluster.registry.findKind(apiVersion, kind);
    if (type?.custom === undefined) return;
    const name = `${type.info.plural}.${type.info.group}`;
    if (this.#find(name)?.metadata.deletionTimestamp === undefined) return;
    this.#runner.add(`definition ${name}`, () => this.#removeInstances(name));
  }

  /**
   * Serves a definition whose names have been accepted. Names are given in a task of its own, and two
   * definitions that come at once are not both given them.
   */
  #accept(definition: ApiObject): void {
    const name = definition.metadata.name ?? "";
    if (isEstablished(definition)) this.#cluster.registry.define(definition);
    const planned = planStatus(definition, this.#ofGroup(definition), timestamp());
    if (isEqual(planned, definition.status)) return;
    this.#runner.add(`names of ${name}`, () => {
      const current = this.#find(name);
      if (current?.metadata.deletionTimestamp !== undefined || current === undefined) return;
      const status = planStatus(current, this.#ofGroup(current), timestamp());
      if (!isEqual(status, current.status)) this.#replace({ ...current, status });
    });
  }

  /** Names are free again: a definition that waits for one may have it. */
  #reconsiderOthers(gone: ApiObject): void {
    for (const other of this.#ofGroup(gone)) {
      if (other.metadata.deletionTimestamp === undefined) this.#accept(other);
    }
  }

  /** The other definitions of its group. */
  #ofGroup({ metadata, spec }: ApiObject): ApiObject[] {
    const { group } = objectOf(spec);
    return this.#cluster.store.collection(DEFINITIONS).list().map(({ value }) => value)
      .filter((other) =>
        other.metadata.name !== metadata.name && objectOf(other.spec).group === group
      );
  }

  /** Deletes the objects of a dying definition, and lets it go once they are gone. */
  #removeInstances(name: string): void {
    const definition = this.#find(name);
    if (definition?.metadata.deletionTimestamp === undefined) return;
    const [type] = this.#cluster.registry.definedBy(name);
    if (type !== undefined) {
      const instances = this.#cluster.store.collection(type.info);
      for (const { value } of instances.list()) {
        if (value.metadata.deletionTimestamp === undefined) deleteOwn(this.#cluster, type, value);
      }
      if (instances.size > 0) return this.#sayTerminating(name);
    }
    const finalizers = (definition.metadata.finalizers ?? []).filter((other) => other !== CLEANUP);
    if (finalizers.length === 0) {
      this.#cluster.store.collection(DEFINITIONS).remove(objectKey("", name));
    } else if (finalizers.length !== (definition.metadata.finalizers ?? []).length) {
      this.#replace({ ...definition, metadata: { ...definition.metadata, finalizers } });
    }
  }

  #sayTerminating(name: string): void {
    const definition = this.#find(name);
    if (definition === undefined) return;
    const status = planStatus(definition, this.#ofGroup(definition), timestamp());
    if (!isEqual(status, definition.status)) this.#replace({ ...definition, status });
  }

  #find(name: string): ApiObject | undefined {
    return this.#cluster.store.collection(DEFINITIONS).get(objectKey("", name))?.value;
  }
  #replace(definition: ApiObject): void {
    this.#cluster.store.collection(DEFINITIONS).replace(
      objectKey("", definition.metadata.name ?? ""),
      { ...definition, metadata: { ...definition.metadata } },
    );
  }
}
