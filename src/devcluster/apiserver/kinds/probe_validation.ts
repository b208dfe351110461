/** Validation of probes and of what is done at a container's beginning and end. */
import { isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import { type FieldError, forbidden, invalid, required } from "../status.ts";

/** What may be done to look after a container. */
const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"];
/** What may be done when it begins and before it ends. */
export const HOOKS: readonly string[] = ["exec", "httpGet", "tcpSocket", "sleep"];

export const PORT_RANGE = "must be between 1 and 65535, inclusive";
export function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535;
}
const PORT_NAME = /^[a-z0-9-]+$/;

/** A port by number or by name. */
export function validatePortReference(port: unknown, at: string): FieldError[] {
  if (typeof port === "string") {
    if (port.length > 15) return [invalid(at, port, "must be no more than 15 characters")];
    if (PORT_NAME.test(port)) return [];
    const why = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
    return [invalid(at, port, why)];
  }
  return isPort(port) ? [] : [invalid(at, port ?? 0, PORT_RANGE)];
}

const COUNTS = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
];

export function validateProbe(probe: unknown, at: string): FieldError[] {
  if (!isObject(probe)) return [];
  const errors = validateHandler(probe, at, HANDLERS);
  for (const field of COUNTS) {
    const count = probe[field];
    if (typeof count !== "number" || count >= 0) continue;
    errors.push(invalid(`${at}.${field}`, count, "must be greater than or equal to 0"));
  }
  const { successThreshold, terminationGracePeriodSeconds } = probe;
  if (!at.endsWith("readinessProbe") && successThreshold !== 1) {
    errors.push(invalid(`${at}.successThreshold`, successThreshold, "must be 1"));
  }
  if (typeof terminationGracePeriodSeconds === "number" && terminationGracePeriodSeconds <= 0) {
    const field = `${at}.terminationGracePeriodSeconds`;
    errors.push(invalid(field, terminationGracePeriodSeconds, "must be greater than 0"));
  }
  return errors;
}

/** Exactly one of the `kinds`, and that in order. */
export function validateHandler(
  handler: unknown,
  at: string,
  kinds: readonly string[],
): FieldError[] {
  if (!isObject(handler)) return [];
  const given = kinds.filter((kind) => handler[kind] !== undefined);
  const [first] = given;
  if (first === undefined) return [required(at, "must specify a handler type")];
  const more = given.slice(1)
    .map((kind) => forbidden(`${at}.${kind}`, "may not specify more than 1 handler type"));
  return [...validateAction(first, objectOf(handler[first]), `${at}.${first}`), ...more];
}

function validateAction(kind: string, action: JsonObject, at: string): FieldError[] {
  switch (kind) {
    case "exec":
      return listOf(action.command).length === 0 ? [required(`${at}.command`)] : [];
    case "httpGet":
      return [
        ...stringOf(action.path) === "" ? [required(`${at}.path`)] : [],
        ...validatePortReference(action.port, `${at}.port`),
      ];
    case "tcpSocket":
    case "grpc":
      return validatePortReference(action.port, `${at}.port`);
    default:
      return [];
  }
}
