/** Where each kind lives on the wire: the client, the reflector and the logs take these. */
import type {
  ConfigMap,
  CoreEvent,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  Secret,
  Service,
  SubjectAccessReview,
  TokenReview,
} from "./types.ts";

/** A kind's place in the API. `T` is the type of its objects. */
export interface Resource<T extends KubeObject> {
  /** API group; "" is the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: it only carries `T` for the compiler. */
  readonly object?: T;
}

export const CONFIG_MAPS = core<ConfigMap>("ConfigMap", "configmaps", true);
export const EVENTS = core<CoreEvent>("Event", "events", true);
export const NAMESPACES = core<Namespace>("Namespace", "namespaces", false);
export const NODES = core<Node>("Node", "nodes", false);
export const PODS = core<Pod>("Pod", "pods", true);
export const SECRETS = core<Secret>("Secret", "secrets", true);
export const SERVICES = core<Service>("Service", "services", true);
export const LEASES: Resource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

/** Asked by creating one; nothing is stored. */
export const TOKEN_REVIEWS: Resource<TokenReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenReview",
  plural: "tokenreviews",
  namespaced: false,
};
/** Asked by creating one; nothing is stored. */
export const SUBJECT_ACCESS_REVIEWS: Resource<SubjectAccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  namespaced: false,
};

function core<T extends KubeObject>(
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  return { group: "", version: "v1", kind, plural, namespaced };
}

/** `apiVersion` of a resource's objects: `v1`, `diengine.opendilab.org/v1alpha1`. */
export function apiVersionOf({ group, version }: Resource<KubeObject>): string {
  return group === "" ? version : `${group}/${version}`;
}
