import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ReplicaType } from "../api/mod.ts";
import { aContainer, aJob, aTemplate, replicaLabels } from "../../tests/support/builders.ts";
import type { Container, PodTemplateSpec, Volume } from "../kube/mod.ts";
import { buildCoordinator, buildJobAggregator, buildPod, type PodOrder } from "./pod.ts";

const SERVER = "di-server.di-system:8080";
const JOB = aJob("pong");
const OWNER = {
  apiVersion: "diengine.opendilab.org/v1alpha1",
  kind: "DIJob",
  name: "pong",
  uid: "pong-uid",
  controller: true,
  blockOwnerDeletion: true,
};

function aCollector(template: PodTemplateSpec, order: Partial<PodOrder> = {}) {
  return buildPod({
    job: JOB,
    type: "collector",
    name: "pong-collector-x",
    template,
    serverAddress: SERVER,
    ...order,
  });
}

Deno.test("buildPod() makes a whole pod of a template", () => {
  deepStrictEqual(aCollector(aTemplate()), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "pong-collector-x",
      namespace: "rl",
      labels: replicaLabels(JOB, "pong-collector-x", "collector"),
      ownerReferences: [OWNER],
    },
    spec: {
      containers: [{
        name: "di-container",
        image: "img",
        ports: [{ name: "di-port", containerPort: 22270 }],
        env: [
          { name: "COLLECTOR_PORT", value: "22270" },
          { name: "KUBERNETES_POD_NAMESPACE", value: "rl" },
          { name: "KUBERNETES_POD_NAME", value: "pong-collector-x" },
          { name: "KUBERNETES_SERVER_URL", value: SERVER },
        ],
      }],
    },
  });
});

Deno.test("buildPod() keeps a template's labels and annotations, where ours do not stand", () => {
  const { metadata } = aCollector(
    aTemplate({
      metadata: {
        name: "mine",
        namespace: "elsewhere",
        labels: { team: "red", "pod-name": "mine", "replica-type": "king" },
        annotations: { note: "kept", made: "by the template" },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "x", uid: "x" }],
      },
    }),
    { annotations: { made: "by us" } },
  );
  deepStrictEqual(metadata, {
    name: "pong-collector-x",
    namespace: "rl",
    labels: { team: "red", ...replicaLabels(JOB, "pong-collector-x", "collector") },
    annotations: { note: "kept", made: "by us" },
    ownerReferences: [OWNER],
  });
});

Deno.test.each<{ type: ReplicaType; variable: string; port: string }>([
  { type: "coordinator", variable: "COORDINATOR_PORT", port: "22273" },
  { type: "collector", variable: "COLLECTOR_PORT", port: "22270" },
  { type: "learner", variable: "LEARNER_PORT", port: "22271" },
  { type: "ddp-learner", variable: "LEARNER_PORT", port: "22271" },
  { type: "aggregator", variable: "AGGREGATOR_PORT", port: "22272" },
])("buildPod() tells a $type its port in $variable", ({ type, variable, port }) => {
  const [container] = aCollector(aTemplate(), { type }).spec?.containers ?? [];
  deepStrictEqual(container?.env?.[0], { name: variable, value: port });
});

Deno.test("buildPod() appends variables to every container, and to no init container", () => {
  const own = [{ name: "KUBERNETES_POD_NAME", value: "old" }, { name: "A", value: "1" }];
  const { spec } = aCollector(
    aTemplate({
      containers: [aContainer({ env: own }), aContainer({ name: "side" })],
      spec: { initContainers: [aContainer({ name: "init" })] },
    }),
    { env: [{ name: "EXTRA", value: "x" }] },
  );
  const ours = [
    "COLLECTOR_PORT",
    "KUBERNETES_POD_NAMESPACE",
    "KUBERNETES_POD_NAME",
    "KUBERNETES_SERVER_URL",
    "EXTRA",
  ];
  deepStrictEqual(spec?.containers.map(({ env }) => env?.map(({ name }) => name)), [
    ["KUBERNETES_POD_NAME", "A", ...ours],
    ours,
  ]);
  deepStrictEqual(spec?.initContainers, [aContainer({ name: "init" })]);
});

const HTTP = { name: "http", containerPort: 80 };

Deno.test.each<{ when: string; given: Container[]; ports: unknown[]; variable: string }>([
  {
    when: "di-container declares its port: it is kept",
    given: [aContainer({ ports: [HTTP, { name: "di-port", containerPort: 9000 }] })],
    ports: [[HTTP, { name: "di-port", containerPort: 9000 }]],
    variable: "9000",
  },
  {
    when: "di-container declares another port: ours is appended",
    given: [aContainer({ ports: [HTTP] })],
    ports: [[HTTP, { name: "di-port", containerPort: 22270 }]],
    variable: "22270",
  },
  {
    when: "there is no di-container: no port is added, the default counts",
    given: [aContainer({ name: "work" })],
    ports: [undefined],
    variable: "22270",
  },
  {
    when: "a side-car has a di-port: it is left alone",
    given: [
      aContainer(),
      aContainer({ name: "side", ports: [{ name: "di-port", containerPort: 9000 }] }),
    ],
    ports: [[{ name: "di-port", containerPort: 22270 }], [
      { name: "di-port", containerPort: 9000 },
    ]],
    variable: "22270",
  },
])("buildPod() and ports, when $when", ({ given, ports, variable }) => {
  const containers = aCollector(aTemplate({ containers: given })).spec?.containers ?? [];
  deepStrictEqual(containers.map((container) => container.ports), ports);
  const seen = containers.map(({ env }) =>
    env?.find(({ name }) => name === "COLLECTOR_PORT")?.value
  );
  deepStrictEqual(seen, given.map(() => variable));
});

Deno.test.each<{ when: string; own?: Volume[]; job?: Volume[]; names: string[] | undefined }>([
  { when: "neither has any", names: undefined },
  { when: "the job has some", job: [{ name: "work" }], names: ["work"] },
  { when: "the template has some", own: [{ name: "tmp" }], names: ["tmp"] },
  {
    when: "both have some",
    own: [{ name: "tmp" }],
    job: [{ name: "work" }],
    names: ["tmp", "work"],
  },
])("buildPod() gives a pod the volumes of its template and its job, when $when", (row) => {
  const spec = row.own === undefined ? {} : { volumes: row.own };
  const job = aJob("pong", { spec: row.job === undefined ? {} : { volumes: row.job } });
  const pod = aCollector(aTemplate({ spec }), { job });
  deepStrictEqual(pod.spec?.volumes?.map(({ name }) => name), row.names);
});

Deno.test("buildPod() takes the template's volume where the job has one of the same name", () => {
  const own = { name: "work", emptyDir: {} };
  const job = aJob("pong", { spec: { volumes: [{ name: "work", hostPath: { path: "/data" } }] } });
  deepStrictEqual(aCollector(aTemplate({ spec: { volumes: [own] } }), { job }).spec?.volumes, [
    own,
  ]);
});

Deno.test.each<{ job?: string; template?: string; pod: string | undefined }>([
  { pod: undefined },
  { job: "high", pod: "high" },
  { template: "low", pod: "low" },
  { job: "high", template: "low", pod: "high" },
  { job: "", template: "low", pod: "low" },
])("buildPod() with priority class $job of the job and $template of the template", (row) => {
  const job = aJob("pong", {
    spec: row.job === undefined ? {} : { priorityClassName: row.job },
  });
  const spec = row.template === undefined ? {} : { priorityClassName: row.template };
  strictEqual(aCollector(aTemplate({ spec }), { job }).spec?.priorityClassName, row.pod);
});

Deno.test("buildPod() sets resources of di-container alone, over the template's", () => {
  const resources = { limits: { cpu: "1", "x/y": "1" }, requests: { cpu: "1", memory: "1Gi" } };
  const { spec } = aCollector(
    aTemplate({ containers: [aContainer({ resources }), aContainer({ name: "side" })] }),
    { resources: { cpu: "4", "nvidia.com/gpu": "1" } },
  );
  deepStrictEqual(spec?.containers.map((container) => container.resources), [{
    limits: { cpu: "4", "x/y": "1", "nvidia.com/gpu": "1" },
    requests: { cpu: "4", memory: "1Gi", "nvidia.com/gpu": "1" },
  }, undefined]);
});

Deno.test("buildPod() does not write to the template", () => {
  const template = aTemplate({
    containers: [aContainer({ env: [], ports: [], resources: {} })],
    spec: { volumes: [] },
    metadata: { labels: {}, annotations: {} },
  });
  const before = structuredClone(template);
  aCollector(template, { resources: { cpu: "1" }, annotations: { a: "b" } });
  deepStrictEqual(template, before);
});

Deno.test.each([
  { given: undefined, policy: "Never" },
  { given: "", policy: "Never" },
  { given: "OnFailure", policy: "OnFailure" },
  { given: "Always", policy: "Always" },
])("buildCoordinator() makes restart policy '$given' into $policy", ({ given, policy }) => {
  const template = aTemplate();
  if (given !== undefined) Object.assign(template.spec ?? {}, { restartPolicy: given });
  const job = aJob("pong", { spec: { coordinator: { template } } });
  strictEqual(buildCoordinator(job, { serverAddress: SERVER }).spec?.restartPolicy, policy);
});

Deno.test("buildPod() leaves the restart policy of other roles to the template", () => {
  strictEqual(aCollector(aTemplate()).spec?.restartPolicy, undefined);
});

Deno.test.each([
  { aggregatorAddress: undefined, more: [] },
  {
    aggregatorAddress: "pong-aggregator.rl:80",
    more: [{ name: "KUBERNETES_AGGREGATOR_URL", value: "pong-aggregator.rl:80" }],
  },
])("buildCoordinator() tells its own address and the aggregator at $aggregatorAddress", (row) => {
  const containers = [aContainer({ ports: [{ name: "di-port", containerPort: 80 }] })];
  const job = aJob("pong", { spec: { coordinator: { template: aTemplate({ containers }) } } });
  const pod = buildCoordinator(job, {
    serverAddress: SERVER,
    aggregatorAddress: row.aggregatorAddress,
  });
  deepStrictEqual(pod.spec?.containers[0]?.env, [
    { name: "COORDINATOR_PORT", value: "80" },
    { name: "KUBERNETES_POD_NAMESPACE", value: "rl" },
    { name: "KUBERNETES_POD_NAME", value: "pong-coordinator" },
    { name: "KUBERNETES_SERVER_URL", value: SERVER },
    { name: "KUBERNETES_COORDINATOR_URL", value: "pong-coordinator.rl:80" },
    ...row.more,
  ]);
  deepStrictEqual(pod.metadata.labels, replicaLabels(job, "pong-coordinator", "coordinator"));
});

Deno.test("buildJobAggregator() makes the aggregator of a whole job, with the job's volumes", () => {
  const job = aJob("pong", { spec: { volumes: [{ name: "work" }] } });
  const pod = buildJobAggregator(job, aTemplate(), SERVER);
  deepStrictEqual(
    {
      labels: pod.metadata.labels,
      owners: pod.metadata.ownerReferences,
      volumes: pod.spec?.volumes,
    },
    {
      labels: replicaLabels(job, "pong-aggregator", "aggregator"),
      owners: [OWNER],
      volumes: [{ name: "work" }],
    },
  );
});
