/** Services: defaults, cluster addresses, validation. */
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
import { checkLabel, validateLabels } from "../names.ts";
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidObject,
  notSupported,
  required,
  type StatusError,
} from "../status.ts";
import { isPort, PORT_RANGE, validatePortReference } from "./probe_validation.ts";
import type { CreateContext, KindRules } from "./rules.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const AFFINITIES = ["ClientIP", "None"];

const AFFINITY_SECONDS = 3 * 3600;

function hasNodePorts(spec: JsonObject): boolean {
  return spec.type === "NodePort" || spec.type === "LoadBalancer";
}

function setDefaults(service: ApiObject): void {
  const spec = childOf(service, "spec");
  fill(spec, "sessionAffinity", "None");
  fill(spec, "type", "ClusterIP");
  if (isEqual(spec.ports, [])) delete spec.ports;
  for (const port of objectsOf(spec.ports)) {
    fill(port, "protocol", "TCP");
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") {
      port.targetPort = port.port ?? 0;
    }
  }
  if (spec.type !== "ExternalName") fill(spec, "internalTrafficPolicy", "Cluster");
  if (hasNodePorts(spec)) fill(spec, "externalTrafficPolicy", "Cluster");
  if (spec.type === "LoadBalancer") fill(spec, "allocateLoadBalancerNodePorts", true);
  if (spec.sessionAffinity === "ClientIP") {
    const { clientIP } = objectOf(spec.sessionAffinityConfig);
    const { timeoutSeconds = AFFINITY_SECONDS } = objectOf(clientIP);
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds } };
  }
  childOf(childOf(service, "status"), "loadBalancer");
}

function prepareCreate(service: ApiObject, context: CreateContext): void {
  const spec = childOf(service, "spec");
  service.status = { loadBalancer: {} };
  if (spec.type === "ExternalName") return;
  setAddress(service, spec, context);
  if (!hasNodePorts(spec)) return;
  for (const [index, port] of objectsOf(spec.ports).entries()) {
    const wanted = Number(port.nodePort ?? 0);
    port.nodePort = context.allocateNodePort(wanted);
    if (port.nodePort !== undefined) continue;
    const why = "provided port is already allocated";
    throw refused(service, [invalid(`spec.ports[${index}].nodePort`, wanted, why)]);
  }
}

function refused({ metadata }: ApiObject, errors: readonly FieldError[]): StatusError {
  return invalidObject({ group: "", kind: "Service" }, metadata.name ?? "", errors);
}

const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;
function setAddress(service: ApiObject, spec: JsonObject, context: CreateContext): void {
  const wanted = stringOf(spec.clusterIP);
  const isHeadless = wanted === "None";
  if (!isHeadless && (wanted === "" || ADDRESS.test(wanted))) {
    const address = context.allocateAddress(wanted);
    if (address === undefined) {
      const why = `failed to allocate IP ${wanted}: provided IP is already allocated`;
      throw refused(service, [invalid("spec.clusterIPs", [wanted], why)]);
    }
    spec.clusterIP = address;
  }
  spec.clusterIPs = [spec.clusterIP];
  // Whoever fills a service without a selector may use either family.
  const any = isHeadless && Object.keys(objectOf(spec.selector)).length === 0;
  fill(spec, "ipFamilies", any ? ["IPv4", "IPv6"] : ["IPv4"]);
  fill(spec, "ipFamilyPolicy", any ? "RequireDualStack" : "SingleStack");
}

/** An update that leaves the address out keeps it. */
function prepareUpdate(service: ApiObject, previous: ApiObject): void {
  const spec = childOf(service, "spec");
  const before = objectOf(previous.spec);
  if (spec.type === "ExternalName") {
    for (const key of [...ADDRESS_FIELDS, "internalTrafficPolicy"]) delete spec[key];
    return;
  }
  for (const key of ADDRESS_FIELDS) {
    if (before[key] !== undefined && (spec[key] === undefined || spec[key] === "")) {
      spec[key] = before[key];
    }
  }
  if (!hasNodePorts(spec)) return;
  const known = new Map(objectsOf(before.ports).map(({ port, nodePort }) => [port, nodePort]));
  for (const port of objectsOf(spec.ports)) {
    const nodePort = known.get(port.port);
    if (nodePort !== undefined) fill(port, "nodePort", nodePort);
  }
}
const ADDRESS_FIELDS = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];

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
    errors.push(...validatePortReference(port.targetPort, `${at}.targetPort`));
  }
  for (const [index, port] of ports.entries()) {
    const pair = `${port.protocol}/${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(`spec.ports[${index}]`, duplicateOf(port)));
    pairs.add(pair);
  }
  errors.push(...validateAddress(spec));
  if (isObject(spec.selector)) {
    const labels = Object.entries(spec.selector).map(([key, value]) => [key, stringOf(value)]);
    errors.push(...validateLabels(Object.fromEntries(labels), "spec.selector"));
  }
  if (!TYPES.includes(stringOf(spec.type))) {
    errors.push(notSupported("spec.type", spec.type, TYPES));
  }
  const ingress = objectOf(objectOf(service.status).loadBalancer).ingress;
  if (spec.type !== "LoadBalancer" && ingress !== undefined) {
    const why = "may only be used when `spec.type` is 'LoadBalancer'";
    errors.push(forbidden("status.loadBalancer.ingress", why));
  }
  if (!AFFINITIES.includes(stringOf(spec.sessionAffinity))) {
    errors.push(notSupported("spec.sessionAffinity", spec.sessionAffinity, AFFINITIES));
  }
  return errors;
}

function validateAddress({ clusterIP, type }: JsonObject): FieldError[] {
  const address = stringOf(clusterIP);
  const at = "spec.clusterIPs[0]";
  if (address === "None") {
    if (type !== "NodePort" && type !== "LoadBalancer") return [];
    return [invalid(at, address, `may not be set to 'None' for ${type} services`)];
  }
  if (address === "" || ADDRESS.test(address)) return [];
  return [invalid(at, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")];
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

function warn({ spec }: ApiObject): string[] {
  const { clusterIP, sessionAffinity } = objectOf(spec);
  if (clusterIP !== "None" || sessionAffinity !== "ClientIP") return [];
  return ["spec.SessionAffinity is ignored for headless services"];
}

export const SERVICE_RULES: KindRules = {
  checkName: checkLabel,
  setDefaults,
  prepareCreate,
  prepareUpdate,
  validate,
  warn,
  validateUpdate,
};
