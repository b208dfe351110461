/** Kinds that need a few lines each. */
import {
  type ApiObject,
  childOf,
  fill,
  isEqual,
  isObject,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkLabel, checkPathSegment } from "../names.ts";
import { type FieldError, forbidden, invalid, required } from "../status.ts";
import type { KindRules } from "./rules.ts";

const NAME_LABEL = "kubernetes.io/metadata.name";

export const NAMESPACE_RULES: KindRules = {
  checkName: checkLabel,
  setDefaults(namespace: ApiObject) {
    const { metadata } = namespace;
    if (metadata.name === undefined) return;
    metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
  },
  prepareCreate(namespace: ApiObject) {
    const spec = childOf(namespace, "spec");
    if (!Array.isArray(spec.finalizers)) spec.finalizers = ["kubernetes"];
    namespace.status = { phase: "Active" };
  },
  prepareUpdate(namespace: ApiObject, previous: ApiObject) {
    namespace.spec = previous.spec;
  },
};

const EMPTY_NODE_INFO: Readonly<JsonObject> = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "",
  osImage: "",
  containerRuntimeVersion: "",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: "",
  architecture: "",
};

export const NODE_RULES: KindRules = {
  setDefaults(node: ApiObject) {
    childOf(node, "spec");
    const status = childOf(node, "status");
    const endpoint = childOf(childOf(status, "daemonEndpoints"), "kubeletEndpoint");
    fill(endpoint, "Port", 0);
    const info = childOf(status, "nodeInfo");
    for (const [key, value] of Object.entries(EMPTY_NODE_INFO)) fill(info, key, value);
  },
};

export const EVENT_RULES: KindRules = {
  setDefaults(event: ApiObject) {
    fill(event, "source", {});
    fill(event, "reportingComponent", "");
    fill(event, "reportingInstance", "");
    for (const key of ["firstTimestamp", "lastTimestamp", "eventTime"]) fill(event, key, null);
  },
  validate(event: ApiObject): FieldError[] {
    const { namespace } = event.metadata;
    const about = stringOf(objectOf(event.involvedObject).namespace);
    const expected = about === "" ? "default" : about;
    if (namespace === expected) return [];
    return [invalid("involvedObject.namespace", about, "does not match event.namespace")];
  },
};

export const SECRET_RULES: KindRules = {
  setDefaults(secret: ApiObject) {
    fill(secret, "type", "Opaque");
    const { stringData } = secret;
    if (!isObject(stringData)) return;
    const data = childOf(secret, "data");
    for (const [key, text] of Object.entries(stringData)) data[key] = encodeText(stringOf(text));
    delete secret.stringData;
  },
  validate(secret: ApiObject): FieldError[] {
    return Object.keys(objectOf(secret.data)).flatMap((key) => checkKey(key, "data"));
  },
  validateUpdate(secret: ApiObject, previous: ApiObject): FieldError[] {
    if (secret.type !== previous.type) return [invalid("type", secret.type, "field is immutable")];
    return keepsContent(secret, previous, ["data"]);
  },
};

export const CONFIG_MAP_RULES: KindRules = {
  validate(map: ApiObject): FieldError[] {
    const data = Object.keys(objectOf(map.data));
    const binary = Object.keys(objectOf(map.binaryData));
    return [
      ...data.flatMap((key) => checkKey(key, "data")),
      ...binary.flatMap((key) => checkKey(key, "binaryData")),
    ];
  },
  validateUpdate: (map, previous) => keepsContent(map, previous, ["data", "binaryData"]),
};

/** An object once marked immutable stays as it is. */
function keepsContent(next: ApiObject, previous: ApiObject, fields: string[]): FieldError[] {
  if (previous.immutable !== true) return [];
  const errors = fields.filter((field) => !isEqual(next[field], previous[field]))
    .map((field) => forbidden(field, "field is immutable when `immutable` is set"));
  if (next.immutable !== true) {
    errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
  }
  return errors;
}

function checkKey(key: string, field: string): FieldError[] {
  if (/^[-._a-zA-Z0-9]+$/.test(key) && key !== "." && !key.startsWith("..")) return [];
  return [
    invalid(
      `${field}[${key}]`,
      key,
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ),
  ];
}

function encodeText(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export const PVC_RULES: KindRules = {
  setDefaults: (claim) => fill(childOf(claim, "spec"), "volumeMode", "Filesystem"),
  prepareCreate(claim: ApiObject) {
    claim.status = { phase: "Pending" };
  },
  validate(claim: ApiObject): FieldError[] {
    const spec = objectOf(claim.spec);
    const errors: FieldError[] = [];
    if (!Array.isArray(spec.accessModes)) {
      errors.push(required("spec.accessModes", "at least 1 access mode is required"));
    }
    if (objectOf(objectOf(spec.resources).requests).storage === undefined) {
      errors.push(required("spec.resources[storage]"));
    }
    return errors;
  },
};

export const LEASE_RULES: KindRules = {
  validate(lease: ApiObject): FieldError[] {
    const errors: FieldError[] = [];
    for (const [field, least] of [["leaseDurationSeconds", 1], ["leaseTransitions", 0]] as const) {
      const value = objectOf(lease.spec)[field];
      if (typeof value !== "number" || value >= least) continue;
      const bound = least === 0 ? "greater than or equal to 0" : "greater than 0";
      errors.push(invalid(`spec.${field}`, value, `must be ${bound}`));
    }
    return errors;
  },
};

export const NETWORK_POLICY_RULES: KindRules = {
  setDefaults(policy: ApiObject) {
    const spec = childOf(policy, "spec");
    for (const rule of [...objectsOf(spec.ingress), ...objectsOf(spec.egress)]) {
      for (const port of objectsOf(rule.ports)) fill(port, "protocol", "TCP");
    }
    fill(spec, "policyTypes", Array.isArray(spec.egress) ? ["Ingress", "Egress"] : ["Ingress"]);
  },
};

export const PRIORITY_CLASS_RULES: KindRules = {
  setDefaults: (priority) => fill(priority, "preemptionPolicy", "PreemptLowerPriority"),
};

export const BUDGET_RULES: KindRules = {
  prepareCreate(budget: ApiObject) {
    budget.status = {
      disruptionsAllowed: 0,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
    };
  },
};

const RBAC_GROUP = "rbac.authorization.k8s.io";
export const ROLE_BINDING_RULES: KindRules = {
  checkName: checkPathSegment,
  setDefaults(binding: ApiObject) {
    if (isObject(binding.roleRef)) fill(binding.roleRef, "apiGroup", RBAC_GROUP);
    for (const subject of objectsOf(binding.subjects)) {
      if (subject.kind !== "ServiceAccount") fill(subject, "apiGroup", RBAC_GROUP);
    }
  },
  validateUpdate(binding: ApiObject, previous: ApiObject): FieldError[] {
    const { roleRef } = binding;
    if (isEqual(roleRef, previous.roleRef)) return [];
    return [invalid("roleRef", roleRef, "cannot change roleRef")];
  },
};

export const WEBHOOK_RULES: KindRules = {
  setDefaults(configuration: ApiObject) {
    const mutating = configuration.kind === "MutatingWebhookConfiguration";
    for (const webhook of objectsOf(configuration.webhooks)) {
      fill(webhook, "failurePolicy", "Fail");
      fill(webhook, "matchPolicy", "Equivalent");
      fill(webhook, "namespaceSelector", {});
      fill(webhook, "objectSelector", {});
      fill(webhook, "timeoutSeconds", 10);
      if (mutating) fill(webhook, "reinvocationPolicy", "Never");
      for (const rule of objectsOf(webhook.rules)) fill(rule, "scope", "*");
      const service = objectOf(webhook.clientConfig).service;
      if (isObject(service)) fill(service, "port", 443);
    }
  },
};
