/** Jobs of v0.1.0 and v0.2.2: manifests that are taken as they stand, and jobs that those versions started. */
import { deepStrictEqual, match, partialDeepStrictEqual, strictEqual } from "node:assert/strict";
import { parse } from "yaml";
import { type DIJob, DIJOBS, type DIJobSpec, isFinished } from "../../src/api/mod.ts";
import { PODS, SERVICES } from "../../src/kube/mod.ts";
import { startTestServer, untilReady } from "../support/allocation_story.ts";
import { eventually } from "../support/eventually.ts";
import { hasKubectl, Kubectl } from "../support/kubectl.ts";
import { oldPod, oldService } from "../support/old_objects.ts";
import {
  conditionOf,
  ended,
  labelsOf,
  OperatorStory,
  phasesOf,
} from "../support/operator_story.ts";
import { useOperator, WITH_OPERATOR } from "../support/story_operator.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const operator = useOperator(cluster);
const WITH_KUBECTL = { ...WITH_OPERATOR, ignore: !hasKubectl() };
const MANIFESTS = new URL("../manifests/", import.meta.url);
const OLD = "dijob_v0_1_0.yaml";
const NEWER = "dijob_v0_2_2.yaml";
const SIDE_CAR_GOES_ON = { shell: { running: {} }, "di-container": ended(0) };

function readManifest(file: string): Promise<string> {
  return Deno.readTextFile(new URL(file, MANIFESTS));
}

/** Creates the job as `kubectl create` does: what the API server does not know is an error. */
async function create(story: OperatorStory, file: string): Promise<DIJob> {
  const path = `/apis/diengine.opendilab.org/v1alpha1/namespaces/${story.namespace}/dijobs`;
  const query = "?fieldManager=kubectl-create&fieldValidation=Strict";
  return await story.client.request("POST", path + query, {}, parse(await readManifest(file)));
}

async function untilEnd(story: OperatorStory, name: string): Promise<string | undefined> {
  const job = await eventually(`the end of ${name}`, async () => {
    const job = await story.job(name);
    return isFinished(job.status?.phase) && job;
  });
  return job.status?.phase;
}

Deno.test(
  "a job of v0.1.0 gets its coordinator as that version made it",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const job = await create(story, OLD);
    deepStrictEqual([job.spec.cleanPodPolicy, job.spec.group, job.metadata.labels], [
      "ALL",
      "games",
      { team: "games" },
    ]);
    const pod = await story.pod("old-pong-coordinator");
    deepStrictEqual(
      pod.metadata.labels,
      labelsOf("old-pong", "old-pong-coordinator", "coordinator"),
    );
    strictEqual(pod.spec?.priorityClassName ?? "", "");
    partialDeepStrictEqual(pod.spec, {
      restartPolicy: "Never",
      volumes: [
        { name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "128Mi" } },
        { name: "results", hostPath: { path: "/data/results" } },
      ],
      containers: [{
        name: "di-container",
        imagePullPolicy: "Always",
        args: ["python3 -u play.py coordinator -p $COORDINATOR_PORT"],
        env: [
          { name: "PYTHONUNBUFFERED", value: "1" },
          { name: "COORDINATOR_PORT", value: "22270" },
          { name: "KUBERNETES_POD_NAMESPACE", value: story.namespace },
          { name: "KUBERNETES_POD_NAME", value: "old-pong-coordinator" },
          { name: "KUBERNETES_SERVER_URL", value: "di-server.di-system:8080" },
          {
            name: "KUBERNETES_COORDINATOR_URL",
            value: `old-pong-coordinator.${story.namespace}:22270`,
          },
        ],
        ports: [{ name: "di-port", containerPort: 22270 }],
        resources: { limits: { cpu: "3", memory: "10Gi" } },
      }],
    });
    const { spec } = await story.service("old-pong-coordinator");
    deepStrictEqual(spec?.ports?.map(({ name, port }) => [name, port]), [["di-port", 22270]]);
  },
);

Deno.test(
  "a job of v0.1.0 is given replicas, and its policy ALL leaves nothing",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    await create(story, OLD);
    await story.pod("old-pong-coordinator");
    await story.report("old-pong-coordinator", "Running");
    const server = await startTestServer(story.client);
    await untilReady(server);
    const response = await server.handle(
      new Request("http://server/v1alpha1/replicas", {
        method: "POST",
        body: JSON.stringify({
          namespace: story.namespace,
          coordinator: "old-pong-coordinator",
          collectors: { replicas: 1, cpus: "1", memory: "1Gi" },
          learners: { replicas: 1 },
        }),
      }),
    );
    const { success, data } = await response.json();
    await server.stop();
    strictEqual(success, true);
    match(data.collectors[0], /^old-pong-collector-[a-z0-9]{5}\.rows-.*:80$/);
    match(data.learners[0], /^old-pong-learner-[a-z0-9]{5}\.rows-.*:22271$/);
    await story.report("old-pong-coordinator", "Succeeded");
    strictEqual(await untilEnd(story, "old-pong"), "Succeeded");
    await story.untilPods([]);
    await story.untilServices([]);
  },
);

Deno.test(
  "a job of v0.2.2 gets its coordinator, with the side-car and what that version lost",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    const job = await create(story, NEWER);
    strictEqual(job.spec.learner, undefined);
    const pod = await story.pod("newer-pong-coordinator");
    deepStrictEqual([pod.metadata.labels, pod.metadata.annotations], [
      { team: "games", ...labelsOf("newer-pong", "newer-pong-coordinator", "coordinator") },
      { note: "watch me" },
    ]);
    deepStrictEqual(
      pod.spec?.containers.map(({ name, ports = [] }) => [
        name,
        ...ports.map(({ name, containerPort }) => `${name} ${containerPort}`),
      ]),
      [["shell"], ["di-container", "di-port 22273", "web 8080"]],
    );
    strictEqual(pod.spec?.shareProcessNamespace, true);
  },
);

Deno.test(
  "a job of v0.2.2 ends with its main container, and its policy Running keeps that pod",
  WITH_OPERATOR,
  async () => {
    await using story = await OperatorStory.open(operator);
    await create(story, NEWER);
    await story.pod("newer-pong-coordinator");
    await story.report("newer-pong-coordinator", "Running", SIDE_CAR_GOES_ON);
    strictEqual(await untilEnd(story, "newer-pong"), "Succeeded");
    await story.untilServices([]);
    await story.settle();
    deepStrictEqual(await story.podNames(), ["newer-pong-coordinator"]);
  },
);

/** A job that v0.2.2 has started, with a collector and a learner of two GPUs; this operator comes after it. */
async function takeOver(cleanPodPolicy: DIJobSpec["cleanPodPolicy"]): Promise<OperatorStory> {
  const story = await OperatorStory.open(operator);
  const { client } = story;
  await operator.stop();
  const job = await story.submit({ cleanPodPolicy });
  const aggregator = await client.create(PODS, oldPod(job, "aggregator", "a"));
  const others = [
    oldPod(job, "coordinator", ""),
    oldPod(job, "collector", "a"),
    oldPod(job, "ddp-learner", "a", aggregator),
  ];
  for (const pod of others) await client.create(PODS, pod);
  for (const pod of [aggregator, ...others]) {
    await client.create(SERVICES, oldService(pod));
    await story.report(pod.metadata.name ?? "", "Running");
  }
  const condition = (type: string, message: string) => ({
    type,
    status: "True",
    reason: `DIJob${type}`,
    message,
    lastUpdateTime: "2021-11-01T00:00:00Z",
    lastTransitionTime: "2021-11-01T00:00:00Z",
  });
  const status = {
    phase: "Running",
    conditions: [
      condition("Created", "DIJob demo created"),
      condition("Running", "coordinator and aggregator of DIJob demo are running"),
    ],
    replicaStatus: { Coordinator: { active: 1 }, Aggregator: { active: 1 }, Collector: {} },
  };
  await client.patch(DIJOBS, story.key("demo"), { status }, { subresource: "status" });
  await operator.start();
  return story;
}

const OF_TAKEN_OVER = [
  "demo-aggregator-a",
  "demo-collector-a",
  "demo-coordinator",
  "demo-ddp-learner-a",
];

Deno.test(
  "a job that v0.2.2 started runs on under this operator, and nothing is made or deleted",
  WITH_OPERATOR,
  async () => {
    await using story = await takeOver("Running");
    const pods = await story.pods();
    const job = await story.until(
      "the new counts",
      ({ status }) => status?.replicaStatus?.DDPLearner?.active === 1,
    );
    await story.settle();
    deepStrictEqual(phasesOf(job), ["Created False DIJobCreated", "Running True DIJobRunning"]);
    strictEqual(job.status?.startTime, job.metadata.creationTimestamp);
    deepStrictEqual(await story.pods(), pods);
    deepStrictEqual(await story.serviceNames(), OF_TAKEN_OVER);
    deepStrictEqual(await story.events(), []);
  },
);

Deno.test(
  "a coordinator of v0.2.2 that was deleted by hand is made anew, with the service that is there",
  WITH_OPERATOR,
  async () => {
    await using story = await takeOver("Running");
    const before = await story.pod("demo-coordinator");
    await story.deletePod("demo-coordinator");
    await story.pod("demo-coordinator", before);
    await story.settle();
    const job = await story.job();
    strictEqual(conditionOf(job, "Progressing"), undefined);
    deepStrictEqual(await story.serviceNames(), OF_TAKEN_OVER);
    await story.untilEvents(["Normal SuccessfulCreate Create pod: demo-coordinator"]);
  },
);

Deno.test(
  "a finished job of v0.2.2 keeps no service, though its services do not go with their pods",
  WITH_OPERATOR,
  async () => {
    await using story = await takeOver("All");
    await story.report("demo-coordinator", "Succeeded");
    strictEqual(await untilEnd(story, "demo"), "Succeeded");
    await story.untilPods([]);
    await story.untilServices([]);
  },
);

Deno.test(
  "kubectl applies jobs of v0.1.0 and v0.2.2 without a warning, and once more without a change",
  WITH_KUBECTL,
  async () => {
    await using story = await OperatorStory.open(operator);
    const kubectl = new Kubectl(cluster().kubeconfigPath);
    try {
      for (const [file, name] of [[OLD, "old-pong"], [NEWER, "newer-pong"]] as const) {
        const manifest = await readManifest(file);
        const args = ["apply", "-n", story.namespace, "-f", "-"];
        const kind = "dijob.diengine.opendilab.org";
        const first = await kubectl.run(args, manifest);
        deepStrictEqual(first, { code: 0, stdout: `${kind}/${name} created\n`, stderr: "" });
        await story.pod(`${name}-coordinator`);
        const again = await kubectl.run(args, manifest);
        deepStrictEqual(again, { code: 0, stdout: `${kind}/${name} unchanged\n`, stderr: "" });
      }
    } finally {
      kubectl.close();
    }
  },
);
