/** Validation of pod specs, in pods and in templates. */
import { isObject, type JsonObject, objectOf, objectsOf, stringOf } from "../json.ts";
import { checkLabel, checkSubdomain } from "../names.ts";
import {
  duplicate,
  type FieldError,
  fieldNotFound,
  invalid,
  notSupported,
  required,
} from "../status.ts";
import { isQuantity } from "./quantity.ts";

const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
const DNS_POLICIES = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const PORT_RANGE = "must be between 1 and 65535, inclusive";
const ENV_NAME = /^[ -<>-~]+$/;
const PORT_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535;
}

/** Everything wrong with a pod's spec, in the order of the real server. */
export function validatePodSpec(spec: JsonObject, at: string): FieldError[] {
  const volumes = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, volume] of objectsOf(spec.volumes).entries()) {
    const name = stringOf(volume.name);
    const field = `${at}.volumes[${index}].name`;
    if (name === "") errors.push(required(field));
    else errors.push(...checkLabel(name).map((fault) => invalid(field, name, fault)));
    if (volumes.has(name)) errors.push(duplicate(field, name));
    volumes.add(name);
  }
  const names = new Set<string>();
  const containers = objectsOf(spec.containers);
  if (containers.length === 0) errors.push(required(`${at}.containers`));
  for (const [index, container] of containers.entries()) {
    errors.push(...validateContainer(container, `${at}.containers[${index}]`, names, volumes));
  }
  for (const [index, container] of objectsOf(spec.initContainers).entries()) {
    errors.push(...validateContainer(container, `${at}.initContainers[${index}]`, names, volumes));
  }
  errors.push(...oneOf(spec.restartPolicy, RESTART_POLICIES, `${at}.restartPolicy`));
  errors.push(...oneOf(spec.dnsPolicy, DNS_POLICIES, `${at}.dnsPolicy`));
  const grace = spec.terminationGracePeriodSeconds;
  if (typeof grace === "number" && grace < 0) {
    errors.push(
      invalid(`${at}.terminationGracePeriodSeconds`, grace, "must be greater than or equal to 0"),
    );
  }
  const deadline = spec.activeDeadlineSeconds;
  if (typeof deadline === "number" && deadline < 1) {
    errors.push(
      invalid(
        `${at}.activeDeadlineSeconds`,
        deadline,
        "must be between 1 and 2147483647, inclusive",
      ),
    );
  }
  for (const field of ["nodeName", "serviceAccountName"]) {
    const name = stringOf(spec[field]);
    if (name === "") continue;
    errors.push(...checkSubdomain(name).map((fault) => invalid(`${at}.${field}`, name, fault)));
  }
  for (const field of ["hostname", "subdomain"]) {
    const name = stringOf(spec[field]);
    if (name === "") continue;
    errors.push(...checkLabel(name).map((fault) => invalid(`${at}.${field}`, name, fault)));
  }
  return errors;
}

function oneOf(value: unknown, allowed: readonly string[], field: string): FieldError[] {
  if (value === undefined) return [];
  return allowed.includes(stringOf(value)) ? [] : [notSupported(field, value, allowed)];
}

function validateContainer(
  container: JsonObject,
  at: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringOf(container.name);
  const image = stringOf(container.image);
  if (name === "") errors.push(required(`${at}.name`));
  else errors.push(...checkLabel(name).map((fault) => invalid(`${at}.name`, name, fault)));
  if (image === "") errors.push(required(`${at}.image`));
  else if (image.trim() !== image) {
    errors.push(invalid(`${at}.image`, image, "must not have leading or trailing whitespace"));
  }
  errors.push(...validatePorts(container.ports, `${at}.ports`));
  for (const [index, variable] of objectsOf(container.env).entries()) {
    errors.push(...validateVariable(variable, `${at}.env[${index}]`));
  }
  const paths = new Set<string>();
  for (const [index, mount] of objectsOf(container.volumeMounts).entries()) {
    const field = `${at}.volumeMounts[${index}]`;
    const path = stringOf(mount.mountPath);
    if (stringOf(mount.name) === "") errors.push(required(`${field}.name`));
    else if (!volumes.has(stringOf(mount.name))) {
      errors.push(fieldNotFound(`${field}.name`, mount.name));
    }
    if (path === "") errors.push(required(`${field}.mountPath`));
    else if (paths.has(path)) errors.push(invalid(`${field}.mountPath`, path, "must be unique"));
    paths.add(path);
  }
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    errors.push(...validateProbe(container[probe], `${at}.${probe}`));
  }
  errors.push(...oneOf(container.imagePullPolicy, PULL_POLICIES, `${at}.imagePullPolicy`));
  errors.push(...validateResources(objectOf(container.resources), `${at}.resources`));
  if (name !== "" && names.has(name)) errors.push(duplicate(`${at}.name`, name));
  names.add(name);
  return errors;
}

function validatePorts(ports: unknown, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of objectsOf(ports).entries()) {
    const field = `${at}[${index}]`;
    const name = stringOf(port.name);
    if (name !== "") {
      if (name.length > 15) {
        errors.push(invalid(`${field}.name`, name, "must be no more than 15 characters"));
      } else if (!PORT_NAME.test(name)) {
        errors.push(
          invalid(
            `${field}.name`,
            name,
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
          ),
        );
      } else if (!/[a-z]/.test(name)) {
        errors.push(
          invalid(`${field}.name`, name, "must contain at least one letter (a-z)"),
        );
      }
      if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
    }
    const number = port.containerPort;
    if (number === undefined || number === 0) errors.push(required(`${field}.containerPort`));
    else if (!isPort(number)) errors.push(invalid(`${field}.containerPort`, number, PORT_RANGE));
    if (port.hostPort !== undefined && port.hostPort !== 0 && !isPort(port.hostPort)) {
      errors.push(invalid(`${field}.hostPort`, port.hostPort, PORT_RANGE));
    }
    errors.push(...oneOf(port.protocol, PROTOCOLS, `${field}.protocol`));
  }
  return errors;
}

const SOURCES = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
function validateVariable(variable: JsonObject, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringOf(variable.name);
  if (name === "") errors.push(required(`${at}.name`));
  else if (!ENV_NAME.test(name)) {
    errors.push(
      invalid(
        `${at}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ),
    );
  }
  const source = variable.valueFrom;
  if (!isObject(source)) return errors;
  const given = SOURCES.filter((key) => source[key] !== undefined);
  if (given.length === 0) {
    errors.push(
      invalid(
        `${at}.valueFrom`,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  } else if (given.length > 1) {
    errors.push(
      invalid(`${at}.valueFrom`, "", "may not have more than one field specified at a time"),
    );
  }
  if (given.length > 0 && stringOf(variable.value) !== "") {
    errors.push(invalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
  }
  return errors;
}

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"];
function validateProbe(probe: unknown, at: string): FieldError[] {
  if (!isObject(probe)) return [];
  const given = HANDLERS.filter((key) => probe[key] !== undefined);
  if (given.length === 0) return [required(at, "must specify a handler type")];
  return given.slice(1).map((key) => ({
    reason: "FieldValueForbidden",
    field: `${at}.${key}`,
    message: "Forbidden: may not specify more than 1 handler type",
  }));
}

const QUANTITY_FORM =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
function validateResources(resources: JsonObject, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const part of ["limits", "requests"]) {
    for (const [name, quantity] of Object.entries(objectOf(resources[part]))) {
      if (!isQuantity(quantity)) {
        errors.push(invalid(`${at}.${part}[${name}]`, quantity, QUANTITY_FORM));
      }
    }
  }
  return errors;
}
