/** What stories have in common: the sample job in a namespace of its own, and what is left of it. */
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import {
  type AggregatorConfig,
  type DIJob,
  DIJOBS,
  LABEL,
  REPLACES_ANNOTATION,
} from "../../src/api/mod.ts";
import { type KubeletOptions, startKubelet } from "../../src/devcluster/kubelet/mod.ts";
import {
  isNotFound,
  type KubeObject,
  listWatch,
  ObjectCache,
  type Pod,
  PODS,
  runReflector,
  SERVICES,
} from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { startOperator } from "../../src/operator/mod.ts";
import { startServer } from "../../src/server/mod.ts";
import { AGGREGATOR_CONFIG_KEY, putAggregatorConfig } from "./aggregator_config.ts";
import { eventually } from "./eventually.ts";
import { ensureNamespace, type TestCluster } from "./test_cluster.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
export const SYSTEM_NAMESPACE = "di-system";
export const SERVER_ADDRESS = "di-server.di-system:8080";

/** The objects of one example file. */
export async function readExample(name: string): Promise<KubeObject[]> {
  const text = await Deno.readTextFile(new URL(name, EXAMPLES));
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** Puts the sample's AggregatorConfig in place, and the sample job into `namespace`. */
export async function submitMockJob(
  cluster: TestCluster,
  namespace: string,
  change: (job: DIJob) => DIJob = (job) => job,
): Promise<DIJob> {
  await ensureNamespace(cluster, SYSTEM_NAMESPACE);
  const [config] = await readExample("di-mock-agconfig.yaml");
  await putAggregatorConfig(cluster.client, config as AggregatorConfig);
  const [example] = await readExample("di-mock-dijob.yaml");
  const job = example as DIJob;
  return await cluster.client.create(
    DIJOBS,
    change({ ...job, metadata: { ...job.metadata, namespace } }),
  );
}

/** A node that runs pods as processes and leads the server's name to `serverHost`. */
export async function startNode(
  { client }: TestCluster,
  name: string,
  serverHost: string,
  more: Partial<KubeletOptions> = {},
) {
  const rootFolder = await Deno.makeTempDir({ prefix: "di-test-node-" });
  return await startKubelet({
    client,
    nodeName: name,
    rootFolder,
    programCommand: [
      Deno.execPath(),
      "run",
      "--quiet",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      MAIN,
    ],
    programVariables: denoDir(),
    hostEnv: {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: Deno.env.get("HOME"),
      LANG: Deno.env.get("LANG"),
      TMPDIR: Deno.env.get("TMPDIR"),
    },
    routes: new Map([[SERVER_ADDRESS, serverHost]]),
    // What tests ask for fits, whatever the machine.
    claimed: { cpus: 64, memoryBytes: 2 ** 38 },
    ...more,
  });
}

function denoDir(): Record<string, string> {
  const folder = Deno.env.get("DENO_DIR");
  return folder === undefined ? {} : { DENO_DIR: folder };
}

/** Operator, server and a node; `stop()` ends them. */
export async function startParts(testCluster: TestCluster, nodeName: string) {
  const { client } = testCluster;
  const server = await startServer({
    client,
    bindAddress: "127.0.0.1:0",
    serverAddress: SERVER_ADDRESS,
    agconfig: AGGREGATOR_CONFIG_KEY,
    log: loggerOf("server"),
  });
  const operator = startOperator({
    client,
    serverAddress: SERVER_ADDRESS,
    aggregatorConfig: AGGREGATOR_CONFIG_KEY,
    workers: 4,
    log: loggerOf("operator"),
  });
  const node = await startNode(testCluster, nodeName, new URL(server.url).host);
  return {
    async stop() {
      await node.stop();
      await operator.stop();
      await server.stop();
    },
  };
}

/** Waits for a job's end and returns the job as it is then. */
export async function untilFinished(cluster: TestCluster, job: DIJob): Promise<DIJob> {
  const key = keyOfJob(job);
  return await eventually(`end of DIJob ${key.namespace}/${key.name}`, async () => {
    const now = await cluster.client.get(DIJOBS, key);
    const phase = now.status?.phase;
    return phase === "Succeeded" || phase === "Failed" ? now : undefined;
  }, { timeoutMs: 90_000, intervalMs: 100 });
}

export function keyOfJob({ metadata: { namespace = "", name = "" } }: DIJob) {
  return { namespace, name };
}

/** The pods and services of one job, by label. */
export async function objectsOf(
  { client }: TestCluster,
  job: DIJob,
): Promise<{ pods: Pod[]; services: string[] }> {
  const { namespace, name } = keyOfJob(job);
  const scope = { namespace, labelSelector: `${LABEL.job}=${name}` };
  const [pods, services] = await Promise.all([
    client.list(PODS, scope),
    client.list(SERVICES, scope),
  ]);
  return {
    pods: pods.items,
    services: services.items.map(({ metadata }) => metadata.name ?? "").sort(),
  };
}

/** Deletes the job as `kubectl delete` does and waits until nothing of it is left. */
export async function deleteJob(cluster: TestCluster, job: DIJob): Promise<void> {
  const { client, hasGarbageCollector } = cluster;
  await client.delete(DIJOBS, keyOfJob(job), { propagationPolicy: "Background" });
  await eventually("the job's end", () => isGone(client.get(DIJOBS, keyOfJob(job))));
  if (!hasGarbageCollector) return;
  await eventually("the end of all that the job owned", async () => {
    const { pods, services } = await objectsOf(cluster, job);
    return pods.length === 0 && services.length === 0;
  }, { timeoutMs: 60_000 });
}

/** True when a read says that there is no such object. */
export async function isGone(read: Promise<unknown>): Promise<boolean> {
  try {
    await read;
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

export interface PodRecord {
  /** Every pod that ever was, as it was last seen, by name. */
  readonly seen: ReadonlyMap<string, Pod>;
  stop(): Promise<void>;
}

/** Keeps a record of a namespace's pods from now on. */
export function recordPods({ client }: TestCluster, namespace: string): PodRecord {
  const seen = new Map<string, Pod>();
  const stopping = new AbortController();
  const cache = new ObjectCache<Pod>();
  cache.subscribe(({ after }) => after && seen.set(after.metadata.name ?? "", after));
  const reflector = runReflector({
    source: listWatch(client, PODS, { namespace }),
    cache,
    log: loggerOf("test"),
    signal: stopping.signal,
  });
  return {
    seen,
    async stop() {
      stopping.abort();
      await reflector;
    },
  };
}

/** How many pods of each role there ever were, and how many of them replaced another. */
export function countRoles({ seen }: PodRecord): Record<string, number> {
  const counts: Record<string, number> = {};
  let replacements = 0;
  for (const { metadata } of seen.values()) {
    const role = metadata.labels?.[LABEL.replicaType] ?? "none";
    counts[role] = (counts[role] ?? 0) + 1;
    if (metadata.annotations?.[REPLACES_ANNOTATION] !== undefined) replacements++;
  }
  return { ...counts, replacements };
}

/** What {@link countRoles} says of the sample job: 2 of each, one learner of which was replaced. */
export const MOCK_JOB_ROLES = {
  aggregator: 1,
  collector: 2,
  coordinator: 1,
  learner: 3,
  replacements: 1,
};
