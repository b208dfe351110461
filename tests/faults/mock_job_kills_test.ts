/** The main story while its two processes are killed again and again. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { sleep } from "../../src/lib/abort.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { type ProgramProcess, startProgram } from "../support/program.ts";
import { startServerGate } from "../support/server_gate.ts";
import {
  countRoles,
  deleteJob,
  MOCK_JOB_ROLES,
  objectsOf,
  recordPods,
  startNode,
  submitMockJob,
  untilFinished,
} from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

/** Time between two deaths of the operator, in ms: it gets to work for about half of it. */
const OPERATOR_LIFE_MS = 1500;
/** Answers between two deaths of the server. */
const SERVER_LIFE_ANSWERS = 5;

const cluster = useTestCluster();

Deno.test("the sample job comes to the same while operator and server are killed all the time", async () => {
  const test = cluster();
  const namespace = await createNamespace(test, "kills");
  const port = freePort();
  const startServer = () =>
    startProgram([
      "server",
      `--kubeconfig=${test.kubeconfigPath}`,
      `--server-bind-address=127.0.0.1:${port}`,
    ]);
  const startOperator = () =>
    startProgram([
      "operator",
      `--kubeconfig=${test.kubeconfigPath}`,
      "--health-probe-bind-address=0",
      "--metrics-bind-address=0",
    ]);
  let server: ProgramProcess = startServer();
  let serverDeaths = 0;
  let operatorDeaths = 0;
  const gate = startServerGate(`http://127.0.0.1:${port}`, async (answered) => {
    if (answered % SERVER_LIFE_ANSWERS !== 0) return;
    await server.end("SIGKILL");
    serverDeaths++;
    server = startServer();
  });
  const node = await startNode(test, namespace, gate.host);
  const record = recordPods(test, namespace);
  const ended = new AbortController();
  const operators = (async () => {
    while (!ended.signal.aborted) {
      const operator = startOperator();
      await sleep(OPERATOR_LIFE_MS, ended.signal);
      await operator.end("SIGKILL");
      operatorDeaths++;
    }
  })();
  try {
    const submitted = await submitMockJob(test, namespace);
    const job = await untilFinished(test, submitted);
    await eventually("the clean-up", async () => {
      const { pods, services } = await objectsOf(test, submitted);
      return pods.length === 1 && services.length === 0;
    }, { timeoutMs: 60_000 });
    deepStrictEqual({ phase: job.status?.phase, roles: countRoles(record) }, {
      phase: "Succeeded",
      roles: MOCK_JOB_ROLES,
    });
    ok(serverDeaths > 1 && operatorDeaths > 1, `${serverDeaths} and ${operatorDeaths} deaths`);
    await deleteJob(test, submitted);
  } finally {
    ended.abort();
    await operators;
    await record.stop();
    await node.stop();
    await gate.stop();
    await server.end("SIGKILL");
  }
});
