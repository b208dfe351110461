/** Validation of a pod's containers. */
import { isObject, type JsonObject, objectOf, objectsOf, stringOf } from "../json.ts";
import { checkLabel, checkSubdomain } from "../names.ts";
import {
  duplicate,
  type FieldError,
  fieldNotFound,
  forbidden,
  invalid,
  notSupported,
  oneOf,
  required,
} from "../status.ts";
import { checkKey } from "./data.ts";
import { HOOKS, isPort, PORT_RANGE, validateHandler, validateProbe } from "./probe_validation.ts";
import { validateResources } from "./resource_validation.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const ENV_NAME = /^[ -<>-~]+$/;
const ENV_NAME_FORM =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";
const PORT_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Where the containers of a pod stand. */
export interface PodPlace {
  /** Names of containers so far. */
  readonly names: Set<string>;
  readonly volumes: ReadonlySet<string>;
  readonly hostNetwork: boolean;
}

/** Everything wrong with a container that is not one to initialise the pod. */
export function validateContainer(
  container: JsonObject,
  at: string,
  { names, volumes, hostNetwork }: PodPlace,
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
  errors.push(...validatePorts(container.ports, `${at}.ports`, hostNetwork));
  for (const [index, variable] of objectsOf(container.env).entries()) {
    errors.push(...validateVariable(variable, `${at}.env[${index}]`));
  }
  for (const [index, source] of objectsOf(container.envFrom).entries()) {
    errors.push(...validateEnvFrom(source, `${at}.envFrom`, index));
  }
  const paths = new Set<string>();
  for (const [index, mount] of objectsOf(container.volumeMounts).entries()) {
    const field = `${at}.volumeMounts[${index}]`;
    const path = stringOf(mount.mountPath);
    if (stringOf(mount.name) === "") errors.push(required(`${field}.name`));
    if (!volumes.has(stringOf(mount.name))) {
      errors.push(fieldNotFound(`${field}.name`, stringOf(mount.name)));
    }
    if (path === "") errors.push(required(`${field}.mountPath`));
    else if (paths.has(path)) errors.push(invalid(`${field}.mountPath`, path, "must be unique"));
    paths.add(path);
  }
  const lifecycle = objectOf(container.lifecycle);
  for (const hook of ["postStart", "preStop"]) {
    errors.push(...validateHandler(lifecycle[hook], `${at}.lifecycle.${hook}`, HOOKS));
  }
  for (const probe of PROBES) {
    errors.push(...validateProbe(container[probe], `${at}.${probe}`));
    const field = `${at}.readinessProbe.terminationGracePeriodSeconds`;
    const grace = objectOf(container[probe]).terminationGracePeriodSeconds;
    if (probe === "readinessProbe" && grace !== undefined) {
      errors.push(invalid(field, grace, "must not be set for readinessProbes"));
    }
  }
  errors.push(...oneOf(container.imagePullPolicy, PULL_POLICIES, `${at}.imagePullPolicy`));
  errors.push(...oneOf(container.restartPolicy, RESTART_POLICIES, `${at}.restartPolicy`));
  errors.push(...validateResources(objectOf(container.resources), `${at}.resources`));
  if (name !== "" && names.has(name)) errors.push(duplicate(`${at}.name`, name));
  names.add(name);
  return errors;
}

/** What may belong to a container that goes on, and not to one that must end before others begin. */
const LASTING = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];

/** Everything wrong with a container that initialises the pod, or stays beside the others. */
export function validateInitContainer(
  container: JsonObject,
  at: string,
  place: PodPlace,
): FieldError[] {
  const why = "may not be set for init containers without restartPolicy=Always";
  const lasting = container.restartPolicy === "Always"
    ? []
    : LASTING.filter((key) => container[key] !== undefined);
  return [
    ...validateContainer(container, at, place),
    ...lasting.map((key) => forbidden(`${at}.${key}`, why)),
  ];
}

function validatePorts(ports: unknown, at: string, hostNetwork: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const hostPorts = new Set<string>();
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
      } else if (name.includes("--")) {
        errors.push(invalid(`${field}.name`, name, "must not contain consecutive hyphens"));
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
    const { hostPort } = port;
    if (hostPort !== undefined && hostPort !== 0) {
      if (!isPort(hostPort)) errors.push(invalid(`${field}.hostPort`, hostPort, PORT_RANGE));
      else if (hostNetwork && hostPort !== number) {
        const why = "must match `containerPort` when `hostNetwork` is true";
        errors.push(invalid(`${field}.hostPort`, hostPort, why));
      }
      const taken = `${port.protocol}/${stringOf(port.hostIP)}/${hostPort}`;
      if (hostPorts.has(taken)) errors.push(duplicate(`${field}.hostPort`, taken));
      hostPorts.add(taken);
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
  else if (!ENV_NAME.test(name)) errors.push(invalid(`${at}.name`, name, ENV_NAME_FORM));
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
  errors.push(
    ...given.flatMap((key) =>
      validateReference(key, objectOf(source[key]), `${at}.valueFrom.${key}`)
    ),
  );
  if (given.length > 0 && stringOf(variable.value) !== "") {
    errors.push(invalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
  }
  return errors;
}

const POD_FIELDS: ReadonlySet<string> = new Set([
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
]);
const POD_ENTRY = /^metadata\.(labels|annotations)\['.+'\]$/;
const RESOURCE_FIELDS = ["limits", "requests"].flatMap((part) =>
  ["cpu", "ephemeral-storage", "memory"].map((name) => `${part}.${name}`)
);
const HUGE_PAGES = /^(limits|requests)\.hugepages-/;

function validateReference(kind: string, reference: JsonObject, at: string): FieldError[] {
  switch (kind) {
    case "fieldRef": {
      const path = stringOf(reference.fieldPath);
      if (path === "") return [required(`${at}.fieldPath`)];
      if (POD_FIELDS.has(path) || POD_ENTRY.test(path)) return [];
      const why = `error converting fieldPath: field label not supported: ${path}`;
      return [invalid(`${at}.fieldPath`, path, why)];
    }
    case "resourceFieldRef": {
      const resource = stringOf(reference.resource);
      if (resource === "") return [required(`${at}.resource`)];
      if (RESOURCE_FIELDS.includes(resource) || HUGE_PAGES.test(resource)) return [];
      return [notSupported(`${at}.resource`, resource, RESOURCE_FIELDS)];
    }
    case "configMapKeyRef":
    case "secretKeyRef": {
      const errors = checkReferenceName(reference, at);
      const key = stringOf(reference.key);
      if (key === "") return [...errors, required(`${at}.key`)];
      return [...errors, ...checkKey(key, `${at}.key`)];
    }
    default:
      return [];
  }
}
function checkReferenceName(reference: JsonObject, at: string): FieldError[] {
  const name = stringOf(reference.name);
  return checkSubdomain(name).map((fault) => invalid(`${at}.name`, name, fault));
}

const ENV_SOURCES = ["configMapRef", "secretRef"];
function validateEnvFrom(source: JsonObject, at: string, index: number): FieldError[] {
  const errors: FieldError[] = [];
  const prefix = stringOf(source.prefix);
  if (prefix !== "" && !ENV_NAME.test(prefix)) {
    errors.push(invalid(`${at}[${index}].prefix`, prefix, ENV_NAME_FORM));
  }
  const given = ENV_SOURCES.filter((key) => source[key] !== undefined);
  errors.push(
    ...given.flatMap((key) => checkReferenceName(objectOf(source[key]), `${at}[${index}].${key}`)),
  );
  // The real server names no index here.
  if (given.length === 0) {
    errors.push(invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"));
  } else if (given.length > 1) {
    errors.push(invalid(at, "", "may not have more than one field specified at a time"));
  }
  return errors;
}
