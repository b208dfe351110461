/** What the server does with each built-in kind beyond storing it. */
import type { ApiObject } from "../json.ts";
import { checkSubdomain } from "../names.ts";
import type { FieldError } from "../status.ts";
import { storageKey } from "../resources.ts";
import { DEFINITION_RULES } from "../crd/definition.ts";
import { DEPLOYMENT_RULES } from "./deployment.ts";
import { CONFIG_MAP_RULES, SECRET_RULES } from "./data.ts";
import {
  BUDGET_RULES,
  NETWORK_POLICY_RULES,
  PRIORITY_CLASS_RULES,
  WEBHOOK_RULES,
} from "./policies.ts";
import { ROLE_BINDING_RULES, ROLE_RULES } from "./rbac.ts";
import {
  ENDPOINTS_RULES,
  EVENT_RULES,
  LEASE_RULES,
  NAMESPACE_RULES,
  NODE_RULES,
  PVC_RULES,
  QUOTA_RULES,
} from "./simple.ts";
import { POD_RULES } from "./pod.ts";
import { SERVICE_RULES } from "./service.ts";

/** What a kind may ask of the server while an object is made. */
export interface CreateContext {
  /** A free cluster address; `wanted` is taken when it is free. */
  allocateAddress(wanted: string): string | undefined;
  /** A free port on every node; `wanted` is taken when it is free, 0 is any. */
  allocateNodePort(wanted: number): number | undefined;
  /** Whether the object's namespace has a service account of that name. */
  hasServiceAccount(name: string): boolean;
  /** The priority class of that name, or for "" the one that is the default of all pods. */
  priorityClass(name: string): ApiObject | undefined;
}

/** The rules of one kind. All of them may write to `object` and none to `previous`. */
export interface KindRules {
  /** Why the name cannot be; [] when it can. */
  readonly checkName?: (name: string) => string[];
  /** Fills what the client left out. */
  readonly setDefaults?: (object: ApiObject) => void;
  /** What only happens at creation, before validation. @throws {StatusError} 403 or 422 */
  readonly prepareCreate?: (object: ApiObject, context: CreateContext) => void;
  /** What an update cannot change goes back to what it was. */
  readonly prepareUpdate?: (object: ApiObject, previous: ApiObject) => void;
  readonly validate?: (object: ApiObject) => FieldError[];
  /** What is allowed, and seldom meant. */
  readonly warn?: (object: ApiObject) => string[];
  readonly validateUpdate?: (object: ApiObject, previous: ApiObject) => FieldError[];
}

const RULES: Readonly<Record<string, KindRules>> = {
  "/pods": POD_RULES,
  "/services": SERVICE_RULES,
  "/namespaces": NAMESPACE_RULES,
  "/nodes": NODE_RULES,
  "/endpoints": ENDPOINTS_RULES,
  "/events": EVENT_RULES,
  "/secrets": SECRET_RULES,
  "/configmaps": CONFIG_MAP_RULES,
  "/persistentvolumeclaims": PVC_RULES,
  "/resourcequotas": QUOTA_RULES,
  "apiextensions.k8s.io/customresourcedefinitions": DEFINITION_RULES,
  "apps/deployments": DEPLOYMENT_RULES,
  "coordination.k8s.io/leases": LEASE_RULES,
  "networking.k8s.io/networkpolicies": NETWORK_POLICY_RULES,
  "policy/poddisruptionbudgets": BUDGET_RULES,
  "scheduling.k8s.io/priorityclasses": PRIORITY_CLASS_RULES,
  "rbac.authorization.k8s.io/roles": ROLE_RULES,
  "rbac.authorization.k8s.io/clusterroles": ROLE_RULES,
  "rbac.authorization.k8s.io/rolebindings": ROLE_BINDING_RULES,
  "rbac.authorization.k8s.io/clusterrolebindings": ROLE_BINDING_RULES,
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": WEBHOOK_RULES,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": WEBHOOK_RULES,
};
const NO_RULES: KindRules = {};

/** The rules of a resource; empty ones where nothing special applies. */
export function rulesOf(resource: { readonly group: string; readonly plural: string }): KindRules {
  return RULES[storageKey(resource)] ?? NO_RULES;
}

/** The check of names that applies to a kind. */
export function nameCheckOf(rules: KindRules): (name: string) => string[] {
  return rules.checkName ?? checkSubdomain;
}
