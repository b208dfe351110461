import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aJob, aPod } from "../../tests/support/builders.ts";
import { MemoryApi, MemoryClient } from "../../tests/support/memory_api.ts";
import { GROUP } from "../api/mod.ts";
import { LEASES, PODS } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { RequestLedger } from "./ledger.ts";
import { buildRecord, type RecordedWork, type RecordState } from "./records.ts";
import { ReplicaRemover } from "./remove.ts";
import { ClusterView } from "./view.ts";

const JOB = aJob("pong");
const JOB_REFERENCE = { namespace: "rl", name: "pong", uid: JOB.metadata.uid ?? "" };
const SIGNAL = new AbortController().signal;
const NAMESPACE = "di-system";

/** One copy of the server, as far as its remover goes. */
function aRemover(api: MemoryApi): ReplicaRemover {
  const client = new MemoryClient(api);
  const shared = { client, log: loggerOf("test"), lifetime: SIGNAL };
  const ledger = new RequestLedger({
    ...shared,
    namespace: NAMESPACE,
    holder: crypto.randomUUID(),
    undo: () => Promise.resolve(),
  });
  const deps = {
    ...shared,
    view: new ClusterView(client),
    serverAddress: "di-server.di-system:8080",
    agconfig: { namespace: NAMESPACE, name: "aggregator-config" },
    gpuAllocPolicy: "simple" as const,
  };
  return new ReplicaRemover(deps, (signal) => ledger.unanswered(signal));
}

async function leave(api: MemoryApi, work: RecordedWork, state: RecordState): Promise<void> {
  const key = { namespace: NAMESPACE, name: "di-request-left" };
  await new MemoryClient(api).create(LEASES, buildRecord(key, { state, work }, "dead", 0));
}

function requestFor(replicas: number) {
  const nothing = { replicas: 0, gpus: 0, resources: {} };
  return {
    namespace: "rl",
    coordinator: "pong-coordinator",
    collectors: { ...nothing, replicas },
    learners: nothing,
  };
}

Deno.test("what a killed copy has chosen to delete is nobody else's while there is other choice", async () => {
  const api = new MemoryApi();
  for (const end of ["a", "b", "c", "d"]) {
    api.put(PODS, aPod(`pong-collector-${end}`, { ownedBy: JOB }));
  }
  const left = await aRemover(api).plan(JOB, requestFor(1), SIGNAL);
  await leave(api, left, "working");
  const copy = aRemover(api);
  const deleteAs = async (replicas: number, work: RecordedWork, isResumed: boolean) => {
    const task = { work, isResumed, signal: SIGNAL, amend: () => Promise.resolve() };
    return (await copy.perform(JOB, requestFor(replicas), task)).collectors ?? [];
  };
  const two = await deleteAs(2, await copy.plan(JOB, requestFor(2), SIGNAL), false);
  const one = await deleteAs(1, left, true);
  deepStrictEqual([two.length, one.length, new Set([...two, ...one]).size], [2, 1, 3]);
  const staying = api.all(PODS).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  strictEqual(staying.length, 1);
});

Deno.test.each([
  { state: "working" as const, replicas: 1, taken: ["pong-collector-a"] },
  { state: "undelivered" as const, replicas: 1, taken: ["pong-collector-a"] },
  { state: "working" as const, replicas: 2, taken: ["pong-collector-a", "pong-collector-b"] },
  { state: "answered" as const, replicas: 1, taken: ["pong-collector-b"] },
])("DELETE of $replicas beside a POST that is $state takes $taken", async (row) => {
  const api = new MemoryApi();
  api.put(PODS, aPod("pong-collector-a", { ownedBy: JOB }));
  const young = aPod("pong-collector-b", { ownedBy: JOB });
  const annotations = { [`${GROUP}/request`]: "seed" };
  api.put(PODS, { ...young, metadata: { ...young.metadata, annotations } });
  await leave(api, { kind: "add", job: JOB_REFERENCE, seed: "seed" }, row.state);
  const { collectors } = await aRemover(api).plan(JOB, requestFor(row.replicas), SIGNAL);
  deepStrictEqual(collectors.map(({ name }) => name), row.taken);
});
