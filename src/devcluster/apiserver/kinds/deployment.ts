/** Deployments: stored for their manifests' sake; nothing here rolls them out. */
import { type ApiObject, childOf, fill, isEqual, isObject, objectOf } from "../json.ts";
import { type FieldError, invalid, notSupported, required } from "../status.ts";
import { setPodSpecDefaults } from "./pod_template.ts";
import { validatePodSpec } from "./pod_validation.ts";
import type { KindRules } from "./rules.ts";

function setDefaults(deployment: ApiObject): void {
  const spec = childOf(deployment, "spec");
  fill(spec, "replicas", 1);
  setPodSpecDefaults(childOf(childOf(spec, "template"), "spec"));
  const strategy = childOf(spec, "strategy");
  fill(strategy, "type", "RollingUpdate");
  if (strategy.type === "RollingUpdate") {
    const rolling = childOf(strategy, "rollingUpdate");
    fill(rolling, "maxUnavailable", "25%");
    fill(rolling, "maxSurge", "25%");
  }
  fill(spec, "revisionHistoryLimit", 10);
  fill(spec, "progressDeadlineSeconds", 600);
}

function validate(deployment: ApiObject): FieldError[] {
  const spec = objectOf(deployment.spec);
  const template = objectOf(spec.template);
  const labels = objectOf(objectOf(template.metadata).labels);
  const errors: FieldError[] = [];
  if (Number(spec.replicas) < 0) {
    errors.push(invalid("spec.replicas", spec.replicas, "must be greater than or equal to 0"));
  }
  if (!isObject(spec.selector)) errors.push(required("spec.selector"));
  else if (Object.keys(spec.selector).length === 0) {
    errors.push(
      invalid("spec.selector", spec.selector, "empty selector is invalid for deployment"),
    );
  }
  const wanted = objectOf(objectOf(spec.selector).matchLabels);
  if (
    !isObject(spec.selector) ||
    !Object.entries(wanted).every(([key, value]) => labels[key] === value)
  ) {
    errors.push(
      invalid(
        "spec.template.metadata.labels",
        labels,
        "`selector` does not match template `labels`",
      ),
    );
  }
  const podSpec = objectOf(template.spec);
  errors.push(...validatePodSpec(podSpec, "spec.template.spec"));
  const { restartPolicy } = podSpec;
  if (restartPolicy === "Always") return errors;
  return [...errors, notSupported("spec.template.spec.restartPolicy", restartPolicy, ["Always"])];
}

function validateUpdate(deployment: ApiObject, previous: ApiObject): FieldError[] {
  const selector = objectOf(deployment.spec).selector;
  return isEqual(selector, objectOf(previous.spec).selector)
    ? []
    : [invalid("spec.selector", selector, "field is immutable")];
}

function prepareCreate(deployment: ApiObject): void {
  deployment.status = {};
}

export const DEPLOYMENT_RULES: KindRules = { setDefaults, prepareCreate, validate, validateUpdate };
