import { deepStrictEqual, rejects } from "node:assert/strict";
import { aJob, aPod, type PodParts } from "../../tests/support/builders.ts";
import { type Meddler, MemoryApi, MemoryClient, noAnswer } from "../../tests/support/memory_api.ts";
import { type Pod, PODS } from "../kube/mod.ts";
import { type Logger, loggerOf } from "../lib/logger.ts";
import { type CallerCheck, CallerGuard, type CallerResult } from "./caller.ts";
import { ClusterView } from "./view.ts";

const JOB = aJob("pong");
const SIGNAL = new AbortController().signal;
const NAMED = "pong-coordinator";
const ADDRESS = "10.0.0.7";
const BASIC = "Basic dXNlcjpwYXNz";

function aPodAt(name: string, ips: readonly string[], parts: PodParts = {}): Pod {
  const pod = aPod(name, { ownedBy: JOB, phase: "Running", ...parts });
  return { ...pod, status: { ...pod.status, podIPs: ips.map((ip) => ({ ip })) } };
}

/** Takes every token for that of a user who may do everything, or nothing. */
const reviewsOf = (allowed: boolean): Meddler => ({ method, path }, act) => {
  if (method !== "POST") return act();
  return path.includes("tokenreviews")
    ? { metadata: {}, status: { authenticated: true, user: { username: "ann" } } }
    : { metadata: {}, status: { allowed } };
};
const reviews = reviewsOf(true);
const refusals: Meddler = ({ method }, act) =>
  method === "POST" ? { metadata: {}, status: { authenticated: false } } : act();

/** Asks for the job as `caller`; the pods are what the API server has, the caches are empty. */
async function ask(
  pods: readonly Pod[],
  {
    address = ADDRESS,
    authorization = null,
    mode = "enforce",
    meddle = reviews,
    times = 1,
    log = loggerOf("test"),
  }: {
    readonly address?: string;
    readonly authorization?: string | null;
    readonly mode?: CallerCheck;
    readonly meddle?: Meddler;
    readonly times?: number;
    readonly log?: Logger;
  } = {},
) {
  const api = new MemoryApi();
  for (const pod of pods) api.put(PODS, pod);
  let lists = 0;
  const client = new MemoryClient(api, (request, act) => {
    if (request.method === "GET") lists++;
    return meddle(request, act);
  });
  const results: CallerResult[] = [];
  const guard = new CallerGuard({
    client,
    view: new ClusterView(client),
    mode,
    log,
    onCheck: (result) => void results.push(result),
  });
  for (let count = 0; count < times; count++) {
    const caller = { address, authorization };
    try {
      await guard.passForJob(caller, "create", { job: JOB, named: NAMED }, SIGNAL);
    } catch (error) {
      if (count === times - 1) throw error;
    }
  }
  return { results, lists };
}

Deno.test.each([
  { who: "the coordinator", pods: [aPodAt(NAMED, [ADDRESS])] },
  { who: "the coordinator by its second address", pods: [aPodAt(NAMED, ["fd00::7", ADDRESS])] },
  { who: "an aggregator", pods: [aPodAt("pong-aggregator-a", [ADDRESS])] },
  {
    who: "the coordinator whose HTTP library adds a scheme of its own",
    pods: [aPodAt(NAMED, [ADDRESS])],
    authorization: BASIC,
  },
  {
    who: "the coordinator with a token that is not good",
    pods: [aPodAt(NAMED, [ADDRESS])],
    authorization: "Bearer bad",
    meddle: refusals,
  },
])("$who is trusted by its address", async ({ pods, ...more }) => {
  deepStrictEqual((await ask(pods, more)).results, ["trusted"]);
});

Deno.test("a caller with a good token passes from anywhere", async () => {
  const { results } = await ask([aPodAt(NAMED, ["10.0.0.8"])], { authorization: "Bearer good" });
  deepStrictEqual(results, ["authorized"]);
});

Deno.test.each([
  { who: "a stranger", pods: [aPodAt(NAMED, ["10.0.0.8"])] },
  { who: "a collector of the job", pods: [aPodAt("pong-collector-a", [ADDRESS])] },
  {
    who: "whoever has the address of a pod that has failed",
    pods: [
      aPodAt(NAMED, ["10.0.0.8"]),
      aPodAt("pong-aggregator-a", [ADDRESS], { phase: "Failed" }),
    ],
  },
  {
    who: "whoever has the address of a pod that has succeeded",
    pods: [aPodAt(NAMED, [ADDRESS], { phase: "Succeeded" })],
  },
  {
    who: "the coordinator of another job",
    pods: [
      aPodAt(NAMED, ["10.0.0.8"]),
      aPodAt("doom-coordinator", [ADDRESS], {
        ownedBy: aJob("doom"),
      }),
    ],
  },
  {
    who: "a caller with a bad token",
    pods: [aPodAt(NAMED, ["10.0.0.8"])],
    authorization: "Bearer bad",
    meddle: refusals,
  },
  {
    who: "a user without the right",
    pods: [aPodAt(NAMED, ["10.0.0.8"])],
    authorization: "Bearer good",
    meddle: reviewsOf(false),
  },
])("$who is refused", async ({ pods, ...more }) => {
  await rejects(ask(pods, more), { name: "AllocationError", failure: "forbidden" });
});

Deno.test.each([
  { who: "a caller" },
  { who: "a caller with a bad token", authorization: "Bearer bad", meddle: refusals },
])("$who waits while the pod it says to be has no address", async (more) => {
  await rejects(ask([aPodAt(NAMED, [])], more), { name: "AllocationError", failure: "later" });
});

Deno.test("a refusal is logged with the address, and without the token", async () => {
  const logged: unknown[][] = [];
  const log = { warning: (...line: unknown[]) => void logged.push(line) } as unknown as Logger;
  const pods = [aPodAt(NAMED, ["10.0.0.8"])];
  const authorization = "Bearer secret-of-mine";
  await rejects(ask(pods, { authorization, meddle: refusals, log }));
  const [text] = logged.map((line) => JSON.stringify(line));
  deepStrictEqual(
    [logged.length, text?.includes(ADDRESS), text?.includes("secret-of-mine")],
    [1, true, false],
  );
});

Deno.test("a stranger that asks again and again costs one look a second", async () => {
  const pods = [aPodAt(NAMED, ["10.0.0.8"])];
  const once = await ask(pods, { mode: "warn" });
  const often = await ask(pods, { mode: "warn", times: 10 });
  // The view's own list, while its cache is empty, comes each time.
  deepStrictEqual([once.lists, often.lists], [2, 11]);
});

Deno.test.each([
  { what: "a stranger", meddle: reviews, results: ["refused"] },
  {
    what: "whoever asks while nobody can tell",
    meddle: () => {
      throw noAnswer();
    },
    results: [],
  },
])("the mode warn answers $what", async ({ meddle, results }) => {
  const asked = await ask([aPodAt(NAMED, ["10.0.0.8"])], { mode: "warn", meddle });
  deepStrictEqual(asked.results, results);
});
