/** What only pods know: binding to a node, and eviction. */
import type { Cluster } from "../cluster.ts";
import {
  type ApiObject,
  copyOf,
  isObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { badRequest, conflict, notFound } from "../status.ts";
import { objectKey } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import type { WriteOptions } from "./decode.ts";
import { deleteObject } from "./remove.ts";

/** Gives the pod its node. @throws {StatusError} 409 when it has one or is being deleted. */
export function bindPod(
  cluster: Cluster,
  type: ResourceType,
  namespace: string,
  name: string,
  body: unknown,
  options: WriteOptions,
): void {
  const binding = objectOf(body);
  const target = objectOf(binding.target);
  const node = stringOf(target.name);
  // The real server insists on the name too.
  if (objectOf(binding.metadata).name !== name) {
    throw badRequest("name in URL does not match name in Binding object");
  }
  if (node === "") throw badRequest("target.name: Required value");
  const collection = cluster.collectionOf(type);
  const key = objectKey(namespace, name);
  const current = collection.get(key)?.value;
  if (current === undefined) throw notFound(type.info, name);
  if (current.metadata.deletionTimestamp !== undefined) {
    const subject = { group: "", plural: "pods/binding" };
    throw conflict(subject, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const bound = stringOf(objectOf(current.spec).nodeName);
  if (bound !== "") {
    const subject = { group: "", plural: "pods/binding" };
    throw conflict(subject, name, `pod ${name} is already assigned to node "${bound}"`);
  }
  if (!options.dryRun) collection.replace(key, boundPod(current, node));
}

/** The pod on its node, with the condition that says so. */
export function boundPod(pod: ApiObject, node: string): ApiObject {
  const next = copyOf(pod);
  next.spec = { ...objectOf(next.spec), nodeName: node };
  const status = objectOf(next.status);
  const conditions = objectsOf(status.conditions).filter(({ type }) => type !== "PodScheduled");
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: timestamp(),
  };
  next.status = { ...status, conditions: [...listOf(conditions), scheduled] };
  return next;
}

/** Deletes the pod for whoever wants its node empty. No budget is asked: nothing keeps their status. */
export function evictPod(
  cluster: Cluster,
  type: ResourceType,
  namespace: string,
  name: string,
  body: unknown,
  options: WriteOptions,
): void {
  const { deleteOptions } = objectOf(body);
  const grace = isObject(deleteOptions) ? deleteOptions.gracePeriodSeconds : undefined;
  deleteObject(cluster, type, namespace, name, {
    dryRun: options.dryRun,
    ...(typeof grace === "number" && { gracePeriodSeconds: grace }),
  });
}
