import { deepStrictEqual } from "node:assert/strict";
import { aJob, aPod, CREATED_AT, CREATED_AT_MS } from "../../tests/support/builders.ts";
import { type DIJobSpec, type DIJobStatus, RESTART_ANNOTATION } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { buildService } from "../replicas/mod.ts";
import { type Plan, planJob } from "./plan.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { RESTART_BACKOFF, stageOf } from "./stage.ts";

const OWNER = aJob("pong");
const NOW = CREATED_AT_MS + 60_000;
const AT = "2026-01-01T00:01:00Z";

interface World {
  readonly spec?: Partial<DIJobSpec>;
  readonly status?: DIJobStatus;
  readonly pods?: readonly Pod[];
  readonly now?: number;
}

function aSnapshot({ spec = {}, status, pods = [], now = NOW }: World): JobSnapshot {
  const job = aJob("pong", { spec, ...(status && { status }) });
  const services = new Map(pods.map((pod) => [pod.metadata.name ?? "", buildService(pod)]));
  return { job, pods, services, aggregatorConfig: undefined, now };
}

function plan(world: World): Plan {
  return planJob(aSnapshot(world), { serverAddress: "s:1", restartBackoff: RESTART_BACKOFF });
}

function wordsOf({ actions }: Plan): string[] {
  return actions.map((action) => {
    const object = action.kind === "deleteJob"
      ? undefined
      : "pod" in action
      ? action.pod
      : action.service;
    return `${action.kind} ${object?.metadata.name ?? ""}`.trim();
  });
}

/** A coordinator of try number `restarts`. */
function aCoordinator(
  phase: "Running" | "Failed" | "Succeeded",
  restarts = 0,
  deleting = false,
): Pod {
  const pod = aPod("pong-coordinator", {
    ownedBy: OWNER,
    phase,
    deleting,
    states: phase === "Failed"
      ? { "di-container": { terminated: { exitCode: 3, reason: "Error" } } }
      : {},
  });
  if (restarts > 0) pod.metadata.annotations = { [RESTART_ANNOTATION]: String(restarts) };
  return pod;
}

/** A replica that the job was started with. */
function aReplicaOfTry(restarts: number): Pod {
  const pod = aPod(`pong-collector-${restarts}`, { ownedBy: OWNER, phase: "Running" });
  pod.metadata.annotations = { [RESTART_ANNOTATION]: String(restarts) };
  return pod;
}

const COLLECTOR = aPod("pong-collector-a", { ownedBy: OWNER, phase: "Running" });
const LEAVING = aPod("pong-collector-b", { ownedBy: OWNER, phase: "Running", deleting: true });
const RUNNING: DIJobStatus = { phase: "Running", startTime: CREATED_AT };

Deno.test.each<World & { when: string; kind: string }>([
  { when: "a job is new", kind: "underWay" },
  { when: "it runs", status: RUNNING, pods: [aCoordinator("Running")], kind: "underWay" },
  { when: "it is to stand still", spec: { suspend: true }, status: RUNNING, kind: "suspended" },
  {
    when: "it goes on, and pods of before are there",
    status: { phase: "Suspended" },
    pods: [LEAVING],
    kind: "cleared",
  },
  { when: "it goes on, and none is left", status: { phase: "Suspended" }, kind: "underWay" },
  {
    when: "its time is over",
    spec: { activeDeadlineSeconds: 60 },
    status: RUNNING,
    kind: "expired",
  },
  {
    when: "its time is nearly over",
    spec: { activeDeadlineSeconds: 61 },
    status: RUNNING,
    kind: "underWay",
  },
  {
    when: "its coordinator fails and may start again",
    spec: { backoffLimit: 1 },
    status: RUNNING,
    pods: [aCoordinator("Failed")],
    kind: "retried",
  },
  {
    when: "its coordinator fails for the last time",
    spec: { backoffLimit: 1 },
    status: { ...RUNNING, restarts: 1 },
    pods: [aCoordinator("Failed", 1)],
    kind: "underWay",
  },
  {
    when: "a failure has been counted and its pods are there",
    spec: { backoffLimit: 1 },
    status: { phase: "Created", restarts: 1, lastFailureTime: AT },
    pods: [aCoordinator("Failed")],
    kind: "cleared",
  },
  {
    when: "the coordinator of a later try is gone and replicas are there",
    status: { phase: "Running", restarts: 1, lastFailureTime: AT },
    pods: [COLLECTOR],
    kind: "cleared",
  },
  {
    when: "replicas of the try that is due are there, and its coordinator is not yet",
    status: { phase: "Created", restarts: 1, lastFailureTime: CREATED_AT },
    pods: [aReplicaOfTry(1)],
    kind: "underWay",
  },
  {
    when: "replicas of the last try are there beside those of the one that is due",
    status: { phase: "Created", restarts: 2, lastFailureTime: CREATED_AT },
    pods: [aReplicaOfTry(2), aReplicaOfTry(1)],
    kind: "cleared",
  },
  {
    when: "nothing is left of the last try, and it is too early",
    status: { phase: "Created", restarts: 1, lastFailureTime: AT },
    kind: "backedOff",
  },
  {
    when: "nothing is left of the last try, and it is time",
    status: { phase: "Created", restarts: 1, lastFailureTime: AT },
    now: NOW + 10_000,
    kind: "underWay",
  },
  {
    when: "the coordinator of the next try runs",
    status: { phase: "Created", restarts: 1, lastFailureTime: AT },
    pods: [aCoordinator("Running", 1), COLLECTOR],
    kind: "underWay",
  },
])("stageOf() is $kind when $when", ({ kind, ...world }) => {
  deepStrictEqual(stageOf(aSnapshot(world), RESTART_BACKOFF).kind, kind);
});

Deno.test.each([
  { restarts: 1, waitMs: 10_000 },
  { restarts: 3, waitMs: 40_000 },
  { restarts: 9, waitMs: 360_000 },
])("try $restarts after the first waits $waitMs ms from the failure", ({ restarts, waitMs }) => {
  const status: DIJobStatus = { phase: "Created", restarts, lastFailureTime: AT };
  deepStrictEqual(plan({ status }).againInMs, waitMs);
});

Deno.test("a failed coordinator is counted before anything of its try goes", () => {
  const pods = [aCoordinator("Failed"), COLLECTOR];
  const { actions, status } = plan({ spec: { backoffLimit: 2 }, status: RUNNING, pods });
  deepStrictEqual(actions, []);
  const { phase, restarts, lastFailureTime, completionTime, conditions = [] } = status ?? {};
  deepStrictEqual([phase, restarts, lastFailureTime, completionTime], [
    "Created",
    1,
    AT,
    undefined,
  ]);
  const running = conditions.find(({ type }) => type === "Running");
  deepStrictEqual([running?.status, running?.reason, running?.message], [
    "False",
    "CoordinatorFailed",
    "the coordinator failed: di-container exited with 3 (Error)",
  ]);
});

Deno.test.each<World & { when: string; actions: string[] }>([
  {
    when: "replicas are there: they go first",
    pods: [aCoordinator("Failed"), COLLECTOR, LEAVING],
    actions: ["deletePod pong-collector-a"],
  },
  { when: "a replica is on its way out", pods: [aCoordinator("Failed"), LEAVING], actions: [] },
  {
    when: "the coordinator is left",
    pods: [aCoordinator("Failed")],
    actions: ["deletePod pong-coordinator"],
  },
  { when: "it is on its way out", pods: [aCoordinator("Failed", 0, true)], actions: [] },
  {
    when: "all are gone and it is time",
    pods: [],
    now: NOW + 10_000,
    actions: ["createReplica pong-coordinator"],
  },
])("the next try comes when the last one is gone: $when", ({ actions, ...world }) => {
  const status: DIJobStatus = { phase: "Created", restarts: 1, lastFailureTime: AT };
  deepStrictEqual(wordsOf(plan({ spec: { backoffLimit: 1 }, status, ...world })), actions);
});

Deno.test("the coordinator of a later try says which it is", () => {
  const status: DIJobStatus = { phase: "Created", restarts: 2 };
  const [action] = plan({ status, now: NOW + 1e6 }).actions;
  const pod = action !== undefined && "pod" in action ? action.pod : undefined;
  deepStrictEqual(pod?.metadata.annotations?.[RESTART_ANNOTATION], "2");
});

Deno.test("a coordinator that fails at the limit ends the job, which says why", () => {
  const world = { spec: { backoffLimit: 1 }, status: { ...RUNNING, restarts: 1 } };
  const { actions, status } = plan({ ...world, pods: [aCoordinator("Failed", 1), COLLECTOR] });
  const failed = status?.conditions?.find(({ type }) => type === "Failed");
  deepStrictEqual(
    [actions, status?.phase, status?.completionTime, failed?.reason, failed?.message],
    [
      [],
      "Failed",
      AT,
      "BackoffLimitExceeded",
      "DIJob pong failed because coordinator failed: di-container exited with 3 (Error)",
    ],
  );
});

Deno.test("a suspended job loses all its pods and its start, whatever its policy", () => {
  const spec = { suspend: true, cleanPodPolicy: "None" as const };
  const running = plan({ spec, status: RUNNING, pods: [aCoordinator("Running"), COLLECTOR] });
  deepStrictEqual(
    [wordsOf(running), running.status?.phase, running.status?.startTime],
    [["deletePod pong-collector-a"], "Suspended", undefined],
  );
  const last = plan({ spec, status: RUNNING, pods: [aCoordinator("Running")] });
  deepStrictEqual(wordsOf(last), ["deletePod pong-coordinator"]);
});

Deno.test("a job that goes on starts anew once its old pods are gone", () => {
  const status: DIJobStatus = { phase: "Suspended" };
  deepStrictEqual(plan({ status, pods: [LEAVING] }).status?.phase, "Suspended");
  const resumed = plan({ status });
  deepStrictEqual(
    [wordsOf(resumed), resumed.status?.phase, resumed.status?.startTime],
    [["createReplica pong-coordinator"], "Created", AT],
  );
});

Deno.test("a job whose time is over fails, and what runs goes also under policy None", () => {
  const spec = { activeDeadlineSeconds: 30, cleanPodPolicy: "None" as const };
  const pods = [aCoordinator("Running"), COLLECTOR];
  const { actions, status } = plan({ spec, status: RUNNING, pods });
  const failed = status?.conditions?.find(({ type }) => type === "Failed");
  deepStrictEqual([actions, status?.phase, failed?.reason], [[], "Failed", "DeadlineExceeded"]);
  const after = plan({ spec, ...(status && { status }), pods });
  deepStrictEqual(wordsOf(after), ["deletePod pong-coordinator", "deletePod pong-collector-a"]);
});

Deno.test("a job with a limit of time is looked at when it is over", () => {
  const spec = { activeDeadlineSeconds: 100 };
  deepStrictEqual(
    plan({ spec, status: RUNNING, pods: [aCoordinator("Running")] }).againInMs,
    40_000,
  );
});

Deno.test.each([
  { ttl: 61, actions: [], againInMs: 1000 },
  { ttl: 60, actions: ["deleteJob"], againInMs: undefined },
  { ttl: 0, actions: ["deleteJob"], againInMs: undefined },
  { ttl: 10 * 24 * 3600, actions: [], againInMs: 12 * 3_600_000 },
])("a job that ended 60 s ago with a ttl of $ttl s", ({ ttl, actions, againInMs }) => {
  const status: DIJobStatus = { phase: "Succeeded", completionTime: CREATED_AT };
  const planned = plan({ spec: { ttlSecondsAfterFinished: ttl }, status });
  deepStrictEqual([wordsOf(planned), planned.againInMs], [actions, againInMs]);
});

Deno.test("a job that another controller manages is left alone", () => {
  const spec = { managedBy: "kueue.x-k8s.io/multikueue" };
  deepStrictEqual(plan({ spec }), { actions: [] });
  const own = { managedBy: "diengine.opendilab.org/di-operator" };
  deepStrictEqual(wordsOf(plan({ spec: own })), ["createReplica pong-coordinator"]);
});
