/** Pods: defaults, what creation adds, and what an update may change. */
import {
  type ApiObject,
  childOf,
  copyOf,
  fill,
  isEqual,
  type JsonObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkLabel } from "../names.ts";
import { type FieldError, forbidden, forbiddenRequest, invalid } from "../status.ts";
import { setPodSpecDefaults } from "./pod_template.ts";
import { validatePodSpec } from "./pod_validation.ts";
import type { CreateContext, KindRules } from "./rules.ts";

const NODE_TROUBLES = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const TOLERATION_SECONDS = 300;

function setDefaults(pod: ApiObject): void {
  const spec = childOf(pod, "spec");
  setPodSpecDefaults(spec);
  fill(spec, "enableServiceLinks", true);
  setStatusDefaults(childOf(pod, "status"), spec);
}

const CONTAINER_STATUS: Readonly<JsonObject> = { imageID: "", ready: false, restartCount: 0 };

/** What the real server shows of a status that leaves it out. */
function setStatusDefaults(status: JsonObject, spec: JsonObject): void {
  fill(status, "qosClass", qosClassOf(spec));
  for (const condition of objectsOf(status.conditions)) {
    for (const key of ["lastProbeTime", "lastTransitionTime"]) fill(condition, key, null);
  }
  for (const list of ["initContainerStatuses", "containerStatuses"]) {
    for (const container of objectsOf(status[list])) {
      for (const [key, value] of Object.entries(CONTAINER_STATUS)) fill(container, key, value);
      for (const key of ["state", "lastState"]) fill(container, key, {});
    }
  }
}

/** What admission adds on the real server too, but for the token volume: there is nothing to call. */
function prepareCreate(pod: ApiObject, context: CreateContext): void {
  const spec = childOf(pod, "spec");
  fill(spec, "serviceAccountName", "default");
  spec.serviceAccount = spec.serviceAccountName;
  checkServiceAccount(pod, stringOf(spec.serviceAccountName), context);
  setPriority(pod, spec, context);
  addTolerations(spec);
  pod.status = { phase: "Pending", qosClass: qosClassOf(spec) };
}

/** Pods bear a node's short troubles, whatever else they say. */
function addTolerations(spec: JsonObject): void {
  const tolerations = [...objectsOf(spec.tolerations)];
  for (const key of NODE_TROUBLES) {
    const covered = tolerations.some((toleration) =>
      (toleration.key === key || toleration.key === undefined) &&
      (toleration.effect === "NoExecute" || toleration.effect === undefined)
    );
    if (covered) continue;
    tolerations.push({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds: TOLERATION_SECONDS,
    });
  }
  spec.tolerations = tolerations;
}

function checkServiceAccount(
  { metadata }: ApiObject,
  account: string,
  context: CreateContext,
): void {
  if (context.hasServiceAccount(account)) return;
  const found = `serviceaccount ${JSON.stringify(account)} not found`;
  const why = `error looking up service account ${metadata.namespace}/${account}: ${found}`;
  throw forbiddenRequest(PODS, metadata.name ?? "", why);
}

const PODS = { group: "", plural: "pods" };

/** Priority and preemption come from the pod's class; a pod that says otherwise is refused. */
function setPriority({ metadata }: ApiObject, spec: JsonObject, context: CreateContext): void {
  const name = metadata.name ?? "";
  const className = stringOf(spec.priorityClassName);
  const found = context.priorityClass(className);
  if (found === undefined && className !== "") {
    throw forbiddenRequest(PODS, name, `no PriorityClass with name ${className} was found`);
  }
  if (found?.metadata.name !== undefined) spec.priorityClassName = found.metadata.name;
  const computed = "priority admission controller computed";
  const from = "from the given PriorityClass name";
  const priority = found?.value ?? 0;
  fill(spec, "priority", priority);
  if (spec.priority !== priority) {
    const given =
      `the integer value of priority (${spec.priority}) must not be provided in pod spec`;
    throw forbiddenRequest(PODS, name, `${given}; ${computed} ${priority} ${from}`);
  }
  const preemption = found?.preemptionPolicy ?? "PreemptLowerPriority";
  fill(spec, "preemptionPolicy", preemption);
  if (spec.preemptionPolicy !== preemption) {
    const given =
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec`;
    throw forbiddenRequest(PODS, name, `${given}; ${computed} ${preemption} ${from}`);
  }
}

/** `Guaranteed`, `Burstable` or `BestEffort`, from the containers' cpu and memory. */
export function qosClassOf(spec: JsonObject): string {
  const containers = [...objectsOf(spec.initContainers), ...objectsOf(spec.containers)];
  let some = false;
  let guaranteed = containers.length > 0;
  for (const container of containers) {
    const resources = objectOf(container.resources);
    const limits = objectOf(resources.limits);
    const requests = objectOf(resources.requests);
    for (const name of ["cpu", "memory"]) {
      const limit = limits[name];
      const request = requests[name] ?? limit;
      if ((limit ?? "0") !== "0" || (request ?? "0") !== "0") some = true;
      if (limit === undefined || limit === "0" || limit !== request) guaranteed = false;
    }
  }
  if (guaranteed) return "Guaranteed";
  return some ? "Burstable" : "BestEffort";
}

function validate(pod: ApiObject): FieldError[] {
  return validatePodSpec(objectOf(pod.spec), "spec");
}

function warn({ metadata, spec }: ApiObject): string[] {
  const faults = checkLabel(metadata.name ?? "");
  const named = faults.length === 0 ? [] : [
    `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${
      faults.join(" ")
    }]`,
  ];
  const containers = objectsOf(objectOf(spec).containers);
  return [
    ...named,
    ...containers.flatMap(({ env }, index) => hiddenVariables(env, `spec.containers[${index}]`)),
  ];
}

function hiddenVariables(env: unknown, at: string): string[] {
  const seen = new Set<unknown>();
  return objectsOf(env).flatMap(({ name }, index) => {
    const hides = seen.has(name);
    seen.add(name);
    if (!hides) return [];
    const what = `hides previous definition of ${JSON.stringify(name)}`;
    return [`${at}.env[${index}]: ${what}, which may be dropped when using apply`];
  });
}

const IMMUTABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

function validateUpdate(pod: ApiObject, previous: ApiObject): FieldError[] {
  // What cannot stand anyway is not looked at for what has changed.
  if (validate(pod).length > 0) return [];
  const uncounted = ["containers", "initContainers"].filter((list) =>
    listOf(objectOf(pod.spec)[list]).length !== listOf(objectOf(previous.spec)[list]).length
  );
  if (uncounted.length > 0) {
    return uncounted.map((list) =>
      forbidden(`spec.${list}`, "pod updates may not add or remove containers")
    );
  }
  const deadline = validateDeadline(pod, previous);
  if (deadline.length > 0) return deadline;
  const wasNegative = Number(objectOf(previous.spec).terminationGracePeriodSeconds) < 0;
  const next = maskMutable(pod, wasNegative);
  const before = maskMutable(previous, wasNegative);
  if (isEqual(next, before)) return keepsTolerations(pod, previous);
  // The real server appends a diff of its own inner form; ours names the fields instead.
  const changed = [...new Set([...Object.keys(next), ...Object.keys(before)])]
    .filter((key) => !isEqual(next[key], before[key]));
  return [forbidden("spec", `${IMMUTABLE}\nchanged: ${changed.join(", ")}`)];
}

function keepsTolerations(pod: ApiObject, previous: ApiObject): FieldError[] {
  const after = listOf(objectOf(pod.spec).tolerations);
  const kept = listOf(objectOf(previous.spec).tolerations).every((toleration) =>
    after.some((candidate) => isEqual(withoutTime(candidate), withoutTime(toleration)))
  );
  return kept ? [] : [
    forbidden(
      "spec.tolerations",
      "existing toleration can not be modified except its tolerationSeconds",
    ),
  ];
}

function withoutTime(toleration: unknown): JsonObject {
  const { tolerationSeconds: _seconds, ...rest } = objectOf(toleration);
  return rest;
}

/** A deadline may come nearer, and no more. */
function validateDeadline(pod: ApiObject, previous: ApiObject): FieldError[] {
  const field = "spec.activeDeadlineSeconds";
  const before = objectOf(previous.spec).activeDeadlineSeconds;
  const after = objectOf(pod.spec).activeDeadlineSeconds;
  if (typeof before !== "number") return [];
  if (typeof after !== "number") {
    return [invalid(field, null, "must not update from a positive integer to nil value")];
  }
  if (after <= before) return [];
  return [invalid(field, after, "must be less than or equal to previous value")];
}

/** The spec without what may change. */
function maskMutable(pod: ApiObject, wasNegative: boolean): JsonObject {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    ...spec
  } = objectOf(copyOf(pod.spec));
  // Once negative it may become 1, which it has meant all along.
  const grace = Number(spec.terminationGracePeriodSeconds);
  if (wasNegative && (grace === 1 || grace < 0)) delete spec.terminationGracePeriodSeconds;
  for (const list of ["containers", "initContainers"]) {
    if (!Array.isArray(spec[list])) continue;
    spec[list] = objectsOf(spec[list]).map(({ image: _image, ...container }) => container);
  }
  return spec;
}

/** A node and its status belong to other paths: only `binding` sets the node. */
function prepareUpdate(pod: ApiObject, previous: ApiObject): void {
  const spec = objectOf(pod.spec);
  // Clients that send an object back without what admission added do not take it away.
  const before = objectOf(previous.spec);
  for (const key of ["serviceAccountName", "serviceAccount", "priority", "preemptionPolicy"]) {
    if (spec[key] === undefined && before[key] !== undefined) spec[key] = before[key];
  }
  addTolerations(spec);
}

export const POD_RULES: KindRules = {
  setDefaults,
  prepareCreate,
  prepareUpdate,
  validate,
  warn,
  validateUpdate,
};
