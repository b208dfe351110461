/** Validation of pod specs, in pods and in templates. */
import { isObject, type JsonObject, listOf, objectsOf, stringOf } from "../json.ts";
import { checkLabel, checkSubdomain, validateLabels } from "../names.ts";
import { type FieldError, forbidden, invalid, notSupported, oneOf, required } from "../status.ts";
import { type PodPlace, validateContainer, validateInitContainer } from "./container_validation.ts";
import { validateVolumes } from "./volume_validation.ts";

const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
const DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const OPERATORS = ["Equal", "Exists"];
const NAMES = ["nodeName", "serviceAccountName"];
const HOST_NAMES = ["hostname", "subdomain"];

/** Everything wrong with a pod's spec, in the order of the real server. */
export function validatePodSpec(spec: JsonObject, at: string): FieldError[] {
  const names = new Set<string>();
  const volumes = new Set<string>();
  const errors = validateVolumes(spec.volumes, `${at}.volumes`, volumes);
  const containers = objectsOf(spec.containers);
  if (containers.length === 0) errors.push(required(`${at}.containers`));
  const place: PodPlace = { names, volumes, hostNetwork: spec.hostNetwork === true };
  for (const [index, container] of containers.entries()) {
    errors.push(...validateContainer(container, `${at}.containers[${index}]`, place));
  }
  for (const [index, container] of objectsOf(spec.initContainers).entries()) {
    errors.push(...validateInitContainer(container, `${at}.initContainers[${index}]`, place));
  }
  if (listOf(spec.ephemeralContainers).length > 0) {
    errors.push(forbidden(`${at}.ephemeralContainers`, "cannot be set on create"));
  }
  errors.push(...oneOf(spec.restartPolicy, RESTART_POLICIES, `${at}.restartPolicy`));
  errors.push(...oneOf(spec.dnsPolicy, DNS_POLICIES, `${at}.dnsPolicy`));
  if (spec.dnsPolicy === "None" && spec.dnsConfig === undefined) {
    errors.push(
      required(`${at}.dnsConfig`, "must provide `dnsConfig` when `dnsPolicy` is None"),
    );
  }
  const deadline = spec.activeDeadlineSeconds;
  if (typeof deadline === "number" && deadline < 1) {
    const why = "must be between 1 and 2147483647, inclusive";
    errors.push(invalid(`${at}.activeDeadlineSeconds`, deadline, why));
  }
  for (const field of [...NAMES, ...HOST_NAMES]) {
    const name = stringOf(spec[field]);
    if (name === "") continue;
    const check = NAMES.includes(field) ? checkSubdomain : checkLabel;
    errors.push(...check(name).map((fault) => invalid(`${at}.${field}`, name, fault)));
  }
  if (isObject(spec.nodeSelector)) {
    const wanted = Object.entries(spec.nodeSelector).map(([key, value]) => [key, stringOf(value)]);
    errors.push(...validateLabels(Object.fromEntries(wanted), `${at}.nodeSelector`));
  }
  for (const [index, toleration] of objectsOf(spec.tolerations).entries()) {
    errors.push(...validateToleration(toleration, `${at}.tolerations[${index}].operator`));
  }
  return errors;
}

function validateToleration(toleration: JsonObject, at: string): FieldError[] {
  const operator = stringOf(toleration.operator) || "Equal";
  const value = stringOf(toleration.value);
  if (!OPERATORS.includes(operator)) return [notSupported(at, operator, OPERATORS)];
  if (stringOf(toleration.key) === "" && operator !== "Exists") {
    const why =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    return [invalid(at, operator, why)];
  }
  if (operator !== "Exists" || value === "") return [];
  return [invalid(at, value, "value must be empty when `operator` is 'Exists'")];
}
