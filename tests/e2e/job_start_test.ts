/** What a job starts with: templates that the API server takes, and the replicas that its spec asks for. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type DIJob, DIJOBS, type DIJobSpec } from "../../src/api/mod.ts";
import { EVENTS, type Pod, PODS, type PodTemplateSpec, SERVICES } from "../../src/kube/mod.ts";
import { loggerOf } from "../../src/lib/logger.ts";
import { type RunningOperator, startOperator } from "../../src/operator/mod.ts";
import type { RunningServer } from "../../src/server/mod.ts";
import { startTestServer, untilReady } from "../support/allocation_story.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { shellJob } from "../support/shell_job.ts";
import { readExample, SERVER_ADDRESS, startNode } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const WAIT = { timeoutMs: 30_000 };

let operator: RunningOperator | undefined;
Deno.test.beforeAll(() => {
  operator = startOperator({
    client: cluster().client,
    serverAddress: SERVER_ADDRESS,
    aggregatorConfig: { namespace: "di-system", name: "none" },
    workers: 4,
    restartBackoff: { initialMs: 100, maxMs: 100, factor: 1, jitter: 0 },
    log: loggerOf("operator"),
  });
});
Deno.test.afterAll(() => operator?.stop());

/** The operator works on while a test ends and the next one begins. */
const WITH_OPERATOR = { sanitizeOps: false, sanitizeResources: false };

/** The API server refuses a pod of it, for its port. */
const BAD_TEMPLATE: PodTemplateSpec = aTemplate({
  containers: [aContainer({ ports: [{ name: "Bad_Port", containerPort: 99_999 }] })],
});

/** One job, whose node's part the test plays. */
class Start {
  private constructor(readonly key: { readonly namespace: string; readonly name: string }) {}

  static async submit(spec: Partial<DIJobSpec>): Promise<Start> {
    const namespace = await createNamespace(cluster(), "start");
    const plain = shellJob("start", "true", namespace);
    await cluster().client.create(DIJOBS, { ...plain, spec: { ...plain.spec, ...spec } });
    return new Start({ namespace, name: "start" });
  }

  job(): Promise<DIJob> {
    return cluster().client.get(DIJOBS, this.key);
  }

  /** `status reason message` of a condition, once it has the status. */
  async condition(wanted: string, status: string): Promise<string> {
    return await eventually(`${wanted} to be ${status}`, async () => {
      const found = (await this.job()).status?.conditions?.find(({ type }) => type === wanted);
      return found?.status === status && `${found.status} ${found.reason} ${found.message}`;
    }, WAIT);
  }

  async pods(): Promise<Pod[]> {
    const { items } = await cluster().client.list(PODS, { namespace: this.key.namespace });
    return items;
  }

  async podNames(): Promise<string[]> {
    return (await this.pods()).map(({ metadata }) => metadata.name ?? "").sort();
  }

  async until(names: readonly string[]): Promise<void> {
    await eventually(
      `pods ${names.join(", ")}`,
      async () => deepStrictEqual(await this.podNames(), names) ?? true,
      WAIT,
    );
  }

  async change(spec: unknown): Promise<void> {
    await cluster().client.patch(DIJOBS, this.key, { spec });
  }

  async report(name: string, phase: "Running" | "Failed"): Promise<void> {
    const key = { ...this.key, name };
    await cluster().client.patch(PODS, key, { status: { phase } }, { subresource: "status" });
  }

  async warnings(): Promise<string[]> {
    const { items } = await cluster().client.list(EVENTS, { namespace: this.key.namespace });
    return items.filter(({ type, involvedObject }) =>
      type === "Warning" && involvedObject.kind === "DIJob"
    ).map(({ reason = "", message = "" }) => `${reason} ${message}`);
  }
}

Deno.test(
  "a template that the API server refuses is told of before anything runs, and taken up once mended",
  WITH_OPERATOR,
  async () => {
    const start = await Start.submit({ learner: { template: BAD_TEMPLATE } });
    const refusal = await start.condition("Accepted", "False");
    match(
      refusal,
      /^False InvalidTemplate spec\.learner\.template\.spec\.containers\[0\]\.ports\[0\]/,
    );
    match(refusal, /99999.*between 1 and 65535/);
    strictEqual((await start.job()).status?.phase, "Created");
    deepStrictEqual(await start.podNames(), []);
    const warnings = await eventually("an Event", async () => {
      const found = await start.warnings();
      return found.length > 0 && found;
    });
    deepStrictEqual(warnings, [refusal.replace(/^False /, "")]);

    await start.change({ learner: { template: aTemplate() } });
    await start.until(["start-coordinator"]);
    match(await start.condition("Accepted", "True"), /^True TemplatesAccepted /);
  },
);

Deno.test(
  "a job that runs goes on when its template is changed for a bad one, and says so",
  WITH_OPERATOR,
  async () => {
    const start = await Start.submit({ collector: { template: aTemplate() } });
    await start.until(["start-coordinator"]);
    await start.report("start-coordinator", "Running");
    await start.condition("Running", "True");
    await start.change({ collector: { template: BAD_TEMPLATE } });
    match(await start.condition("Accepted", "False"), /spec\.collector\.template/);
    const { status, metadata } = await start.job();
    deepStrictEqual([status?.phase, status?.observedGeneration], ["Running", metadata.generation]);
    deepStrictEqual(await start.podNames(), ["start-coordinator"]);
  },
);

Deno.test(
  "replicas that the spec asks for are there before the coordinator, and stay given back",
  WITH_OPERATOR,
  async () => {
    const { client } = cluster();
    const worker = { replicas: 2, template: aTemplate() };
    const start = await Start.submit({ collector: worker, learner: { ...worker, replicas: 1 } });
    const first = ["start-collector-0", "start-collector-1", "start-learner-0"];
    await start.until([...first.slice(0, 2), "start-coordinator", ...first.slice(2)]);
    const ages = (await start.pods()).map(({ metadata }) => ({
      name: metadata.name ?? "",
      version: Number(metadata.resourceVersion),
    })).toSorted((a, b) => a.version - b.version);
    strictEqual(ages.at(-1)?.name, "start-coordinator");
    await eventually("their services", async () => {
      const { items } = await client.list(SERVICES, { namespace: start.key.namespace });
      return items.length === 4;
    });

    const server: RunningServer = await startTestServer(client);
    try {
      await untilReady(server);
      const ask = async (method: string, body?: unknown) => {
        const query = `namespace=${start.key.namespace}&coordinator=start-coordinator`;
        const url = `http://server/v1alpha1/replicas${body === undefined ? `?${query}` : ""}`;
        const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
        return (await (await server.handle(new Request(url, init))).json()).data;
      };
      const place = { namespace: start.key.namespace, coordinator: "start-coordinator" };
      const address = (name: string, port: number) => `${name}.${start.key.namespace}:${port}`;
      deepStrictEqual(await ask("GET"), {
        ...place,
        collectors: [address("start-collector-0", 22270), address("start-collector-1", 22270)],
        learners: [address("start-learner-0", 22271)],
      });
      const gone = await ask("DELETE", { ...place, collectors: { replicas: 1 } });
      strictEqual(gone.collectors.length, 1);
      await start.report("start-coordinator", "Running");
      await start.condition("Running", "True");
      strictEqual((await start.podNames()).length, 3);
    } finally {
      await server.stop();
    }
  },
);

Deno.test("a coordinator that starts again finds fresh replicas", WITH_OPERATOR, async () => {
  const collector = { replicas: 2, template: aTemplate() };
  const start = await Start.submit({ collector, backoffLimit: 1 });
  const names = ["start-collector-0", "start-collector-1", "start-coordinator"];
  await start.until(names);
  const uids = new Set((await start.pods()).map(({ metadata }) => metadata.uid));
  await start.report("start-coordinator", "Failed");
  await eventually("the pods of the next try", async () => {
    const pods = await start.pods();
    return pods.length === 3 && pods.every(({ metadata }) => !uids.has(metadata.uid));
  }, WAIT);
  deepStrictEqual(await start.podNames(), names);
  strictEqual((await start.job()).status?.restarts, 1);
});

Deno.test(
  "a scheduler's name and a pod group reach the pods as the templates have them",
  WITH_OPERATOR,
  async () => {
    const [gang] = await readExample("di-gang-dijob.yaml") as DIJob[];
    const start = await Start.submit(gang?.spec ?? {});
    const collectors = [0, 1, 2, 3].map((index) => `start-collector-${index}`);
    await start.until([...collectors, "start-coordinator"]);
    const found = (await start.pods()).map(({ metadata, spec }) => [
      spec?.schedulerName,
      metadata.annotations?.["scheduling.k8s.io/group-name"],
    ]);
    deepStrictEqual(found, found.map(() => ["volcano", "dijob-gang"]));
  },
);

/** Whether the example's processes can run here. */
function hasPython(): boolean {
  try {
    return new Deno.Command("python3", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("a job whose replicas are started with it needs no server (where there is Python)", {
  ...WITH_OPERATOR,
  ignore: !hasPython(),
}, async () => {
  const [example] = await readExample("di-replicas-dijob.yaml") as DIJob[];
  const node = await startNode(cluster(), "node-job-start", "127.0.0.1:1");
  try {
    const start = await Start.submit(example?.spec ?? {});
    await eventually("its end", async () => (await start.job()).status?.phase === "Succeeded", {
      timeoutMs: 60_000,
    });
    await eventually(
      "the end of its collectors",
      async () => (await start.podNames()).join() === "start-coordinator",
      WAIT,
    );
  } finally {
    await node.stop();
  }
});
