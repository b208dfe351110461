/** A kind of the suite's own with several versions, subresources, and rules of every sort. */
import { eventually } from "../support/eventually.ts";
import type { HttpApi } from "../support/http_api.ts";
import { GROUP } from "./widgets.ts";

export const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
export const GIZMOS = `${GROUP}/v1/gizmos`;

type Fields = Readonly<Record<string, unknown>>;

/** A gizmo in version v1. */
export function gizmo(name: string, spec: Fields = {}, more: Fields = {}) {
  return { apiVersion: `${GROUP}/v1`, kind: "Gizmo", metadata: { name }, spec, ...more };
}

const SPEC = {
  type: "object",
  default: {},
  properties: {
    replicas: { type: "integer", default: 1 },
    amount: { "x-kubernetes-int-or-string": true },
    note: { type: "string", nullable: true },
    plain: { type: "string" },
    open: {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { known: { type: "integer" } },
    },
    object: {
      type: "object",
      "x-kubernetes-embedded-resource": true,
      "x-kubernetes-preserve-unknown-fields": true,
    },
    tags: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
    limits: {
      type: "object",
      default: { low: 1, high: 9 },
      properties: {
        low: { type: "integer", default: 1 },
        high: { type: "integer", default: 9 },
      },
      "x-kubernetes-validations": [{
        rule: "self.low <= self.high",
        messageExpression: "'low is above ' + (self.high < 5 ? 'a small' : 'a large') + ' high'",
        fieldPath: ".low",
      }],
    },
    mode: {
      type: "string",
      maxLength: 20,
      "x-kubernetes-validations": [{
        rule: "self != 'forbidden'",
        message: "this mode may not be used",
        reason: "FieldValueForbidden",
      }, {
        rule: "!oldSelf.hasValue() || oldSelf.value() == self || oldSelf.value() == 'any'",
        message: "mode can only change from any",
        optionalOldSelf: true,
      }],
    },
    size: {
      type: "string",
      maxLength: 20,
      "x-kubernetes-validations": [{
        rule: "isQuantity(self) && quantity(self).compareTo(quantity('1Gi')) <= 0",
        message: "size must be a quantity of at most 1Gi",
      }],
    },
    link: {
      type: "string",
      maxLength: 60,
      "x-kubernetes-validations": [{
        rule: "isURL(self) && url(self).getScheme() == 'https'",
        message: "link must be an https URL",
      }],
    },
    numbers: {
      type: "array",
      maxItems: 10,
      items: { type: "integer" },
      "x-kubernetes-validations": [{
        rule: "self.isSorted() && self.sum() < 100 && self.all(n, n >= 0)",
        message: "numbers must rise, none below 0, and stay under 100 together",
      }],
    },
    code: {
      type: "string",
      maxLength: 20,
      "x-kubernetes-validations": [{
        rule: "self.find('[0-9]+') == '42' && self.split('-').size() == 2",
        message: "code must be of two parts and have 42 as its first number",
      }],
    },
    mapped: {
      type: "object",
      maxProperties: 5,
      additionalProperties: {
        type: "string",
        maxLength: 10,
        "x-kubernetes-validations": [{ rule: "self.startsWith('v')" }],
      },
    },
  },
};
const STATUS = {
  type: "object",
  properties: { replicas: { type: "integer" }, selector: { type: "string" } },
};

function version(name: string, more: Fields) {
  return {
    name,
    schema: {
      openAPIV3Schema: { type: "object", properties: { spec: SPEC, status: STATUS } },
    },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: ".spec.replicas",
        statusReplicasPath: ".status.replicas",
        labelSelectorPath: ".status.selector",
      },
    },
    ...more,
  };
}

/** The definition of gizmos: v1 is stored, v1beta1 served too, v1alpha1 not. */
export function gizmoDefinition(group: string) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `gizmos.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "Gizmo", plural: "gizmos" },
      versions: [
        version("v1alpha1", { served: false, storage: false }),
        version("v1", { served: true, storage: true }),
        version("v1beta1", {
          served: true,
          storage: false,
          deprecated: true,
          deprecationWarning: "use v1 of gizmos",
        }),
      ],
    },
  };
}

/** A definition with one version, whose spec has this schema. */
export function thingDefinition(group: string, spec: Fields, more: Fields = {}) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "Thing", plural: "things" },
      versions: [{
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
      }],
      ...more,
    },
  };
}

/** Defines gizmos, and waits until they are served. */
export async function defineGizmos(api: HttpApi): Promise<void> {
  const { status, body } = await api.send({
    method: "POST",
    path: DEFINITIONS,
    body: gizmoDefinition(GROUP),
  });
  if (status !== 201) throw new Error(JSON.stringify(body));
  await eventually("the definition of gizmos", async () => {
    const answer = await api.send({ method: "GET", path: `/apis/${GROUP}/v1beta1/gizmos` });
    return answer.status === 200;
  });
}
