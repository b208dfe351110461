/** Services: defaults, cluster addresses, validation. */
import {
  type ApiObject,
  childOf,
  fill,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkLabel } from "../names.ts";
import { duplicate, type FieldError, invalid, notSupported, required } from "../status.ts";
import { isPort } from "./pod_validation.ts";
import type { CreateContext, KindRules } from "./rules.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const AFFINITIES = ["ClientIP", "None"];
const PORT_RANGE = "must be between 1 and 65535, inclusive";

function setDefaults(service: ApiObject): void {
  const spec = childOf(service, "spec");
  fill(spec, "sessionAffinity", "None");
  fill(spec, "type", "ClusterIP");
  for (const port of objectsOf(spec.ports)) {
    fill(port, "protocol", "TCP");
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") {
      port.targetPort = port.port ?? 0;
    }
  }
  if (spec.type !== "ExternalName") fill(spec, "internalTrafficPolicy", "Cluster");
  if (spec.type === "NodePort" || spec.type === "LoadBalancer") {
    fill(spec, "externalTrafficPolicy", "Cluster");
  }
  childOf(childOf(service, "status"), "loadBalancer");
}

function prepareCreate(service: ApiObject, context: CreateContext): void {
  const spec = childOf(service, "spec");
  service.status = { loadBalancer: {} };
  if (spec.type === "ExternalName") return;
  setAddress(spec, stringOf(spec.clusterIP), context);
}

function setAddress(spec: JsonObject, wanted: string, context: CreateContext): void {
  const address = wanted === "None" ? wanted : context.allocateAddress(wanted);
  if (address !== undefined) {
    spec.clusterIP = address;
    spec.clusterIPs = [address];
  }
  fill(spec, "ipFamilies", ["IPv4"]);
  fill(spec, "ipFamilyPolicy", "SingleStack");
}

/** An update that leaves the address out keeps it. */
function prepareUpdate(service: ApiObject, previous: ApiObject): void {
  const spec = childOf(service, "spec");
  const before = objectOf(previous.spec);
  if (spec.type === "ExternalName") return;
  for (const key of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]) {
    if (before[key] !== undefined && (spec[key] === undefined || spec[key] === "")) {
      spec[key] = before[key];
    }
  }
}

function validate(service: ApiObject): FieldError[] {
  const spec = objectOf(service.spec);
  const ports = objectsOf(spec.ports);
  const errors: FieldError[] = [];
  if (ports.length === 0 && spec.clusterIP !== "None" && spec.type !== "ExternalName") {
    errors.push(required("spec.ports"));
  }
  const names = new Set<string>();
  const pairs = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const name = stringOf(port.name);
    if (name === "") {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      errors.push(...checkLabel(name).map((fault) => invalid(`${at}.name`, name, fault)));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (!isPort(port.port)) errors.push(invalid(`${at}.port`, port.port ?? 0, PORT_RANGE));
    if (!PROTOCOLS.includes(stringOf(port.protocol))) {
      errors.push(notSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
    }
    if (typeof port.targetPort === "number" && !isPort(port.targetPort)) {
      errors.push(invalid(`${at}.targetPort`, port.targetPort, PORT_RANGE));
    }
  }
  for (const [index, port] of ports.entries()) {
    const pair = `${port.protocol}/${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(`spec.ports[${index}]`, duplicateOf(port)));
    pairs.add(pair);
  }
  if (!TYPES.includes(stringOf(spec.type))) {
    errors.push(notSupported("spec.type", spec.type, TYPES));
  }
  if (!AFFINITIES.includes(stringOf(spec.sessionAffinity))) {
    errors.push(notSupported("spec.sessionAffinity", spec.sessionAffinity, AFFINITIES));
  }
  return errors;
}

/** The form in which the real server names a port that is there twice. */
function duplicateOf(port: JsonObject): JsonObject {
  return {
    Name: "",
    Protocol: port.protocol,
    AppProtocol: null,
    Port: port.port,
    TargetPort: 0,
    NodePort: 0,
  };
}

function validateUpdate(service: ApiObject, previous: ApiObject): FieldError[] {
  const spec = objectOf(service.spec);
  const before = objectOf(previous.spec);
  if (spec.type === "ExternalName" || before.type === "ExternalName") return [];
  if (spec.clusterIP === before.clusterIP) return [];
  const value = [spec.clusterIP];
  return [invalid("spec.clusterIPs[0]", value, "may not change once set")];
}

export const SERVICE_RULES: KindRules = {
  checkName: checkLabel,
  setDefaults,
  prepareCreate,
  prepareUpdate,
  validate,
  validateUpdate,
};
