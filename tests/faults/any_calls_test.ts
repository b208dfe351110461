/**
 * Random calls of the clients of several jobs, and deaths of pods among them, through two copies of the
 * server: what was granted is what there is. `FAULT_SEED=n` plays the scripts of that seed again.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import * as fc from "fast-check";
import { type DIJob, DIJOBS } from "../../src/api/mod.ts";
import {
  controllerOf,
  isConflict,
  isNotFound,
  keyOf,
  KubeClient,
  type KubeObject,
  LEASES,
  type Pod,
  PODS,
  type Resource,
  SERVICES,
} from "../../src/kube/mod.ts";
import { isOfType } from "../../src/replicas/mod.ts";
import type { RunningServer } from "../../src/server/mod.ts";
import {
  AllocationStory,
  type Answer,
  podNameOf,
  type ReplicaLists,
  startTestServer,
  untilReady,
} from "../support/allocation_story.ts";
import { anAggregatorConfig } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { putAggregatorConfig } from "../support/aggregator_config.ts";
import { SYSTEM_NAMESPACE, useTestCluster } from "../support/test_cluster.ts";

const RUNS = 30;
const JOBS = 3;

interface Sizes {
  readonly collectors: number;
  readonly learners: number;
}
/** One thing that a client of a job does, or that befalls one of its replicas. */
type Call =
  /** Learners with two GPUs are aggregators with a ddp learner behind them. */
  | Sizes & { readonly kind: "post"; readonly gpus: number }
  | Sizes & { readonly kind: "delete" }
  /** Reports the first replicas by name. */
  | Sizes & { readonly kind: "failed" }
  /** The replica of that number goes, or fails and stays. */
  | { readonly kind: "vanish" | "fail"; readonly index: number };
/** What happens at the same time; each call goes to the first or the second copy. */
type Round = readonly { readonly call: Call; readonly copy: number }[];

const sizes = { collectors: fc.nat(3), learners: fc.nat(2) };
const scaling: fc.Arbitrary<Call> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("post"), gpus: fc.nat(2), ...sizes }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete"), ...sizes }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("vanish", "fail"), index: fc.nat(5) }),
  },
);
const reporting: fc.Arbitrary<Call> = fc.record({ kind: fc.constant("failed"), ...sizes });

function roundsOf(call: fc.Arbitrary<Call>, maxLength: number): fc.Arbitrary<Round> {
  return fc.array(fc.record({ call, copy: fc.nat(1) }), { minLength: 1, maxLength });
}
/** A report of a replica that somebody else takes away at that moment has no one right answer. */
const round = fc.oneof(
  { weight: 3, arbitrary: roundsOf(scaling, 4) },
  { weight: 1, arbitrary: roundsOf(reporting, 2) },
);
const script = fc.array(round, { minLength: 1, maxLength: 5 });
const scripts = fc.array(script, { minLength: JOBS, maxLength: JOBS });

/** Names of replicas that a call brought or took. */
interface Change {
  readonly come?: readonly string[];
  /** Nobody else can have taken these. */
  readonly taken?: readonly string[];
  readonly replaced?: readonly string[];
}

/** The clients of one job. */
class JobClients {
  readonly #story: AllocationStory;
  readonly #copies: readonly RunningServer[];
  readonly #job: DIJob;

  constructor(story: AllocationStory, copies: readonly RunningServer[], job: DIJob) {
    this.#story = story;
    this.#copies = copies;
    this.#job = job;
  }

  /** Plays a script, and judges each round of it. */
  async play(rounds: readonly Round[]): Promise<void> {
    for (const calls of rounds) {
      const before = await this.#replicas();
      const act = async ({ call, copy }: Round[number]) => {
        const server = this.#copies[copy];
        ok(server);
        return await this.#act(call, server, before, calls.length === 1);
      };
      const changes = await Promise.all(calls.map(act));
      const taken = changes.flatMap((change) => change.taken ?? []);
      strictEqual(new Set(taken).size, taken.length, `taken twice: ${taken}`);
      const gone = new Set([...taken, ...changes.flatMap(({ replaced = [] }) => replaced)]);
      const come = changes.flatMap((change) => change.come ?? []);
      const expected = new Set([...before.map(nameOf), ...come]).difference(gone);
      const after = (await this.#replicas()).map(nameOf);
      deepStrictEqual(after, [...expected].sort());
      await eventually("both copies to list them", async () => {
        for (const server of this.#copies) deepStrictEqual(await this.#listedBy(server), after);
        return true;
      });
    }
  }

  /** @param isAlone Nothing else happens to the job meanwhile. */
  async #act(
    call: Call,
    server: RunningServer,
    before: readonly Pod[],
    isAlone: boolean,
  ): Promise<Change> {
    switch (call.kind) {
      case "post":
        return await this.#add(call, server);
      case "delete":
        return await this.#remove(call, server, isAlone ? countOf(before, call) : undefined);
      case "failed":
        return await this.#report(call, server, before);
      case "vanish":
      case "fail":
        return await this.#befall(call.kind, before[call.index]);
    }
  }

  async #add(
    { collectors, learners, gpus }: Extract<Call, { kind: "post" }>,
    server: RunningServer,
  ): Promise<Change> {
    const answer = await this.#story.post({
      ...this.#self(),
      collectors: { replicas: collectors },
      learners: { replicas: learners, gpus },
    }, server);
    const lists = listsIn(answer);
    deepStrictEqual(sizesOf(lists), { collectors, learners });
    return { come: namesIn(lists) };
  }

  async #remove(
    { collectors, learners }: Sizes,
    server: RunningServer,
    expected: Sizes | undefined,
  ): Promise<Change> {
    const answer = await this.#story.delete({
      ...this.#self(),
      collectors: { replicas: collectors },
      learners: { replicas: learners },
    }, server);
    const lists = listsIn(answer);
    const taken = sizesOf(lists);
    ok(taken.collectors <= collectors && taken.learners <= learners);
    if (expected !== undefined) deepStrictEqual(taken, expected);
    return { taken: namesIn(lists) };
  }

  async #report(sizes: Sizes, server: RunningServer, before: readonly Pod[]): Promise<Change> {
    const { collectors, learners } = rolesOf(before);
    const asked = {
      collectors: collectors.slice(0, sizes.collectors).map(nameOf),
      learners: learners.slice(0, sizes.learners).map(nameOf),
    };
    const answer = await this.#story.reportFailed({ ...this.#self(), ...asked }, server);
    const lists = listsIn(answer);
    deepStrictEqual(sizesOf(lists), sizesOf(asked));
    return { come: namesIn(lists), replaced: [...asked.collectors, ...asked.learners] };
  }

  /** What comes too late, because the replica has just been given back, changes nothing. */
  async #befall(kind: "vanish" | "fail", pod: Pod | undefined): Promise<Change> {
    if (pod === undefined) return {};
    const { uid = "", resourceVersion = "" } = pod.metadata;
    try {
      if (kind === "fail") await this.#story.setPhase(nameOf(pod), "Failed");
      else {
        const options = { preconditions: { uid, resourceVersion } };
        await this.#story.client.delete(PODS, keyOf(pod), options);
        return { taken: [nameOf(pod)] };
      }
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return {};
  }

  /** The replicas that clients are told of, as the API server has them, by name. */
  async #replicas(): Promise<Pod[]> {
    return [...(await this.#story.pods()).values()]
      .filter((pod) => controllerOf(pod)?.uid === this.#job.metadata.uid)
      .filter((pod) => !isOfType(pod, "coordinator"))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
  }

  async #listedBy(server: RunningServer): Promise<string[]> {
    const query = new URLSearchParams({ namespace: this.#story.namespace, ...this.#self() });
    const path = `/v1alpha1/replicas?${query}`;
    return namesIn(listsIn(await this.#story.send("GET", path, undefined, server))).sort();
  }

  #self() {
    return { coordinator: `${this.#job.metadata.name}-coordinator` };
  }
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? "";
}

function rolesOf(pods: readonly Pod[]) {
  return {
    collectors: pods.filter((pod) => isOfType(pod, "collector")),
    learners: pods.filter((pod) => !isOfType(pod, "collector")),
  };
}

/** What can be taken of `pods` when so many are asked for. */
function countOf(pods: readonly Pod[], asked: Sizes): Sizes {
  const { collectors, learners } = sizesOf(rolesOf(pods));
  return {
    collectors: Math.min(collectors, asked.collectors),
    learners: Math.min(learners, asked.learners),
  };
}

function listsIn({ status, success, message, data }: Answer): ReplicaLists {
  deepStrictEqual({ status, success }, { status: 200, success: true }, message);
  const { collectors, learners } = data as { [role in keyof ReplicaLists]: string[] | null };
  return { collectors: collectors ?? [], learners: learners ?? [] };
}

function sizesOf(lists: Readonly<Record<keyof Sizes, readonly unknown[]>>): Sizes {
  return { collectors: lists.collectors.length, learners: lists.learners.length };
}

function namesIn({ collectors, learners }: ReplicaLists): string[] {
  return [...collectors, ...learners].map(podNameOf);
}

/** Deletes the jobs and waits until nothing of them is left. */
async function endJobs({ client, namespace }: AllocationStory, jobs: readonly DIJob[]) {
  await Promise.all(jobs.map((job) => client.delete(DIJOBS, keyOf(job))));
  const namesOf = async (resource: Resource<KubeObject>) =>
    (await client.list(resource, { namespace })).items.map(nameOf);
  await eventually("the end of all that the jobs had", async () => {
    deepStrictEqual([await namesOf(PODS), await namesOf(SERVICES)], [["demo-coordinator"], []]);
    const records = await client.list(LEASES, { namespace: SYSTEM_NAMESPACE });
    deepStrictEqual(records.items, []);
    return true;
  });
}

const cluster = useTestCluster();

Deno.test("whatever clients of several jobs do through two copies, they have what they were granted", async () => {
  const { client } = cluster();
  const config = anAggregatorConfig("OnDemand");
  await putAggregatorConfig(client, config);
  await using story = await AllocationStory.open(cluster());
  const otherClient = new KubeClient(client.config);
  const other = await startTestServer(otherClient);
  const copies = [story.server, other];
  await Promise.all(copies.map(untilReady));
  let runs = 0;
  const seed = Number(Deno.env.get("FAULT_SEED") ?? Date.now() % 1_000_000);
  try {
    await fc.assert(
      fc.asyncProperty(scripts, async (each) => {
        const run = runs++;
        const jobs = await Promise.all(
          each.map((_, index) => story.createJob(`run-${run}-${index}`)),
        );
        await Promise.all(
          jobs.map((job, index) => new JobClients(story, copies, job).play(each[index] ?? [])),
        );
        await endJobs(story, jobs);
      }),
      { numRuns: RUNS, seed },
    );
  } finally {
    await other.stop();
    otherClient.close();
  }
});
