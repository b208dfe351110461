/** Kinds that say how others are to be treated: stored, and obeyed by nobody here but priorities. */
import {
  type ApiObject,
  childOf,
  fill,
  isObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkSubdomain, validateLabels } from "../names.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../status.ts";
import type { KindRules } from "./rules.ts";

export const NETWORK_POLICY_RULES: KindRules = {
  setDefaults(policy: ApiObject) {
    const spec = childOf(policy, "spec");
    for (const rule of [...objectsOf(spec.ingress), ...objectsOf(spec.egress)]) {
      for (const port of objectsOf(rule.ports)) fill(port, "protocol", "TCP");
    }
    fill(spec, "policyTypes", Array.isArray(spec.egress) ? ["Ingress", "Egress"] : ["Ingress"]);
  },
  validate(policy: ApiObject): FieldError[] {
    const spec = objectOf(policy.spec);
    const labels = objectOf(spec.podSelector).matchLabels;
    return [
      ...isObject(labels) ? validateLabels(textsOf(labels), "spec.podSelector.matchLabels") : [],
      ...validatePeers(spec.ingress, "spec.ingress", "from"),
      ...validatePeers(spec.egress, "spec.egress", "to"),
      ...listOf(spec.policyTypes).flatMap((type, index) =>
        DIRECTIONS.includes(stringOf(type))
          ? []
          : [notSupported(`spec.policyTypes[${index}]`, type, DIRECTIONS)]
      ),
    ];
  },
};
const DIRECTIONS = ["Ingress", "Egress"];

function validatePeers(rules: unknown, at: string, peers: "from" | "to"): FieldError[] {
  return objectsOf(rules).flatMap((rule, index) =>
    objectsOf(rule[peers]).flatMap((peer, peerIndex) =>
      Object.keys(peer).length > 0
        ? []
        : [required(`${at}[${index}].${peers}[${peerIndex}]`, "must specify a peer")]
    )
  );
}

/** Labels whose types have been checked. */
function textsOf(labels: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, stringOf(value)]));
}

const PRIORITY_MAX = 1_000_000_000;
const PREEMPTION = ["PreemptLowerPriority", "Never"];
/** Classes of the system, which may have what names and priorities nobody else may. */
export const SYSTEM_PRIORITIES: ReadonlyMap<string, number> = new Map([
  ["system-node-critical", 2_000_001_000],
  ["system-cluster-critical", 2_000_000_000],
]);

export const PRIORITY_CLASS_RULES: KindRules = {
  setDefaults: (priority) => fill(priority, "preemptionPolicy", "PreemptLowerPriority"),
  validate({ metadata: { name = "" }, value, preemptionPolicy }: ApiObject): FieldError[] {
    const errors: FieldError[] = [];
    if (name.startsWith("system-")) {
      if (SYSTEM_PRIORITIES.get(name) !== value) {
        const why = "priority class names with 'system-' prefix are reserved for system use only";
        const known = `${name} is not a known system priority class`;
        errors.push(forbidden("metadata.name", `${why}. error: ${known}`));
      }
    } else if (Number(value) > PRIORITY_MAX) {
      const why = `maximum allowed value of a user defined priority is ${PRIORITY_MAX}`;
      errors.push(forbidden("value", why));
    }
    if (!PREEMPTION.includes(stringOf(preemptionPolicy))) {
      errors.push(notSupported("preemptionPolicy", preemptionPolicy, PREEMPTION));
    }
    return errors;
  },
  validateUpdate(next: ApiObject, previous: ApiObject): FieldError[] {
    const errors: FieldError[] = [];
    if (next.value !== previous.value) {
      errors.push(forbidden("value", "may not be changed in an update."));
    }
    if (next.preemptionPolicy !== previous.preemptionPolicy) {
      errors.push(invalid("preemptionPolicy", next.preemptionPolicy, "field is immutable"));
    }
    return errors;
  },
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
  validate(budget: ApiObject): FieldError[] {
    const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = objectOf(
      budget.spec,
    );
    if (minAvailable !== undefined && maxUnavailable !== undefined) {
      // The real server shows its inner form.
      const shown = {
        MinAvailable: minAvailable,
        Selector: selector ?? null,
        MaxUnavailable: maxUnavailable,
        UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
      };
      return [invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set")];
    }
    return [
      ...validateAmount(minAvailable, "spec.minAvailable"),
      ...validateAmount(maxUnavailable, "spec.maxUnavailable"),
    ];
  },
};

/** A count, or a share of all. */
function validateAmount(amount: unknown, at: string): FieldError[] {
  if (typeof amount === "string" && !/^\d+%$/.test(amount)) {
    const why =
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
    return [invalid(at, amount, why)];
  }
  if (typeof amount !== "number" || amount >= 0) return [];
  return [invalid(at, amount, "must be greater than or equal to 0")];
}

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
  validate: (configuration) =>
    objectsOf(configuration.webhooks).flatMap((webhook, index) =>
      validateWebhook(webhook, `webhooks[${index}]`)
    ),
};

const SIDE_EFFECTS = ["None", "NoneOnDryRun"];

function validateWebhook(webhook: Readonly<Record<string, unknown>>, at: string): FieldError[] {
  const name = stringOf(webhook.name);
  const errors: FieldError[] = checkSubdomain(name).map((fault) =>
    invalid(`${at}.name`, name, fault)
  );
  if (errors.length === 0 && name.split(".").length < 3) {
    const why = "should be a domain with at least three segments separated by dots";
    errors.push(invalid(`${at}.name`, name, why));
  }
  if (!SIDE_EFFECTS.includes(stringOf(webhook.sideEffects))) {
    errors.push(notSupported(`${at}.sideEffects`, webhook.sideEffects ?? "", SIDE_EFFECTS));
  }
  const { url, service } = objectOf(webhook.clientConfig);
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(`${at}.clientConfig`, "exactly one of url or service is required"));
  }
  if (listOf(webhook.admissionReviewVersions).length === 0) {
    errors.push(
      required(`${at}.admissionReviewVersions`, "must specify one of v1, v1beta1"),
    );
  }
  return errors;
}
