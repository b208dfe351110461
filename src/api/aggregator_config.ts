/** The `AggregatorConfig` kind: how aggregators are made, for all jobs of the cluster. */
import * as z from "zod";
import type { KubeObject, Resource } from "../kube/mod.ts";
import { GROUP, VERSION } from "./names.ts";
import { POD_TEMPLATE } from "./pod_template.ts";

const PROVISIONINGS = ["OnDemand", "PerJob"] as const;
export type Provisioning = typeof PROVISIONINGS[number];

const AGGREGATOR_CONFIG_SPEC = z.object({
  provisioning: z.enum(PROVISIONINGS).default("OnDemand").describe(
    "OnDemand: the server makes an aggregator for each multi-GPU learner. " +
      "PerJob: the operator starts one with each job's coordinator, which finds it in KUBERNETES_AGGREGATOR_URL.",
  ),
  aggregator: z.object({ template: POD_TEMPLATE }).describe(
    "What an aggregator's pod is made from.",
  ),
}).describe("What the administrator wants.");

export const AGGREGATOR_CONFIG = z.object({ spec: AGGREGATOR_CONFIG_SPEC })
  .describe("How aggregators are made. One object serves the whole cluster.");

export interface AggregatorConfig extends KubeObject {
  spec: z.output<typeof AGGREGATOR_CONFIG_SPEC>;
}

export const AGGREGATOR_CONFIGS: Resource<AggregatorConfig> = {
  group: GROUP,
  version: VERSION,
  kind: "AggregatorConfig",
  plural: "aggregatorconfigs",
  namespaced: true,
};
