/** Manifests that are wrong, and old ones that are not: what the API server and the operator make of them. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { type DIJob, DIJOBS, LABEL } from "../../src/api/mod.ts";
import { ApiError, type KubeClient, type Pod, PODS, SERVICES } from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { type RunningOperator, startOperator } from "../../src/operator/mod.ts";
import { eventually } from "../support/eventually.ts";
import { isGone, SERVER_ADDRESS } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

type Manifest = Readonly<Record<string, unknown>>;
const CONTAINERS = [{ name: "di-container", image: "nowhere/none:1" }];
const COORDINATOR = { template: { spec: { containers: CONTAINERS } } };

/** A DIJob as a user writes it: nothing filled in. */
function manifest(name: string, spec: Manifest = {}): Manifest {
  return {
    apiVersion: "diengine.opendilab.org/v1alpha1",
    kind: "DIJob",
    metadata: { name },
    spec: { coordinator: COORDINATOR, ...spec },
  };
}

function create(client: KubeClient, namespace: string, body: Manifest): Promise<DIJob> {
  const path = `/apis/diengine.opendilab.org/v1alpha1/namespaces/${namespace}/dijobs`;
  return client.request<DIJob>("POST", path, {}, body);
}

let operator: RunningOperator | undefined;
Deno.test.beforeAll(() => {
  operator = startOperator({
    client: cluster().client,
    serverAddress: SERVER_ADDRESS,
    // There is none, whatever other tests have made: no job gets an aggregator.
    aggregatorConfig: { namespace: "di-system", name: "none-for-bad-input" },
    workers: 4,
    log: loggerOf("operator"),
  });
});
Deno.test.afterAll(() => operator?.stop());

/** The operator works on while a test ends and the next one begins. */
const WITH_OPERATOR = { sanitizeOps: false, sanitizeResources: false };

const NAME_RULE = /metadata\.name must have at most 45 characters .* starts with a letter/;

Deno.test.each([
  {
    what: "an unknown policy",
    body: manifest("bad", { cleanPodPolicy: "Sometimes" }),
    says:
      /spec\.cleanPodPolicy: Unsupported value: "Sometimes": supported values: "Running", "All", "None", "ALL", ""/,
  },
  {
    what: "no coordinator",
    body: { ...manifest("bad"), spec: {} },
    says: /spec\.coordinator: Required value/,
  },
  {
    what: "no coordinator template",
    body: manifest("bad", { coordinator: {} }),
    says: /spec\.coordinator\.template: Required value/,
  },
  {
    what: "a coordinator without containers",
    body: manifest("bad", { coordinator: { template: { spec: {} } } }),
    says: /spec\.coordinator\.template\.spec\.containers: Required value/,
  },
  {
    what: "a collector without template",
    body: manifest("bad", { collector: {} }),
    says: /spec\.collector\.template: Required value/,
  },
  { what: "a name that is too long", body: manifest("b".repeat(46)), says: NAME_RULE },
  { what: "a name that starts with a digit", body: manifest("1bad"), says: NAME_RULE },
  { what: "a name with a dot", body: manifest("bad.job"), says: NAME_RULE },
  {
    what: "a name with capitals",
    body: manifest("Bad"),
    says: /metadata\.name: Invalid value: "Bad": a lowercase RFC 1123 subdomain must consist of/,
  },
])(
  "a DIJob with $what is refused by the API server, and nothing is made",
  WITH_OPERATOR,
  async (row) => {
    const { client } = cluster();
    const namespace = await createNamespace(cluster(), "bad-input");
    await rejects(create(client, namespace, row.body), (error: unknown) => {
      strictEqual(error instanceof ApiError && error.code, 422);
      match(error instanceof Error ? error.message : "", row.says);
      return true;
    });
    deepStrictEqual((await client.list(DIJOBS, { namespace })).items, []);
  },
);

Deno.test("no job is changed into one that would have been refused", WITH_OPERATOR, async () => {
  const { client } = cluster();
  const namespace = await createNamespace(cluster(), "bad-input");
  await create(client, namespace, manifest("good"));
  const path = `/apis/diengine.opendilab.org/v1alpha1/namespaces/${namespace}/dijobs/good`;
  const patch = client.request(
    "PATCH",
    path,
    {},
    { spec: { coordinator: null } },
    "application/merge-patch+json",
  );
  await rejects(patch, /spec\.coordinator: Required value/);
  const job = await client.get(DIJOBS, { namespace, name: "good" });
  deepStrictEqual(job.spec.coordinator, COORDINATOR);
});

/** Writes a pod's status as a kubelet would. */
async function report(
  client: KubeClient,
  namespace: string,
  name: string,
  phase: string,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
  const body = { status: { phase } };
  await client.request("PATCH", path, {}, body, "application/merge-patch+json");
}

/** A collector of the job, as the server makes one. */
function collectorOf(
  { metadata: { name = "", namespace = "", uid = "" } }: DIJob,
  id: string,
): Pod {
  return {
    metadata: {
      name: `${name}-collector-${id}`,
      namespace,
      labels: {
        [LABEL.group]: "diengine.opendilab.org",
        [LABEL.job]: name,
        [LABEL.controller]: "di-operator",
        [LABEL.replicaType]: "collector",
        [LABEL.pod]: `${name}-collector-${id}`,
      },
      ownerReferences: [{
        apiVersion: "diengine.opendilab.org/v1alpha1",
        kind: "DIJob",
        name,
        uid,
        controller: true,
      }],
    },
    spec: { containers: CONTAINERS },
  };
}

Deno.test.each([
  { policy: undefined, left: ["job-collector-ended", "job-coordinator"] },
  { policy: "Running", left: ["job-collector-ended", "job-coordinator"] },
  { policy: "", left: ["job-collector-ended", "job-coordinator"] },
  { policy: "All", left: [] },
  { policy: "ALL", left: [] },
  { policy: "None", left: ["job-collector-ended", "job-collector-lives", "job-coordinator"] },
])(
  "a finished job with the policy $policy leaves $left",
  WITH_OPERATOR,
  async ({ policy, left }) => {
    const { client } = cluster();
    const namespace = await createNamespace(cluster(), "policy");
    const job = await create(
      client,
      namespace,
      manifest("job", policy === undefined ? {} : { cleanPodPolicy: policy }),
    );
    strictEqual(job.spec.cleanPodPolicy, policy ?? "Running");
    await client.create(PODS, collectorOf(job, "lives"));
    await client.create(PODS, collectorOf(job, "ended"));
    await report(client, namespace, "job-collector-lives", "Running");
    await report(client, namespace, "job-collector-ended", "Failed");
    await eventually(
      "the coordinator",
      () => client.get(PODS, { namespace, name: "job-coordinator" }),
    );
    await report(client, namespace, "job-coordinator", "Succeeded");
    await eventually("the job's end", async () => {
      const { status } = await client.get(DIJOBS, { namespace, name: "job" });
      return status?.phase === "Succeeded";
    });
    // Services go by any policy: once they have gone, the policy has been looked at.
    await eventually("the end of the services", async () => {
      return (await client.list(SERVICES, { namespace })).items.length === 0;
    });
    await eventually("the clean-up", async () => {
      const { items } = await client.list(PODS, { namespace });
      deepStrictEqual(items.map(({ metadata }) => metadata.name).sort(), left);
      return true;
    });
  },
);

Deno.test(
  "an old manifest is taken: empty priority class, a group, labels in its template",
  WITH_OPERATOR,
  async () => {
    const { client } = cluster();
    const namespace = await createNamespace(cluster(), "old");
    const metadata = {
      name: "not-taken",
      labels: { team: "red", "replica-type": "mine" },
      annotations: { note: "kept" },
    };
    await create(
      client,
      namespace,
      manifest("old", {
        group: "xxx",
        priorityClassName: "",
        cleanPodPolicy: "",
        volumes: [{ name: "cache", emptyDir: { medium: "Memory", sizeLimit: "128Mi" } }],
        coordinator: { template: { metadata, ...COORDINATOR.template } },
      }),
    );
    const key = { namespace, name: "old-coordinator" };
    const pod = await eventually("the coordinator", () => client.get(PODS, key));
    deepStrictEqual(pod.metadata.annotations, { note: "kept" });
    deepStrictEqual(pod.metadata.labels, {
      team: "red",
      "group-name": "diengine.opendilab.org",
      "dijob-name": "old",
      "controller-name": "di-operator",
      "replica-type": "coordinator",
      "pod-name": "old-coordinator",
    });
    strictEqual(pod.spec?.priorityClassName ?? "", "");
    deepStrictEqual(
      pod.spec?.volumes?.filter(({ name }) => name === "cache"),
      [{ name: "cache", emptyDir: { medium: "Memory", sizeLimit: "128Mi" } }],
    );
    strictEqual(await isGone(client.get(PODS, { namespace, name: "not-taken" })), true);
  },
);

Deno.test(
  "a job whose pods the API server refuses says why, and goes on when it can",
  WITH_OPERATOR,
  async () => {
    const { client } = cluster();
    const namespace = await createNamespace(cluster(), "refused");
    const key = { namespace, name: "job" };
    await create(
      client,
      namespace,
      manifest("job", {
        coordinator: { template: { spec: { containers: [{ name: "Not A Name" }] } } },
      }),
    );
    const job = await eventually("word of the failure", async () => {
      const job = await client.get(DIJOBS, key);
      return job.status?.conditions?.some(({ message = "" }) =>
        message.includes("spec.containers[0].name")
      ) && job;
    });
    deepStrictEqual((await client.list(PODS, { namespace })).items, []);
    strictEqual(job.status?.phase, "Created");
    const path = `/apis/diengine.opendilab.org/v1alpha1/namespaces/${namespace}/dijobs/job`;
    await client.request(
      "PATCH",
      path,
      {},
      { spec: { coordinator: COORDINATOR } },
      "application/merge-patch+json",
    );
    await eventually(
      "the coordinator",
      () => client.get(PODS, { namespace, name: "job-coordinator" }),
    );
  },
);
