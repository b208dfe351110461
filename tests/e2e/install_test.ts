/** The installation: by kubectl, by `deploy` and `undeploy`, and a story under its own accounts. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { stringify } from "yaml";
import { AGGREGATOR_CONFIGS, DIJOBS } from "../../src/api/mod.ts";
import {
  type ClusterConfig,
  CONFIG_MAPS,
  KubeClient,
  NAMESPACES,
  type Pod,
  PODS,
  readKubeconfig,
  type Resource,
} from "../../src/kube/mod.ts";
import { OWN_PARTS, type Part, undeploy } from "../../src/install/mod.ts";
import { type BareCluster, startBareCluster } from "../support/bare_cluster.ts";
import { explained, printed, runOrchestrator, startOrchestrator } from "../support/command.ts";
import { aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { hasKubectl, Kubectl } from "../support/kubectl.ts";
import { kubeconfigFor } from "../support/late_api_server.ts";
import { shellJob } from "../support/shell_job.ts";
import { isGone, objectsOf, startNode, submitMockJob, untilFinished } from "../support/story.ts";
import { IS_REAL, type TestCluster } from "../support/test_cluster.ts";

const MANIFEST = "deploy/di-manager.yaml";
const DEPLOYMENTS: Resource<Part> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
};
const WAIT = { timeoutMs: 60_000 };

interface Place extends AsyncDisposable {
  readonly path: string;
  readonly client: KubeClient;
  readonly asCluster: TestCluster;
}

async function openPlace(): Promise<Place> {
  const cluster: BareCluster = await startBareCluster();
  const client = new KubeClient(readKubeconfig(cluster.kubeconfigPath));
  return {
    path: cluster.kubeconfigPath,
    client,
    asCluster: { client, kubeconfigPath: cluster.kubeconfigPath, hasGarbageCollector: true },
    async [Symbol.asyncDispose]() {
      client.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** A kubeconfig for that account of di-system, and nothing more. */
async function kubeconfigOf(
  { path, client }: Place,
  account: string,
  folder: string,
): Promise<string> {
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/di-system/serviceaccounts/${account}/token`,
    {},
    { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  );
  const { server, caPem = "" }: ClusterConfig = readKubeconfig(path);
  const file = `${folder}/${account}`;
  await Deno.writeTextFile(
    file,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": account,
      contexts: [{
        name: account,
        context: { cluster: "c", user: account, namespace: "di-system" },
      }],
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": btoa(caPem) } }],
      users: [{ name: account, user: { token: status.token } }],
    }),
  );
  return file;
}

/** Operator and server as processes under their own accounts. */
async function startProcesses(place: Place, folder: string, host: string) {
  const [operatorConfig, serverConfig] = await Promise.all(
    ["di-operator", "di-server"].map((account) => kubeconfigOf(place, account, folder)),
  );
  const operator = startOrchestrator(
    "operator",
    "--leader-elect",
    `--kubeconfig=${operatorConfig}`,
    "--metrics-bind-address=0",
    "--health-probe-bind-address=0",
  );
  const server = startOrchestrator(
    "server",
    `--kubeconfig=${serverConfig}`,
    `--server-bind-address=${host}`,
  );
  const end = async () => {
    for (const each of [operator, server]) each.kill("SIGTERM");
    return await Promise.all([operator.ended, server.ended]);
  };
  try {
    await printed(server, "SERVER");
    return { commands: [operator, server], end };
  } catch (error) {
    await end();
    throw error;
  }
}

Deno.test({
  name:
    "kubectl creates and applies the installation, and a job runs under its accounts across an upgrade",
  ignore: !hasKubectl(),
  async fn() {
    await using place = await openPlace();
    const folder = await Deno.makeTempDir({ prefix: "di-test-install-" });
    const kubectl = new Kubectl(place.path);
    try {
      const lines = async (...args: string[]) => {
        const { code, stdout, stderr } = await kubectl.run(args);
        strictEqual(code, 0, stderr);
        return stdout.trimEnd().split("\n");
      };
      const created = await lines("create", "-f", MANIFEST);
      ok(created.every((line) => line.endsWith(" created")), created.join("\n"));
      strictEqual(created.length, 20);
      await lines("apply", "-f", MANIFEST);
      const versions = () =>
        lines("get", "-f", MANIFEST, "-o", "custom-columns=V:.metadata.resourceVersion");
      const before = await versions();
      const again = await lines("apply", "-f", MANIFEST);
      // kubectl writes a budget's selector each time, and says so; nothing comes of it.
      deepStrictEqual(again.filter((line) => !line.endsWith(" unchanged")), [
        "poddisruptionbudget.policy/di-server configured",
      ]);
      deepStrictEqual(await versions(), before);
      await lines("wait", "--for=condition=Established", "-f", "crds/");

      const host = `127.0.0.1:${freePort()}`;
      let processes = await startProcesses(place, folder, host);
      const node = await startNode(place.asCluster, "node-install", host);
      try {
        await explained(processes.commands, async () => {
          const job = await submitMockJob(place.asCluster, "default", (example) => example);
          const coordinator = async (): Promise<Pod> =>
            await place.client.get(PODS, {
              namespace: "default",
              name: "dijob-example-1-coordinator",
            });
          await eventually(
            "the replicas",
            async () => (await objectsOf(place.asCluster, job)).pods.length >= 4,
            WAIT,
          );
          const before = (await coordinator()).metadata.uid;

          // The next version: its file over the old one, and every process anew.
          const text = (await Deno.readTextFile(MANIFEST)).replaceAll(/:v\d+\.\d+\.\d+/g, ":v99");
          const next = `${folder}/next.yaml`;
          await Deno.writeTextFile(next, text);
          const changed = (await lines("apply", "-f", next)).filter((line) =>
            !line.endsWith(" unchanged")
          );
          deepStrictEqual(changed, [
            "deployment.apps/di-operator configured",
            "poddisruptionbudget.policy/di-server configured",
            "deployment.apps/di-server configured",
          ]);
          deepStrictEqual(await processes.end(), [0, 0]);
          processes = await startProcesses(place, folder, host);

          const { status } = await untilFinished(place.asCluster, job);
          strictEqual(status?.phase, "Succeeded", JSON.stringify(status));
          strictEqual((await coordinator()).metadata.uid, before);
        });
      } finally {
        await node.stop();
        await processes.end();
      }
    } finally {
      kubectl.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Plays the Deployment controller: everything is available. */
async function rollOut({ client }: Place): Promise<void> {
  const { items } = await client.list(DEPLOYMENTS, { namespace: "di-system" });
  for (const { metadata, spec } of items) {
    const { replicas = 1 } = spec as { replicas?: number };
    const key = { namespace: "di-system", name: metadata.name ?? "" };
    const status = {
      observedGeneration: metadata.generation,
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
    };
    await client.patch(DEPLOYMENTS, key, { status }, { subresource: "status" });
  }
}

Deno.test("deploy installs and waits, undeploy takes back what it made and nothing else", async () => {
  await using place = await openPlace();
  const { client, path } = place;
  // It was here before: it stays.
  await client.create(NAMESPACES, { metadata: { name: "di-system" } });
  const kubeconfig = `--kubeconfig=${path}`;

  const unasked = await runOrchestrator("deploy", kubeconfig);
  deepStrictEqual([unasked.end, unasked.stderr], [
    1,
    "di-orchestrator: There is no terminal to ask on: give --yes\n",
  ]);
  deepStrictEqual((await client.list(DEPLOYMENTS)).items, []);

  const late = await runOrchestrator("deploy", kubeconfig, "--yes", "--timeout=1");
  strictEqual(late.end, 1);
  match(late.stderr, /Not rolled out after 1 s: Deployment di-system\/di-operator, Deployment/);
  await rollOut(place);
  const done = await runOrchestrator("deploy", kubeconfig, "--yes");
  strictEqual(done.end, 0, done.stderr);
  match(done.stdout, /^CustomResourceDefinition dijobs\.diengine\.opendilab\.org unchanged$/m);
  match(done.stdout, /^Deployment di-system\/di-server: 2 of 2 available$/m);
  match(done.stdout, /kubectl apply -f examples/);

  const other = await runOrchestrator(
    "deploy",
    kubeconfig,
    "--yes",
    "--timeout=1",
    "--image=r.example/x:1",
  );
  match(other.stdout, /^Deployment di-system\/di-server configured$/m);
  const { spec } = await client.get(DEPLOYMENTS, { namespace: "di-system", name: "di-server" });
  match(JSON.stringify(spec), /"image":"r\.example\/x:1"/);

  await client.create(DIJOBS, shellJob("busy", "sleep 1"));
  const refused = await runOrchestrator("undeploy", kubeconfig, "--yes");
  strictEqual(refused.end, 1);
  match(refused.stderr, /There are 1 DIJobs, which would go .*default\/busy.*--delete-jobs/);
  await client.create(AGGREGATOR_CONFIGS, {
    metadata: { name: "mine", namespace: "default" },
    spec: { provisioning: "OnDemand", aggregator: { template: aTemplate() } },
  });
  const gone = await runOrchestrator("undeploy", kubeconfig, "--yes", "--delete-jobs");
  strictEqual(gone.end, 0, gone.stderr);
  match(gone.stdout, /keep {4}Namespace di-system \(not made by deploy\)/);
  match(gone.stdout, /^ {2}delete {2}1 AggregatorConfigs: default\/mine$/m);
  match(gone.stdout, /^DIJob default\/busy deleted$/m);
  deepStrictEqual((await client.list(DEPLOYMENTS)).items, []);
  strictEqual(await isGone(client.list(DIJOBS)), true);
  await client.get(NAMESPACES, { namespace: "", name: "di-system" });

  const nothing = await runOrchestrator("undeploy", kubeconfig, "--yes");
  deepStrictEqual([nothing.end, /Nothing was done\./.test(nothing.stdout)], [0, true]);
});

Deno.test("undeploy refuses for a job that came while it was asking", async () => {
  await using place = await openPlace();
  const { client, path } = place;
  await runOrchestrator("deploy", `--kubeconfig=${path}`, "--yes", "--timeout=1");
  await rejects(
    undeploy({
      client,
      parts: OWN_PARTS,
      deleteJobs: false,
      print() {},
      signal: new AbortController().signal,
      confirm: async () => {
        await client.create(DIJOBS, shellJob("late", "sleep 1"));
        return true;
      },
    }),
    { name: "InstallError", message: /There are 1 DIJobs, .*default\/late/ },
  );
  strictEqual((await client.list(DIJOBS)).items.length, 1);
});

Deno.test("undeploy keeps a namespace that others use by now", async () => {
  await using place = await openPlace();
  const { client, path } = place;
  const kubeconfig = `--kubeconfig=${path}`;
  await runOrchestrator("deploy", kubeconfig, "--yes", "--timeout=1");
  await client.create(CONFIG_MAPS, { metadata: { namespace: "di-system", name: "theirs" } });
  const kept = await runOrchestrator("undeploy", kubeconfig, "--yes");
  strictEqual(kept.end, 0, kept.stderr);
  match(kept.stdout, /keep {4}Namespace di-system \(it has 1 ConfigMap \(theirs\)\)/);
  await client.get(CONFIG_MAPS, { namespace: "di-system", name: "theirs" });
  await client.delete(CONFIG_MAPS, { namespace: "di-system", name: "theirs" });
  const gone = await runOrchestrator("undeploy", kubeconfig, "--yes");
  match(gone.stdout, /^Namespace di-system deleted$/m);
});

Deno.test("deploy refuses a cluster that it cannot reach, and one that is too old", async () => {
  const folder = await Deno.makeTempDir({ prefix: "di-test-install-" });
  const old = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ major: "1", minor: "28+", gitVersion: "v1.28.9" }),
  );
  try {
    const away = `${folder}/away`;
    await Deno.writeTextFile(away, kubeconfigFor(`http://127.0.0.1:${freePort()}`));
    const none = await runOrchestrator("deploy", `--kubeconfig=${away}`, "--yes");
    strictEqual(none.end, 1);
    match(none.stderr, /^di-orchestrator: GET \/version got no answer: .*refused.*\n$/);
    const aged = `${folder}/old`;
    await Deno.writeTextFile(aged, kubeconfigFor(`http://127.0.0.1:${old.addr.port}`));
    const tooOld = await runOrchestrator("deploy", `--kubeconfig=${aged}`, "--yes");
    deepStrictEqual([tooOld.end, tooOld.stderr], [
      1,
      "di-orchestrator: The cluster is Kubernetes v1.28.9; needed is 1.29 or later\n",
    ]);
  } finally {
    await old.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "deploy without the rights says which are missing, and writes nothing",
  ignore: !IS_REAL, // the embedded API server lets everybody do everything
  async fn() {
    await using place = await openPlace();
    const { client } = place;
    const folder = await Deno.makeTempDir({ prefix: "di-test-install-" });
    try {
      await client.create(NAMESPACES, { metadata: { name: "di-system" } });
      await eventually("an account", async () => {
        await client.request("GET", "/api/v1/namespaces/di-system/serviceaccounts/default", {});
        return true;
      });
      const nobody = await kubeconfigOf(place, "default", folder);
      const { end, stderr } = await runOrchestrator("deploy", `--kubeconfig=${nobody}`, "--yes");
      strictEqual(end, 1);
      match(stderr, /^di-orchestrator: You have no right to:\n/);
      match(stderr, /^ {2}create customresourcedefinitions\.apiextensions\.k8s\.io$/m);
      match(stderr, /^ {2}patch deployments\.apps in namespace di-system$/m);
      deepStrictEqual((await client.list(DEPLOYMENTS)).items, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
