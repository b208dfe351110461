/** The table of kinds: what is served under which name. */

/** A path below an object, and what may be done there. */
export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  /** Set where the kind belongs to another group than the resource. */
  readonly group?: string;
  readonly version?: string;
}

/** One resource in one version. */
export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  /** Writes to the object keep `status`, writes to `/status` keep the rest. */
  readonly statusSubresource: boolean;
  /** `metadata.generation` counts changes of the spec. */
  readonly countsGeneration: boolean;
  /** Name of the schema in openapi.json; "" for custom resources. */
  readonly schemaName: string;
  /** Answered, never stored. */
  readonly virtual: boolean;
}

export const ALL_VERBS = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
] as const;
const STATUS_VERBS = ["get", "patch", "update"] as const;
const STREAM_VERBS = ["create", "get"] as const;

/** `apiVersion` of a resource's objects. */
export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Names a resource whatever its version: objects are stored once. */
export function storageKey({ group, plural }: { group: string; plural: string }): string {
  return `${group}/${plural}`;
}

interface Row {
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly cluster?: true;
  readonly status?: true;
  readonly generation?: true;
  readonly virtual?: true;
  readonly verbs?: readonly string[];
  readonly more?: readonly Subresource[];
  readonly plural?: string;
}
const SCHEMA_GROUPS: Readonly<Record<string, string>> = {
  "": "io.k8s.api.core.v1",
  "apps": "io.k8s.api.apps.v1",
  "coordination.k8s.io": "io.k8s.api.coordination.v1",
  "rbac.authorization.k8s.io": "io.k8s.api.rbac.v1",
  "policy": "io.k8s.api.policy.v1",
  "networking.k8s.io": "io.k8s.api.networking.v1",
  "scheduling.k8s.io": "io.k8s.api.scheduling.v1",
  "admissionregistration.k8s.io": "io.k8s.api.admissionregistration.v1",
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
  "authorization.k8s.io": "io.k8s.api.authorization.v1",
  "authentication.k8s.io": "io.k8s.api.authentication.v1",
  "autoscaling": "io.k8s.api.autoscaling.v1",
};

function row(group: string, kind: string, options: Row = {}): ResourceInfo {
  const singular = kind.toLowerCase();
  const plural = options.plural ?? `${singular}s`;
  const status: Subresource[] = options.status
    ? [{ name: "status", kind, verbs: STATUS_VERBS }]
    : [];
  return {
    group,
    version: "v1",
    kind,
    plural,
    singular,
    namespaced: options.cluster !== true,
    shortNames: options.short ?? [],
    categories: options.categories ?? [],
    verbs: options.verbs ?? (options.virtual ? ["create"] : ALL_VERBS),
    subresources: [...options.more ?? [], ...status],
    statusSubresource: options.status === true,
    countsGeneration: options.generation === true,
    schemaName: `${SCHEMA_GROUPS[group]}.${kind}`,
    virtual: options.virtual === true,
  };
}

/** Every built-in resource. All are v1. */
export const BUILT_IN: readonly ResourceInfo[] = [
  row("", "ConfigMap", { short: ["cm"] }),
  row("", "Endpoints", { short: ["ep"], plural: "endpoints" }),
  row("", "Event", { short: ["ev"] }),
  row("", "Namespace", {
    short: ["ns"],
    cluster: true,
    status: true,
    verbs: ALL_VERBS.filter((verb) => verb !== "deletecollection"),
    more: [{ name: "finalize", kind: "Namespace", verbs: ["update"] }],
  }),
  row("", "Node", { short: ["no"], cluster: true, status: true }),
  row("", "PersistentVolumeClaim", { short: ["pvc"], status: true }),
  row("", "Pod", {
    short: ["po"],
    categories: ["all"],
    status: true,
    generation: true,
    more: [
      { name: "attach", kind: "PodAttachOptions", verbs: STREAM_VERBS },
      { name: "binding", kind: "Binding", verbs: ["create"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
      { name: "exec", kind: "PodExecOptions", verbs: STREAM_VERBS },
      { name: "log", kind: "Pod", verbs: ["get"] },
      { name: "portforward", kind: "PodPortForwardOptions", verbs: STREAM_VERBS },
    ],
  }),
  row("", "ResourceQuota", { short: ["quota"], status: true }),
  row("", "Secret"),
  row("", "ServiceAccount", {
    short: ["sa"],
    more: [{
      name: "token",
      kind: "TokenRequest",
      group: "authentication.k8s.io",
      version: "v1",
      verbs: ["create"],
    }],
  }),
  row("", "Service", { short: ["svc"], categories: ["all"], status: true }),
  row("apps", "Deployment", {
    short: ["deploy"],
    categories: ["all"],
    status: true,
    generation: true,
    more: [{
      name: "scale",
      kind: "Scale",
      group: "autoscaling",
      version: "v1",
      verbs: STATUS_VERBS,
    }],
  }),
  row("coordination.k8s.io", "Lease"),
  row("rbac.authorization.k8s.io", "ClusterRoleBinding", { cluster: true }),
  row("rbac.authorization.k8s.io", "ClusterRole", { cluster: true }),
  row("rbac.authorization.k8s.io", "RoleBinding"),
  row("rbac.authorization.k8s.io", "Role"),
  row("policy", "PodDisruptionBudget", { short: ["pdb"], status: true, generation: true }),
  row("networking.k8s.io", "NetworkPolicy", {
    short: ["netpol"],
    plural: "networkpolicies",
    generation: true,
  }),
  row("scheduling.k8s.io", "PriorityClass", {
    short: ["pc"],
    plural: "priorityclasses",
    cluster: true,
    generation: true,
  }),
  row("admissionregistration.k8s.io", "MutatingWebhookConfiguration", {
    cluster: true,
    categories: ["api-extensions"],
    generation: true,
  }),
  row("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", {
    cluster: true,
    categories: ["api-extensions"],
    generation: true,
  }),
  row("apiextensions.k8s.io", "CustomResourceDefinition", {
    short: ["crd", "crds"],
    cluster: true,
    categories: ["api-extensions"],
    status: true,
    generation: true,
  }),
  row("authorization.k8s.io", "LocalSubjectAccessReview", { virtual: true }),
  row("authorization.k8s.io", "SelfSubjectAccessReview", { cluster: true, virtual: true }),
  row("authorization.k8s.io", "SelfSubjectRulesReview", { cluster: true, virtual: true }),
  row("authorization.k8s.io", "SubjectAccessReview", { cluster: true, virtual: true }),
  row("authentication.k8s.io", "SelfSubjectReview", { cluster: true, virtual: true }),
  row("authentication.k8s.io", "TokenReview", { cluster: true, virtual: true }),
];

/** Kinds that are met below other objects only, never stored. */
export const BINDING = row("", "Binding");
export const SCALE = row("autoscaling", "Scale");
export const TOKEN_REQUEST = row("authentication.k8s.io", "TokenRequest");

/** The built-in resource of a group; for the server's own reads and writes. */
export function builtIn(group: string, plural: string): ResourceInfo {
  const found = BUILT_IN.find((info) => info.group === group && info.plural === plural);
  if (found === undefined) throw new RangeError(`No built-in resource ${group}/${plural}`);
  return found;
}
