/** The one AggregatorConfig of a cluster, which stories put in place as each needs it. */
import { AGGREGATOR_CONFIGS, type AggregatorConfig } from "../../src/api/mod.ts";
import { isAlreadyExists, type KubeClient } from "../../src/kube/mod.ts";

export const AGGREGATOR_CONFIG_KEY = { namespace: "di-system", name: "aggregator-config" };

/** Stores the config over whatever another story has left there. */
export async function putAggregatorConfig(
  client: KubeClient,
  { spec }: Pick<AggregatorConfig, "spec">,
): Promise<void> {
  try {
    await client.create(AGGREGATOR_CONFIGS, { metadata: { ...AGGREGATOR_CONFIG_KEY }, spec });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const before = await client.get(AGGREGATOR_CONFIGS, AGGREGATOR_CONFIG_KEY);
    await client.replace(AGGREGATOR_CONFIGS, { ...before, spec });
  }
}
