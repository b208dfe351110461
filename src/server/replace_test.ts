import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aJob, anAggregatorConfig, aPod } from "../../tests/support/builders.ts";
import { MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { groupAnnotation } from "../allocation/mod.ts";
import { AGGREGATOR_CONFIGS, DIJOBS } from "../api/mod.ts";
import { ObjectCache, type Pod, PODS } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { isOfType, shareOf } from "../replicas/mod.ts";
import { makeMembers } from "./make.ts";
import { replaceFailed } from "./replace.ts";
import { ClusterView } from "./view.ts";
import type { WriteDeps } from "./writes.ts";

const JOB = aJob("pong");
const PARTS = { gpus: [8, 8, 2], resources: {} };
const NODE = {
  metadata: { name: "node" },
  status: {
    allocatable: { "nvidia.com/gpu": "8" },
    conditions: [{ type: "Ready", status: "True" }],
  },
};
const REQUEST = { namespace: "rl", coordinator: "pong-coordinator", collectors: [] };

/** A server that dies of the write number `killedAt`, once it is done. */
function aServer(api: MemoryApi, killedAt = Infinity): { deps: WriteDeps; writes: string[] } {
  const lifetime = new AbortController();
  const client: MemoryClient = new MemoryClient(api, ({ method, path }, act) => {
    if (lifetime.signal.aborted) throw noAnswer();
    if (path.startsWith("/api/v1/nodes")) return { metadata: {}, items: [NODE] };
    const answer = act();
    if (method === "GET" || client.writes.length < killedAt) return answer;
    lifetime.abort();
    throw noAnswer();
  });
  const deps = {
    client,
    view: new ClusterView(client),
    log: loggerOf("test"),
    serverAddress: "di-server.di-system:8080",
    agconfig: { namespace: "di-system", name: "aggregator-config" },
    gpuAllocPolicy: "simple" as const,
    lifetime: lifetime.signal,
  };
  return { deps, writes: client.writes };
}

/** A job with one learner of 18 GPUs on three pods. */
async function aGroup(): Promise<{ api: MemoryApi; aggregator: Pod; members: Pod[] }> {
  const api = new MemoryApi();
  api.put(DIJOBS, JOB);
  api.put(AGGREGATOR_CONFIGS, anAggregatorConfig());
  const bare = aPod("pong-aggregator-a", { ownedBy: JOB });
  api.put(PODS, { ...bare, metadata: { ...bare.metadata, annotations: groupAnnotation(PARTS) } });
  const aggregator = api.get(PODS, "pong-aggregator-a") ?? bare;
  const { deps } = aServer(api);
  const members = await makeMembers(deps, {
    job: JOB,
    aggregator,
    template: JOB.spec.learner?.template ?? { spec: { containers: [] } },
    parts: PARTS,
    annotationsOf: () => ({}),
  }, deps.lifetime);
  return { api, aggregator, members };
}

/** What stands of the learner's pods: who is where, and whom it takes for the first. */
function standing(api: MemoryApi) {
  const pods = api.all(PODS).filter((pod) =>
    isOfType(pod, "ddp-learner") && pod.metadata.deletionTimestamp === undefined
  );
  const shares = pods.map((pod) => ({ name: pod.metadata.name, share: shareOf(pod) }));
  const first = shares.find(({ share }) => share?.startRank === 0)?.name;
  return {
    first,
    ranks: shares.map(({ share }) => share?.startRank ?? -1).sort((a, b) => a - b),
    masters: shares.map(({ share }) => share?.master ?? first),
  };
}

Deno.test.each([
  { what: "the master", index: 0 },
  { what: "a worker", index: 1 },
])("/failed of $what comes to the same whenever the server dies", async ({ index }) => {
  for (let killedAt = 1;; killedAt++) {
    const { api, members } = await aGroup();
    const name = members[index]?.metadata.name ?? "";
    const request = { ...REQUEST, learners: [name] };
    const first = aServer(api, killedAt);
    const outcome = await replaceFailed(first.deps, JOB, request, first.deps.lifetime)
      .then(() => "done", () => "killed");
    const { deps } = aServer(api);
    const { learners } = await replaceFailed(deps, JOB, request, deps.lifetime);
    const { first: master, ranks, masters } = standing(api);
    const at = `killed after write ${killedAt}`;
    deepStrictEqual(ranks, [0, 8, 16], at);
    deepStrictEqual(new Set(masters), new Set([master]), at);
    const [address = ""] = learners ?? [];
    const answered = api.get(PODS, address.split(".")[0] ?? "");
    strictEqual(answered?.metadata.deletionTimestamp, undefined, at);
    strictEqual(answered && shareOf(answered)?.startRank, [0, 8, 16][index], at);
    if (outcome === "done") break;
  }
});

/** Its watch has not told of anything yet. */
class LateView extends ClusterView {
  override podsOf(): Promise<ObjectCache<Pod>> {
    const indexes = { owner: () => [], coordinators: () => [], replaces: () => [] };
    return Promise.resolve(new ObjectCache<Pod>(indexes));
  }
}

Deno.test("/failed of a master replaces its group, also by a copy whose cache is behind", async () => {
  const { api, members } = await aGroup();
  const { deps } = aServer(api);
  const late = { ...deps, view: new LateView(deps.client) };
  const learners = [members[0]?.metadata.name ?? ""];
  const { learners: answer } = await replaceFailed(
    late,
    JOB,
    { ...REQUEST, learners },
    deps.lifetime,
  );
  const { first, ranks, masters } = standing(api);
  deepStrictEqual([answer, ranks], [[`${first}.rl:22271`], [0, 8, 16]]);
  deepStrictEqual(masters, [first, first, first]);
});

Deno.test("/failed of an aggregator whose first pod is gone pairs old and new by rank", async () => {
  const { api, aggregator, members } = await aGroup();
  const [master, , last] = members;
  if (master !== undefined) api.remove(PODS, master);
  const { deps } = aServer(api);
  const learners = [aggregator.metadata.name ?? ""];
  await replaceFailed(deps, JOB, { ...REQUEST, learners }, deps.lifetime);
  api.reap(PODS);
  const repeat = [last?.metadata.name ?? ""];
  const again = await replaceFailed(deps, JOB, { ...REQUEST, learners: repeat }, deps.lifetime);
  const pod = api.get(PODS, again.learners?.[0]?.split(".")[0] ?? "");
  strictEqual(pod && shareOf(pod)?.startRank, 16);
});
