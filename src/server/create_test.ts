import { rejects, strictEqual } from "node:assert/strict";
import { aJob } from "../../tests/support/builders.ts";
import { MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { PODS } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { performAddition, undoAddition } from "./create.ts";
import { ClusterView } from "./view.ts";

const JOB = aJob("pong");
const NOTHING = { replicas: 0, gpus: 0, resources: {} };
const REQUEST = {
  namespace: "rl",
  coordinator: "pong-coordinator",
  collectors: { ...NOTHING, replicas: 3 },
  learners: NOTHING,
};

Deno.test("what a POST has made stays in sight until it is taken back", async () => {
  const api = new MemoryApi();
  // Another copy of the server takes the work over when two of three pods are made.
  const takenOver = new AbortController();
  let left = 2;
  const client = new MemoryClient(api, ({ method, path }, act) => {
    if (method !== "POST" || !path.endsWith("/pods") || left-- > 0) return act();
    takenOver.abort();
    throw noAnswer();
  });
  const view = new ClusterView(client);
  const deps = {
    client,
    view,
    log: loggerOf("test"),
    serverAddress: "di-server.di-system:8080",
    agconfig: { namespace: "di-system", name: "aggregator-config" },
    gpuAllocPolicy: "simple" as const,
    lifetime: new AbortController().signal,
  };
  const work = {
    kind: "add" as const,
    job: { namespace: "rl", name: "pong", uid: JOB.metadata.uid ?? "" },
    seed: "one",
  };
  const task = {
    work,
    isResumed: false,
    signal: takenOver.signal,
    amend: () => Promise.resolve(),
  };
  const inSight = () =>
    api.all(PODS).filter(({ metadata: { name = "" } }) =>
      view.knownPod({ namespace: "rl", name }) !== undefined
    ).length;
  await rejects(performAddition(deps, JOB, REQUEST, task), { name: "UnfinishedError" });
  strictEqual(inSight(), 2);
  await undoAddition(deps, work, deps.lifetime);
  strictEqual(inSight(), 0);
});
