/** What operator and server export, in the words of docs/observability.md. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { DIJOBS } from "../../src/api/mod.ts";
import { explained, printed, type RunningCommand, startOrchestrator } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Exposition, readExposition } from "../support/exposition.ts";
import { freePort } from "../support/free_port.ts";
import { metricRowsOf, readMetricsTable } from "../support/metrics_table.ts";
import { shellJob } from "../support/shell_job.ts";
import { keyOfJob, objectsOf, startNode, untilFinished } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const REPLICAS = "/v1alpha1/replicas";
const START = { timeoutMs: 30_000 };

/** All that one answer of `/metrics` says; it has no fault. */
async function scrape(port: number): Promise<Exposition> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  deepStrictEqual(
    [response.status, response.headers.get("content-type")],
    [200, "text/plain; version=0.0.4; charset=utf-8"],
  );
  const exposition = readExposition(await response.text());
  deepStrictEqual(exposition.faults, []);
  return exposition;
}

/** The values of a sample by its labels, as far as those match. */
function valuesOf({ families }: Exposition, name: string, wanted: Record<string, string> = {}) {
  const samples = families.flatMap(({ samples }) => samples).filter((sample) =>
    sample.name === name &&
    Object.entries(wanted).every(([label, value]) => sample.labels.get(label) === value)
  );
  return samples.map(({ labels, value }) => ({ ...Object.fromEntries(labels), value }));
}

/** A job whose coordinator and collectors run until the file is there. */
function waitingJob(file: string, namespace: string) {
  const wait = `until [ -e ${file} ]; do sleep 0.1; done`;
  const job = shellJob("measured", wait, namespace);
  return { ...job, spec: { ...job.spec, collector: job.spec.coordinator } };
}

Deno.test("operator and server export the metrics of the reference, through a job's life", async () => {
  const { client, kubeconfigPath } = cluster();
  const namespace = await createNamespace(cluster(), "metrics");
  const folder = await Deno.makeTempDir({ prefix: "di-test-metrics-" });
  const [operatorPort, serverPort] = [freePort(), freePort()];
  const access = ["--kubeconfig", kubeconfigPath];
  const operator = startOrchestrator(
    "operator",
    ...access,
    "--leader-elect",
    `--leader-election-namespace=${namespace}`,
    `--metrics-bind-address=127.0.0.1:${operatorPort}`,
    "--health-probe-bind-address=0",
  );
  const server = startOrchestrator(
    "server",
    ...access,
    "--server-bind-address=127.0.0.1:0",
    `--metrics-bind-address=127.0.0.1:${serverPort}`,
  );
  const commands: RunningCommand[] = [operator, server];
  const node = await startNode(cluster(), `node-${namespace}`, "127.0.0.1:1");
  try {
    const url = await printed(server, "SERVER");
    const ask = async (method: string, query: string, body?: unknown) => {
      const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
      const response = await fetch(url + REPLICAS + query, init);
      return [response.status, (await response.json()).success];
    };
    await explained(commands, async () => {
      const job = await client.create(DIJOBS, waitingJob(`${folder}/end`, namespace));
      await eventually("the job to run", async () => {
        const { status } = await client.get(DIJOBS, keyOfJob(job));
        return status?.phase === "Running";
      }, START);
      const call = {
        namespace,
        coordinator: "measured-coordinator",
        collectors: { replicas: 1 },
      };
      const query = `?namespace=${namespace}&coordinator=measured-coordinator`;
      deepStrictEqual(await ask("POST", "", call), [200, true]);
      deepStrictEqual(await ask("GET", query), [200, true]);
      deepStrictEqual(await ask("DELETE", "", call), [200, true]);
      const phased = (phase: string) =>
        eventually(`phase ${phase} in the metrics`, async () => {
          const exposition = await scrape(operatorPort);
          deepStrictEqual(valuesOf(exposition, "di_job_phase", { namespace }), [
            { namespace, dijob: "measured", phase, value: 1 },
          ]);
          return exposition;
        });
      await phased("Running");
      await Deno.writeTextFile(`${folder}/end`, "");
      await untilFinished(cluster(), job);
      let posts = 1;
      await eventually("a call after the end to be put off", async () => {
        posts++;
        const [status, isDone] = await ask("POST", "", call);
        return status === 200 && !isDone;
      });
      await eventually("the clean-up", async () => {
        return (await objectsOf(cluster(), job)).pods.length === 1;
      });

      const [operated, served] = await Promise.all([phased("Succeeded"), scrape(serverPort)]);
      deepStrictEqual(metricRowsOf(operated.families), await readMetricsTable("operator"));
      deepStrictEqual(metricRowsOf(served.families), await readMetricsTable("server"));

      deepStrictEqual(valuesOf(operated, "di_replicas", { namespace, role: "Coordinator" }), [
        { namespace, dijob: "measured", role: "Coordinator", state: "succeeded", value: 1 },
      ]);
      ok((valuesOf(operated, "di_job_start_seconds_count")[0]?.value ?? 0) >= 1);
      deepStrictEqual(valuesOf(operated, "leader_election_master_status"), [
        { name: "di-operator", value: 1 },
      ]);
      const byMethod = (value: Record<string, number>) =>
        Object.entries(value).map(([method, value]) => ({ path: REPLICAS, method, value }));
      deepStrictEqual(
        valuesOf(served, "di_allocation_requests_total", { path: REPLICAS }),
        byMethod({ POST: posts, GET: 1, DELETE: 1 }).map((sample) => ({ ...sample, code: "200" })),
      );
      deepStrictEqual(
        valuesOf(served, "di_allocation_deferred_total", { path: REPLICAS }),
        byMethod({ POST: 1, GET: 0, DELETE: 0 }),
      );
    });
    for (const command of commands) {
      command.kill("SIGTERM");
      strictEqual(await command.ended, 0, command.stderr());
    }
  } finally {
    for (const command of commands) command.kill("SIGKILL");
    await Promise.all(commands.map(({ ended }) => ended));
    await node.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
