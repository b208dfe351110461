/**
 * Cuts the OpenAPI v3 documents of a real API server down to the kinds this program meets and
 * writes them to `src/kube/openapi.json`, from which the types and the embedded API server's
 * schemas come. Run by `deno task generate:openapi` with the address of a `kubectl proxy`.
 */

/** Kinds kept, by the document that describes them. Whatever these refer to is kept as well. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  "api/v1": [
    "Binding",
    "ConfigMap",
    "Endpoints",
    "Event",
    "Namespace",
    "Node",
    "PersistentVolumeClaim",
    "Pod",
    "ResourceQuota",
    "Secret",
    "Service",
    "ServiceAccount",
    "TokenRequest",
  ],
  "apis/admissionregistration.k8s.io/v1": [
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
  ],
  "apis/apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
  "apis/apps/v1": ["Deployment", "Scale"],
  "apis/authentication.k8s.io/v1": ["SelfSubjectReview", "TokenReview"],
  "apis/authorization.k8s.io/v1": [
    "LocalSubjectAccessReview",
    "SelfSubjectAccessReview",
    "SelfSubjectRulesReview",
    "SubjectAccessReview",
  ],
  "apis/coordination.k8s.io/v1": ["Lease"],
  "apis/networking.k8s.io/v1": ["NetworkPolicy"],
  "apis/policy/v1": ["PodDisruptionBudget"],
  "apis/rbac.authorization.k8s.io/v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  "apis/scheduling.k8s.io/v1": ["PriorityClass"],
};
/** Types of the wire that no kept kind refers to. */
const WIRE_TYPES = ["Status", "DeleteOptions", "APIResourceList", "APIGroup"];

type Schemas = Record<string, unknown>;

function referencesOf(node: unknown, into: Set<string>): Set<string> {
  if (Array.isArray(node)) { for (const item of node) referencesOf(item, into); }
  else if (typeof node === "object" && node !== null) {
    for (const [key, value] of Object.entries(node)) {
      if (key === "$ref" && typeof value === "string") into.add(value.replace(/^.*\//, ""));
      else referencesOf(value, into);
    }
  }
  return into;
}

/** The schemas named in `roots` and all that they refer to, sorted by name. */
export function cutSchemas(all: Schemas, roots: Iterable<string>): Schemas {
  const kept = new Set<string>();
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (kept.has(name)) continue;
    if (all[name] === undefined) throw new Error(`Cannot cut OpenAPI: no schema "${name}"`);
    kept.add(name);
    open.push(...referencesOf(all[name], new Set()));
  }
  return Object.fromEntries([...kept].sort().map((name) => [name, all[name]]));
}

if (import.meta.main) {
  const base = Deno.args[0];
  if (base === undefined) throw new Error("Usage: cut_openapi.ts URL_OF_KUBECTL_PROXY");
  const all: Schemas = {};
  const roots: string[] = [];
  const documents = await Promise.all(
    Object.entries(KINDS).map(async ([path, kinds]) => {
      const response = await fetch(`${base}/openapi/v3/${path}`, {
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(30_000),
      });
      if (!response.ok) throw new Error(`Cannot read ${path}: HTTP ${response.status}`);
      return { kinds, schemas: (await response.json()).components.schemas as Schemas };
    }),
  );
  for (const { kinds, schemas } of documents) {
    Object.assign(all, schemas);
    for (const name of Object.keys(schemas)) {
      const kind = name.replace(/^.*\./, "");
      if (kinds.includes(kind) || kinds.includes(kind.replace(/List$/, ""))) roots.push(name);
      if (WIRE_TYPES.includes(kind)) roots.push(name);
    }
  }
  const document = {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.36" },
    paths: {},
    components: { schemas: cutSchemas(all, roots) },
  };
  await Deno.writeTextFile(
    new URL("../kube/openapi.json", import.meta.url),
    JSON.stringify(document, null, 1) + "\n",
  );
}
