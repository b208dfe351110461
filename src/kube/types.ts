/** The Kubernetes types in use, under their usual names. Generated from a real API server's schema. */
import type { components } from "./openapi.ts";

type Schemas = components["schemas"];

/** Object metadata as it travels. Whatever has been named has `name`; create may send `generateName`. */
export type ObjectMeta = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"];
export type OwnerReference = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference"];
export type LabelSelector = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"];
export type ListMeta = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"];
/** The API server's answer to a failed request. */
export type Status = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Status"];
export type DeleteOptions = Schemas["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"];

/** What every object of the Kubernetes API has. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** A generated kind whose metadata is always there. */
type Named<T> = Omit<T, "metadata"> & { metadata: ObjectMeta };

export type ConfigMap = Named<Schemas["io.k8s.api.core.v1.ConfigMap"]>;
export type CoreEvent = Named<Schemas["io.k8s.api.core.v1.Event"]>;
export type Lease = Named<Schemas["io.k8s.api.coordination.v1.Lease"]>;
export type Namespace = Named<Schemas["io.k8s.api.core.v1.Namespace"]>;
export type Node = Named<Schemas["io.k8s.api.core.v1.Node"]>;
export type Pod = Named<Schemas["io.k8s.api.core.v1.Pod"]>;
export type Secret = Named<Schemas["io.k8s.api.core.v1.Secret"]>;
export type Service = Named<Schemas["io.k8s.api.core.v1.Service"]>;
export type SubjectAccessReview = Named<
  Schemas["io.k8s.api.authorization.v1.SubjectAccessReview"]
>;
export type TokenReview = Named<Schemas["io.k8s.api.authentication.v1.TokenReview"]>;
export type UserInfo = Schemas["io.k8s.api.authentication.v1.UserInfo"];

export type Container = Schemas["io.k8s.api.core.v1.Container"];
export type ContainerPort = Schemas["io.k8s.api.core.v1.ContainerPort"];
export type ContainerState = Schemas["io.k8s.api.core.v1.ContainerState"];
export type ContainerStatus = Schemas["io.k8s.api.core.v1.ContainerStatus"];
export type EnvVar = Schemas["io.k8s.api.core.v1.EnvVar"];
export type PodCondition = Schemas["io.k8s.api.core.v1.PodCondition"];
export type PodSpec = Schemas["io.k8s.api.core.v1.PodSpec"];
export type PodStatus = Schemas["io.k8s.api.core.v1.PodStatus"];
export type PodTemplateSpec = Schemas["io.k8s.api.core.v1.PodTemplateSpec"];
export type Probe = Schemas["io.k8s.api.core.v1.Probe"];
export type ResourceRequirements = Schemas["io.k8s.api.core.v1.ResourceRequirements"];
export type ServicePort = Schemas["io.k8s.api.core.v1.ServicePort"];
export type Volume = Schemas["io.k8s.api.core.v1.Volume"];

/** A list as the API server sends it. */
export interface KubeList<T> {
  readonly metadata: ListMeta;
  readonly items: T[];
}

/** Names one object of a kind. `namespace` is "" for kinds of the cluster. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** The key of an object that the API server has named. */
export function keyOf(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" };
}

/** `namespace/name`, or `name` where there is no namespace: the form of logs and cache keys. */
export function keyText({ namespace, name }: ObjectKey): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** The reference whose holder manages this object, if any. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}
