/** What the pods that the server makes carry, and where the GPUs of a learner may go. */
import { deepStrictEqual } from "node:assert/strict";
import {
  isAlreadyExists,
  isNotFound,
  type KubeClient,
  NODES,
  type Pod,
} from "../../src/kube/mod.ts";
import { putAggregatorConfig } from "../support/aggregator_config.ts";
import { AllocationStory } from "../support/allocation_story.ts";
import { aContainer, anAggregatorConfig, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

function variablesOf({ spec }: Pod, names: readonly string[]) {
  const env = spec?.containers[0]?.env ?? [];
  return Object.fromEntries(
    names.map((name) => [name, env.findLast((variable) => variable.name === name)?.value]),
  );
}

Deno.test("every replica has the job's volumes and priority, and knows who and whose it is", async () => {
  await using story = await AllocationStory.open(cluster());
  await putAggregatorConfig(cluster().client, anAggregatorConfig("OnDemand"));
  const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
  await story.client.request("POST", classes, {}, { metadata: { name: "urgent" }, value: 1000 })
    .catch((error) => {
      if (!isAlreadyExists(error)) throw error;
    });
  await story.createJob("loaded", {
    priorityClassName: "urgent",
    volumes: [{ name: "data", emptyDir: {} }],
  });
  const { success } = await story.post({
    coordinator: "loaded-coordinator",
    collectors: { replicas: 1 },
    learners: { replicas: 1 },
  });
  const { success: isSplit } = await story.post({
    coordinator: "loaded-coordinator",
    learners: { replicas: 1, gpus: 2 },
  });
  deepStrictEqual([success, isSplit], [true, true]);
  const pods = [...(await story.pods()).values()].filter(({ metadata }) =>
    metadata.labels?.["dijob-name"] === "loaded" &&
    metadata.labels["replica-type"] !== "coordinator"
  );
  const seen = pods.map((pod) => ({
    role: pod.metadata.labels?.["replica-type"],
    priority: pod.spec?.priorityClassName,
    volumes: pod.spec?.volumes?.filter(({ name }) => name === "data").length,
    ...variablesOf(pod, ["KUBERNETES_POD_NAMESPACE", "KUBERNETES_SERVER_URL"]),
    isNamed: variablesOf(pod, ["KUBERNETES_POD_NAME"])["KUBERNETES_POD_NAME"] === pod.metadata.name,
  }));
  const expected = ["aggregator", "collector", "ddp-learner", "learner"].map((role) => ({
    role,
    priority: "urgent",
    volumes: 1,
    KUBERNETES_POD_NAMESPACE: story.namespace,
    KUBERNETES_SERVER_URL: "di-server.di-system:8080",
    isNamed: true,
  }));
  deepStrictEqual(seen.toSorted((a, b) => (a.role ?? "") < (b.role ?? "") ? -1 : 1), expected);
});

interface NodeParts {
  readonly gpus: number;
  readonly unschedulable?: boolean;
  readonly taints?: { key: string; effect: "NoSchedule" }[];
  readonly ready?: "True" | "False";
}

async function setNodes(client: KubeClient, nodes: readonly NodeParts[]): Promise<void> {
  for (const { metadata } of (await client.list(NODES, {})).items) {
    await client.delete(NODES, { namespace: "", name: metadata.name ?? "" }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
  for (const [index, { gpus, ready = "True", ...spec }] of nodes.entries()) {
    const key = { namespace: "", name: `m-node-${index}` };
    await client.create(NODES, { metadata: { name: key.name } });
    const allocatable = { "nvidia.com/gpu": String(gpus) };
    const status = { allocatable, conditions: [{ type: "Ready", status: ready }] };
    await client.patch(NODES, key, { status }, { subresource: "status" });
    await client.patch(NODES, key, {
      spec: { unschedulable: spec.unschedulable ?? null, taints: spec.taints ?? null },
    });
  }
}

/** GPUs of the ddp learners that a learner of 8 GPUs is given. */
async function dealEight(story: AllocationStory, job: string): Promise<number[]> {
  const coordinator = `${job}-coordinator`;
  await story.post({ coordinator, learners: { replicas: 1, gpus: 8 } });
  const pods = [...(await story.pods()).values()].filter(({ metadata }) =>
    metadata.labels?.["dijob-name"] === job && metadata.labels["replica-type"] === "ddp-learner" &&
    metadata.deletionTimestamp === undefined
  );
  const gpus = pods.map((pod) =>
    Number(variablesOf(pod, ["LOCAL_WORLD_SIZE"])["LOCAL_WORLD_SIZE"])
  );
  await story.delete({ coordinator, learners: { replicas: 1 } });
  return gpus.sort((a, b) => b - a);
}

Deno.test("the GPUs of a learner are dealt out over nodes that can take its pods", async () => {
  await using story = await AllocationStory.open(cluster());
  const { client } = story;
  await putAggregatorConfig(cluster().client, anAggregatorConfig("OnDemand"));
  const tolerations = [{ key: "team", operator: "Exists" as const }];
  const template = aTemplate({ containers: [aContainer()], spec: { tolerations } });
  await story.createJob("tolerant", { learner: { template } });
  const taints = [{ key: "team", effect: "NoSchedule" as const }];
  await setNodes(client, [{ gpus: 8 }, { gpus: 8 }, { gpus: 8 }]);
  await eventually("the server to know the nodes", async () => {
    deepStrictEqual(await dealEight(story, "demo"), [8]);
    return true;
  });
  // Nodes that are gone count no more.
  await setNodes(client, [
    { gpus: 4 },
    { gpus: 2, unschedulable: true },
    { gpus: 2, ready: "False" },
    { gpus: 2, taints },
    { gpus: 2, taints },
  ]);
  await eventually("the server to know the new nodes", async () => {
    deepStrictEqual(await dealEight(story, "demo"), [4, 4]);
    return true;
  });
  deepStrictEqual(await dealEight(story, "tolerant"), [2, 2, 2, 2]);
  await setNodes(client, []);
});
