/** The pods and services that the operator makes of a job. `docs/operator-behaviour.md` lists the rows. */
import { deepStrictEqual, partialDeepStrictEqual, strictEqual } from "node:assert/strict";
import type { Container, Pod } from "../../src/kube/mod.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { COORDINATOR, labelsOf, OperatorStory } from "../support/operator_story.ts";
import { useOperator, WITH_OPERATOR } from "../support/story_operator.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const operator = useOperator(cluster);
const WORK = { name: "work", emptyDir: {} };
const SERVER = "di-server.di-system:8080";

/** What the operator has sent to make an object of this kind, the last one. */
function sent(story: OperatorStory, plural: "pods" | "services"): unknown {
  const path = `/api/v1/namespaces/${story.namespace}/${plural}`;
  return operator.writes.findLast((write) => write.method === "POST" && write.path === path)?.body;
}

/** The variables that every container of a pod gets. */
function variablesOf(story: OperatorStory, pod: string, portVariable: string, port: number) {
  return [
    { name: portVariable, value: String(port) },
    { name: "KUBERNETES_POD_NAMESPACE", value: story.namespace },
    { name: "KUBERNETES_POD_NAME", value: pod },
    { name: "KUBERNETES_SERVER_URL", value: SERVER },
  ];
}

function addressOf(story: OperatorStory, port: number) {
  return { name: "KUBERNETES_COORDINATOR_URL", value: `${COORDINATOR}.${story.namespace}:${port}` };
}

/** Ports of the service and of the main container, and what the coordinator is told. */
async function portsOf(containers: Container[]) {
  const story = await OperatorStory.begin(operator, {
    coordinator: { template: aTemplate({ containers }) },
  });
  await using _ = story;
  const { spec } = await story.pod(COORDINATOR);
  const service = await story.service(COORDINATOR);
  const environment = spec?.containers[0]?.env ?? [];
  return {
    published: service.spec?.ports?.map(({ name, port }) => `${name} ${port}`),
    containers: spec?.containers.map(({ ports = [] }) =>
      ports.map(({ name, containerPort }) => `${name} ${containerPort}`)
    ),
    variable: environment.find(({ name }) => name === "COORDINATOR_PORT")?.value,
    address: environment.find(({ name }) => name === "KUBERNETES_COORDINATOR_URL")?.value
      ?.split(":")[1],
  };
}

Deno.test(
  "a coordinator's pod and service are these, from the first field to the last",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const name = `high-${story.namespace}`;
    const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
    await story.client.request("POST", classes, {}, { metadata: { name }, value: 10 });
    const job = await story.submit({ group: "mine", priorityClassName: name, volumes: [WORK] });
    const stored = await story.pod(COORDINATOR);
    const service = await story.service(COORDINATOR);
    await story.client.request("DELETE", `${classes}/${name}`, {});

    const labels = labelsOf("demo", COORDINATOR, "coordinator");
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: COORDINATOR,
        namespace: story.namespace,
        labels,
        ownerReferences: [{
          apiVersion: "diengine.opendilab.org/v1alpha1",
          kind: "DIJob",
          name: "demo",
          uid: job.metadata.uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        }],
      },
      spec: {
        restartPolicy: "Never",
        priorityClassName: name,
        volumes: [WORK],
        containers: [{
          name: "di-container",
          image: "img",
          ports: [{ name: "di-port", containerPort: 22273 }],
          env: [
            ...variablesOf(story, COORDINATOR, "COORDINATOR_PORT", 22273),
            addressOf(story, 22273),
          ],
        }],
      },
    };
    deepStrictEqual(sent(story, "pods"), pod);
    partialDeepStrictEqual(stored, pod);
    const ofPod = {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: COORDINATOR,
        namespace: story.namespace,
        labels,
        ownerReferences: [{
          apiVersion: "v1",
          kind: "Pod",
          name: COORDINATOR,
          uid: stored.metadata.uid ?? "",
          controller: true,
        }],
      },
      spec: {
        type: "ClusterIP",
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: labels,
        ports: [{ name: "di-port", port: 22273 }],
      },
    };
    deepStrictEqual(sent(story, "services"), ofPod);
    partialDeepStrictEqual(service, ofPod);
  },
);

Deno.test(
  "a coordinator that is made anew is the same to the last field",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const [body, pod] = [sent(story, "pods"), await story.pod(COORDINATOR)];
    await story.deletePod(COORDINATOR);
    await story.pod(COORDINATOR, pod);
    strictEqual(JSON.stringify(sent(story, "pods")), JSON.stringify(body));
  },
);

Deno.test(
  "the longest job name still gets its coordinator and service",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const name = "d".repeat(45);
    await story.submit({}, name);
    const pod = await story.pod(`${name}-coordinator`);
    await story.service(`${name}-coordinator`);
    strictEqual(pod.metadata.labels?.["dijob-name"], name);
  },
);

Deno.test(
  "labels and annotations of a template are kept where ours do not stand, its name is not",
  WITH_OPERATOR,
  async () => {
    const metadata = {
      name: "not-taken",
      namespace: "not-this",
      labels: { team: "red", "replica-type": "mine", "group-name": "theirs" },
      annotations: { note: "kept" },
    };
    await using story = await OperatorStory.begin(operator, {
      group: "not-a-label",
      coordinator: { template: aTemplate({ metadata }) },
    });
    const pod = await story.pod(COORDINATOR);
    deepStrictEqual([pod.metadata.labels, pod.metadata.annotations], [
      { team: "red", ...labelsOf("demo", COORDINATOR, "coordinator") },
      { note: "kept" },
    ]);
    const { metadata: { labels }, spec } = await story.service(COORDINATOR);
    deepStrictEqual(labels, pod.metadata.labels);
    deepStrictEqual(spec?.selector, labelsOf("demo", COORDINATOR, "coordinator"));
  },
);

Deno.test(
  "every container gets the variables after its own, and no init container does",
  WITH_OPERATOR,
  async () => {
    const env = [{ name: "COORDINATOR_PORT", value: "1" }, { name: "MINE", value: "2" }];
    await using story = await OperatorStory.begin(operator, {
      coordinator: {
        template: aTemplate({
          containers: [aContainer({ env }), aContainer({ name: "side" })],
          spec: { initContainers: [aContainer({ name: "first" })] },
        }),
      },
    });
    const { spec } = await story.pod(COORDINATOR);
    const variables = [
      ...variablesOf(story, COORDINATOR, "COORDINATOR_PORT", 22273),
      addressOf(story, 22273),
    ];
    deepStrictEqual(spec?.containers.map(({ env }) => env), [[...env, ...variables], variables]);
    deepStrictEqual(spec?.initContainers?.map(({ env = [] }) => env), [[]]);
  },
);

Deno.test(
  "a di-port of di-container is the coordinator's port everywhere; other ports are not published",
  WITH_OPERATOR,
  async () => {
    const ports = [{ name: "web", containerPort: 80 }, { name: "di-port", containerPort: 9000 }];
    deepStrictEqual(await portsOf([aContainer({ ports })]), {
      published: ["di-port 9000"],
      containers: [["web 80", "di-port 9000"]],
      variable: "9000",
      address: "9000",
    });
  },
);

Deno.test(
  "a di-container without di-port gets the default one beside its own",
  WITH_OPERATOR,
  async () => {
    deepStrictEqual(await portsOf([aContainer({ ports: [{ name: "web", containerPort: 80 }] })]), {
      published: ["di-port 22273"],
      containers: [["web 80", "di-port 22273"]],
      variable: "22273",
      address: "22273",
    });
  },
);

Deno.test(
  "where no container is called di-container the default port is told, and none is added",
  WITH_OPERATOR,
  async () => {
    deepStrictEqual(await portsOf([aContainer({ name: "main" })]), {
      published: ["di-port 22273"],
      containers: [[]],
      variable: "22273",
      address: "22273",
    });
  },
);

Deno.test("a di-port of another container counts for nothing", WITH_OPERATOR, async () => {
  const ports = [{ name: "di-port", containerPort: 9000 }];
  deepStrictEqual(await portsOf([aContainer(), aContainer({ name: "side", ports })]), {
    published: ["di-port 22273"],
    containers: [["di-port 22273"], ["di-port 9000"]],
    variable: "22273",
    address: "22273",
  });
});

Deno.test(
  "a restart policy that the coordinator's template gives is kept",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.begin(operator, {
      coordinator: { template: aTemplate({ spec: { restartPolicy: "OnFailure" } }) },
    });
    strictEqual((await story.pod(COORDINATOR)).spec?.restartPolicy, "OnFailure");
  },
);

Deno.test(
  "collectors and learners get their own port, the job's volumes and the cluster's restart policy",
  WITH_OPERATOR,
  async () => {
    const template = aTemplate({
      spec: { volumes: [{ name: "work", emptyDir: { medium: "Memory" } }] },
    });
    await using story = await OperatorStory.begin(operator, {
      volumes: [WORK, { name: "more", emptyDir: {} }],
      collector: { replicas: 1, template },
      learner: { replicas: 1, template: aTemplate() },
    });
    const found = await Promise.all(
      ["demo-collector-0", "demo-learner-0"].map(async (name) => {
        const { spec } = await story.pod(name);
        const { spec: service } = await story.service(name);
        // A real API server adds the volume of the service account.
        const volumes = spec?.volumes?.filter(({ name }) => ["work", "more"].includes(name));
        return {
          volumes,
          policy: spec?.restartPolicy,
          env: spec?.containers[0]?.env,
          ports: service?.ports?.map(({ name, port }) => `${name} ${port}`),
        };
      }),
    );
    const more = { name: "more", emptyDir: {} };
    deepStrictEqual(found, [
      {
        volumes: [{ name: "work", emptyDir: { medium: "Memory" } }, more],
        policy: "Always",
        env: variablesOf(story, "demo-collector-0", "COLLECTOR_PORT", 22270),
        ports: ["di-port 22270"],
      },
      {
        volumes: [WORK, more],
        policy: "Always",
        env: variablesOf(story, "demo-learner-0", "LEARNER_PORT", 22271),
        ports: ["di-port 22271"],
      },
    ]);
  },
);

Deno.test(
  "an aggregator for each job is made with its coordinator, which is told where it is",
  WITH_OPERATOR,
  async () => {
    await using _ = await operator.withAggregators({
      provisioning: "PerJob",
      aggregator: { template: aTemplate() },
    });
    await using story = await OperatorStory.begin(operator, { volumes: [WORK] });
    const { metadata, spec } = await story.pod("demo-aggregator");
    await story.service("demo-aggregator");
    deepStrictEqual(metadata.labels, labelsOf("demo", "demo-aggregator", "aggregator"));
    deepStrictEqual(
      spec?.containers[0]?.env,
      variablesOf(story, "demo-aggregator", "AGGREGATOR_PORT", 22272),
    );
    deepStrictEqual(spec?.volumes?.filter(({ name }) => name === "work"), [WORK]);
    const coordinator = await story.pod(COORDINATOR);
    deepStrictEqual(coordinator.spec?.containers[0]?.env?.at(-1), {
      name: "KUBERNETES_AGGREGATOR_URL",
      value: `demo-aggregator.${story.namespace}:22272`,
    });
    await story.deletePod("demo-aggregator");
    await story.pod("demo-aggregator", { metadata });
    await story.service("demo-aggregator");
  },
);

Deno.test(
  "the service of a ddp learner has a port for each GPU, and the first one's the meeting point",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator);
    const aggregator = await story.addReplica("aggregator", "a");
    const share = { worldSize: 10, gpus: 4, startRank: 0 };
    const rest = { worldSize: 10, gpus: 6, startRank: 4, master: "demo-ddp-learner-a" };
    await story.addReplica("ddp-learner", "a", { part: { aggregator, share } });
    await story.addReplica("ddp-learner", "b", { part: { aggregator, share: rest } });
    await story.addReplica("ddp-learner", "c", {
      part: { aggregator, share: { worldSize: 1, gpus: 1, startRank: 0 } },
    });
    const ports = async (name: string) =>
      (await story.service(name)).spec?.ports?.map(({ name, port }) => `${name} ${port}`);
    deepStrictEqual(await ports("demo-ddp-learner-a"), [
      "di-port 22271",
      "gpu-port-1 22272",
      "gpu-port-2 22273",
      "gpu-port-3 22274",
      "master-port 10314",
    ]);
    deepStrictEqual(await ports("demo-ddp-learner-b"), [
      "di-port 22275",
      "gpu-port-1 22276",
      "gpu-port-2 22277",
      "gpu-port-3 22278",
      "gpu-port-4 22279",
      "gpu-port-5 22280",
    ]);
    deepStrictEqual(await ports("demo-ddp-learner-c"), ["di-port 22271"]);
  },
);

Deno.test(
  "the operator leaves the defaults of a job to the API server",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.run(operator, { cleanPodPolicy: "" });
    const { spec } = await story.job();
    deepStrictEqual(spec.cleanPodPolicy, "");
    const path = `/namespaces/${story.namespace}/dijobs/demo`;
    const writes = operator.writes.filter((write) => write.path.includes(path));
    deepStrictEqual(writes.filter(({ path }) => !path.endsWith("/status")), []);
  },
);
