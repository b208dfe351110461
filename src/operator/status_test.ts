import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aJob, aPod, type PodParts } from "../../tests/support/builders.ts";
import type { Condition, DIJob, DIJobSpec, DIJobStatus, Phase } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { RESTART_BACKOFF, stageOf } from "./stage.ts";
import { countReplicas, isSameStatus, planStatus, withFailure, withoutFailure } from "./status.ts";

const T0 = Date.UTC(2026, 0, 1);
const at = (minutes: number) => T0 + minutes * 60_000;
const text = (minutes: number) => `2026-01-01T00:0${minutes}:00Z`;

function statusOf(job: DIJob, pods: readonly Pod[], now: number): DIJobStatus {
  const snapshot = { job, pods, services: new Map(), aggregatorConfig: undefined, now };
  return planStatus(snapshot, stageOf(snapshot, RESTART_BACKOFF));
}

/** The statuses of a job whose coordinator goes through `phases`, one a minute. */
function live(phases: readonly PodParts["phase"][], spec: Partial<DIJobSpec> = {}): DIJobStatus[] {
  let status: DIJobStatus | undefined;
  return phases.map((phase, minute) => {
    const job = aJob("pong", { spec, ...(status && { status }) });
    const pod = aPod("pong-coordinator", { ownedBy: job, ...(phase !== undefined && { phase }) });
    status = statusOf(job, [pod], at(minute));
    return status;
  });
}

/** `type status @ transition / update, in minutes`. */
function shortly(conditions: readonly Condition[] = []): string[] {
  return conditions.map(({ type, status, lastTransitionTime = "", lastUpdateTime = "" }) =>
    `${type} ${status} @${Number(lastTransitionTime.slice(15, 16))}/${
      Number(lastUpdateTime.slice(15, 16))
    }`
  );
}

Deno.test("conditions tell a job's life, and their times move only with what they say", () => {
  const lives = live([undefined, "Pending", "Running", "Running", "Succeeded"]);
  deepStrictEqual(lives.map(({ conditions }) => shortly(conditions)), [
    ["Created True @0/0"],
    ["Created True @0/0"],
    ["Created False @2/2", "Running True @2/2"],
    ["Created False @2/2", "Running True @2/2"],
    ["Created False @2/2", "Running False @4/4", "Succeeded True @4/4"],
  ]);
});

Deno.test.each<{ phase: Phase; pod: PodParts["phase"] & string; message: string }>([
  { phase: "Created", pod: "Pending", message: "DIJob pong created" },
  {
    phase: "Running",
    pod: "Running",
    message: "DIJob pong is running because its coordinator is running",
  },
  {
    phase: "Succeeded",
    pod: "Succeeded",
    message: "DIJob pong succeeded because coordinator succeeded",
  },
  { phase: "Failed", pod: "Failed", message: "DIJob pong failed because coordinator failed" },
])("the condition of phase $phase says why", ({ phase, pod, message }) => {
  const [status] = live([pod]);
  deepStrictEqual(status?.conditions?.at(-1), {
    type: phase,
    status: "True",
    reason: `DIJob${phase}`,
    message,
    lastUpdateTime: text(0),
    lastTransitionTime: text(0),
  });
});

Deno.test.each<{ pod: PodParts["phase"] & string; conditions: string[] }>([
  { pod: "Running", conditions: ["Created False @0/0", "Running True @0/0"] },
  { pod: "Failed", conditions: ["Created False @0/0", "Failed True @0/0"] },
  {
    pod: "Succeeded",
    conditions: ["Created False @0/0", "Running False @0/0", "Succeeded True @0/0"],
  },
])("a job that is $pod when it is first seen has the conditions of what it went through", (row) => {
  deepStrictEqual(live([row.pod]).map(({ conditions }) => shortly(conditions)), [row.conditions]);
});

Deno.test("a condition with new words keeps the time at which it came true", () => {
  const conditions: Condition[] = [{
    type: "Created",
    status: "True",
    reason: "DIJobCreated",
    message: "in other words",
    lastUpdateTime: text(1),
    lastTransitionTime: text(1),
  }];
  const job = aJob("pong", { status: { phase: "Created", conditions } });
  deepStrictEqual(shortly(statusOf(job, [], at(3)).conditions), ["Created True @1/3"]);
});

Deno.test("Progressing turns False with a write that failed, and True when one was done again", () => {
  const refused = { reason: "Forbidden", message: "exceeded quota" };
  const [created = {}] = live([undefined]);
  const failing = withFailure(created, refused, at(1));
  const failingStill = withFailure(failing, refused, at(2));
  const failingElse = withFailure(failingStill, { ...refused, message: "no such class" }, at(3));
  const recovered = withoutFailure(failingElse, at(4));
  const later = withoutFailure(recovered, at(5));
  deepStrictEqual(
    [failing, failingStill, failingElse, recovered, later].map(({ conditions }) =>
      shortly(conditions)[1]
    ),
    [
      "Progressing False @1/1",
      "Progressing False @1/1",
      "Progressing False @1/3",
      "Progressing True @4/4",
      "Progressing True @4/4",
    ],
  );
  deepStrictEqual(
    failing.conditions?.map(({ reason, message }) => [reason, message])[1],
    ["Forbidden", "exceeded quota"],
  );
});

Deno.test("a failure whose numbers change with each try is written down once a minute", () => {
  const [created = {}] = live([undefined]);
  const used = (pods: number) => ({
    reason: "Forbidden",
    message: `pods "pong-collector-${pods}" is forbidden: exceeded quota: used: pods=${pods}`,
  });
  const first = withFailure(created, used(1), T0);
  const second = withFailure(first, used(2), T0 + 59_000);
  const third = withFailure(second, used(3), T0 + 60_000);
  deepStrictEqual(
    [first, second, third].map(({ conditions }) => conditions?.[1]?.message),
    [used(1), used(1), used(3)].map(({ message }) => message),
  );
});

Deno.test("a job whose writes never failed has no Progressing condition", () => {
  const [created = {}] = live([undefined]);
  strictEqual(withoutFailure(created, at(1)), created);
});

Deno.test("a change of phase leaves Progressing as it is", () => {
  const [created = {}] = live([undefined]);
  const status = withFailure(created, { reason: "Forbidden", message: "no" }, at(1));
  const job = aJob("pong", { status });
  const running = statusOf(job, [aPod("pong-coordinator", { phase: "Running" })], at(2));
  deepStrictEqual(shortly(running.conditions), [
    "Created False @2/2",
    "Progressing False @1/1",
    "Running True @2/2",
  ]);
});

const JOB = aJob("pong");
const pod = (name: string, phase?: PodParts["phase"], more: PodParts = {}) =>
  aPod(name, { ownedBy: JOB, ...(phase !== undefined && { phase }), ...more });

Deno.test("countReplicas() counts by role and by what became of the work", () => {
  const pods = [
    pod("pong-coordinator", "Running"),
    pod("pong-aggregator", "Failed"),
    pod("pong-collector-a", "Running"),
    pod("pong-collector-b", "Running"),
    pod("pong-collector-c", "Pending"),
    pod("pong-collector-d", "Running", { deleting: true }),
    pod("pong-collector-e", "Failed"),
    pod("pong-learner-a", "Succeeded"),
    pod("pong-learner-b"),
    pod("pong-ddp-learner-a", "Running"),
  ];
  deepStrictEqual(countReplicas(pods), {
    Coordinator: { active: 1 },
    Aggregator: { failed: 1 },
    Collector: { active: 2, failed: 1 },
    Learner: { succeeded: 1 },
    DDPLearner: { active: 1 },
  });
});

Deno.test.each<
  { policy: DIJobSpec["cleanPodPolicy"]; end: "Succeeded" | "Failed"; counts: unknown }
>([
  {
    policy: "Running",
    end: "Succeeded",
    counts: { Coordinator: { succeeded: 1 }, Collector: { succeeded: 2, failed: 1 }, Learner: {} },
  },
  {
    policy: "All",
    end: "Failed",
    counts: { Coordinator: { failed: 1 }, Collector: { failed: 1 }, Learner: {} },
  },
  {
    policy: "None",
    end: "Succeeded",
    counts: { Coordinator: { succeeded: 1 }, Collector: { active: 2, failed: 1 }, Learner: {} },
  },
])("a job that $end under policy $policy keeps no pod active that its clean-up takes", (row) => {
  const job = aJob("pong", { phase: "Running", spec: { cleanPodPolicy: row.policy } });
  const { replicaStatus } = statusOf(job, [
    pod("pong-coordinator", row.end),
    pod("pong-collector-a", "Running"),
    pod("pong-collector-b", "Running"),
    pod("pong-collector-c", "Failed"),
    pod("pong-learner-a", "Pending"),
  ], at(1));
  deepStrictEqual(replicaStatus, { ...Object(row.counts), Aggregator: {}, DDPLearner: {} });
});

const CONDITION: Condition = { type: "Created", status: "True", reason: "r", message: "m" };
const SAME: DIJobStatus = {
  phase: "Created",
  conditions: [CONDITION],
  replicaStatus: { Learner: { active: 1, failed: 2 }, Collector: {} },
};

Deno.test.each<{ than: string; other: DIJobStatus | undefined; same: boolean }>([
  { than: "itself", other: SAME, same: true },
  {
    than: "one in another order of keys",
    other: {
      replicaStatus: { Collector: {}, Learner: { failed: 2, active: 1 } },
      conditions: [{ message: "m", reason: "r", status: "True", type: "Created" }],
      phase: "Created",
    },
    same: true,
  },
  { than: "none", other: undefined, same: false },
  { than: "one of another phase", other: { ...SAME, phase: "Running" }, same: false },
  {
    than: "one with other counts",
    other: { ...SAME, replicaStatus: { Learner: { active: 1, failed: 3 }, Collector: {} } },
    same: false,
  },
  {
    than: "one with another condition",
    other: { ...SAME, conditions: [{ ...CONDITION, status: "False" }] },
    same: false,
  },
  {
    than: "one with conditions in another order",
    other: { ...SAME, conditions: [{ ...CONDITION, type: "Running" }, CONDITION] },
    same: false,
  },
])("isSameStatus() as $than is $same", ({ other, same }) => {
  strictEqual(isSameStatus(SAME, other), same);
});
