/** Kinds that need a few lines each. */
import {
  type ApiObject,
  childOf,
  fill,
  isObject,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkLabel } from "../names.ts";
import { type FieldError, forbidden, invalid, required } from "../status.ts";
import type { KindRules } from "./rules.ts";

const NAME_LABEL = "kubernetes.io/metadata.name";

export const NAMESPACE_RULES: KindRules = {
  checkName: checkLabel,
  setDefaults(namespace: ApiObject) {
    for (const condition of objectsOf(objectOf(namespace.status).conditions)) {
      fill(condition, "lastTransitionTime", null);
    }
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
    if (isObject(status.capacity)) fill(status, "allocatable", { ...status.capacity });
    const endpoint = childOf(childOf(status, "daemonEndpoints"), "kubeletEndpoint");
    fill(endpoint, "Port", 0);
    const info = childOf(status, "nodeInfo");
    for (const [key, value] of Object.entries(EMPTY_NODE_INFO)) fill(info, key, value);
  },
  validateUpdate(node: ApiObject, previous: ApiObject): FieldError[] {
    const { podCIDR: before } = objectOf(previous.spec);
    if (stringOf(before) === "" || objectOf(node.spec).podCIDR === before) return [];
    const why = 'node updates may not change podCIDR except from "" to valid';
    return [forbidden("spec.podCIDRs", why)];
  },
};

export const EVENT_RULES: KindRules = {
  checkName: () => [],
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

export const ENDPOINTS_RULES: KindRules = {
  warn: () => ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"],
  setDefaults(endpoints: ApiObject) {
    for (const subset of objectsOf(endpoints.subsets)) {
      for (const port of objectsOf(subset.ports)) fill(port, "protocol", "TCP");
    }
  },
};

export const QUOTA_RULES: KindRules = {
  prepareCreate(quota: ApiObject) {
    quota.status = {};
  },
};

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
