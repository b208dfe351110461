/** A kind of the suite's own, with what this project's kinds do not use. */
import { eventually } from "../support/eventually.ts";
import type { HttpApi } from "../support/http_api.ts";

/** A group of this run's own: definitions are the whole cluster's. */
export const GROUP = `c${crypto.randomUUID().slice(0, 8)}.contract.opendilab.org`;
export const WIDGETS = `${GROUP}/v1/widgets`;

/** A widget, by default with nothing said of it. */
export function widget(name: string, spec: Readonly<Record<string, unknown>> = {}) {
  return { apiVersion: `${GROUP}/v1`, kind: "Widget", metadata: { name }, spec };
}

/** The definition of widgets, of any group. */
export function definition(group: string) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind: "Widget",
        listKind: "WidgetList",
        plural: "widgets",
        singular: "widget",
        shortNames: ["wd"],
        categories: ["toys"],
      },
      versions: [{
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                properties: {
                  size: { type: "integer", minimum: 1, maximum: 9, default: 3 },
                  largest: { type: "integer" },
                  fixed: {
                    type: "string",
                    "x-kubernetes-validations": [{
                      rule: "self == oldSelf",
                      message: "fixed must not change",
                    }],
                  },
                  colour: { type: "string", pattern: "^[a-z]+$", maxLength: 8 },
                  parts: {
                    type: "array",
                    maxItems: 3,
                    items: {
                      type: "object",
                      required: ["name"],
                      properties: {
                        name: { type: "string" },
                        count: { type: "integer", default: 1 },
                      },
                    },
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                  },
                },
                "x-kubernetes-validations": [{
                  rule: "!has(self.largest) || self.size <= self.largest",
                  message: "size must not exceed largest",
                }],
              },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
        additionalPrinterColumns: [
          { name: "Size", type: "integer", jsonPath: ".spec.size" },
          {
            name: "Colour",
            type: "string",
            jsonPath: ".spec.colour",
            priority: 1,
            description: "What it looks like.",
          },
        ],
      }],
    },
  };
}

/** Defines widgets, and waits until they are served. */
export async function define(api: HttpApi): Promise<void> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  await api.send({ method: "POST", path, body: definition(GROUP) });
  await eventually("the definition of widgets", async () => {
    const { status } = await api.send({ method: "GET", path: `/apis/${GROUP}/v1/widgets` });
    return status === 200;
  });
}
