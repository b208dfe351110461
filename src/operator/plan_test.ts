import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  aContainer,
  aJob,
  anAggregatorConfig,
  aPod,
  aService,
  aTemplate,
  CREATED_AT_MS,
  type PodParts,
} from "../../tests/support/builders.ts";
import type { AggregatorConfig, DIJob, Phase } from "../api/mod.ts";
import type { Pod, Service } from "../kube/mod.ts";
import { buildCoordinator, buildService } from "../replicas/mod.ts";
import { type Action, type Plan, planJob } from "./plan.ts";
import { needsAggregatorConfig } from "./pods.ts";
import type { JobSnapshot } from "./snapshot.ts";
import { RESTART_BACKOFF } from "./stage.ts";

const SERVER = "di-server.di-system:8080";
const NOW = CREATED_AT_MS + 60_000;

interface World {
  readonly pods?: readonly Pod[];
  readonly services?: readonly Service[];
  readonly aggregatorConfig?: AggregatorConfig;
  readonly now?: number;
}

function aSnapshot(job: DIJob, { pods = [], services, aggregatorConfig, now = NOW }: World = {}) {
  const all = services ?? pods.map((pod) => aService(pod.metadata.name ?? "", { ownedBy: pod }));
  return {
    job,
    pods,
    services: new Map(all.map((service) => [service.metadata.name ?? "", service] as const)),
    aggregatorConfig,
    now,
  } satisfies JobSnapshot;
}

function plan(job: DIJob, world: World = {}): Plan {
  return planJob(aSnapshot(job, world), { serverAddress: SERVER, restartBackoff: RESTART_BACKOFF });
}

/** `createReplica pong-coordinator` and the like. */
function wordsOf({ actions }: Plan): string[] {
  return actions.map((action) => `${action.kind} ${objectOf(action)?.metadata.name ?? ""}`.trim());
}
function objectOf(action: Action): Pod | Service | undefined {
  return action.kind === "deleteJob" ? undefined : "pod" in action ? action.pod : action.service;
}

const JOB = aJob("pong");
const coordinator = (parts: PodParts = {}) => aPod("pong-coordinator", { ownedBy: JOB, ...parts });
const withAggregator = (parts: PodParts = {}) =>
  coordinator({
    ...parts,
    spec: {
      containers: [
        aContainer({ env: [{ name: "KUBERNETES_AGGREGATOR_URL", value: "pong-aggregator.rl:1" }] }),
      ],
    },
  });

Deno.test("planJob() of a job just seen starts its coordinator and says Created", () => {
  deepStrictEqual(plan(JOB), {
    actions: [{ kind: "createReplica", pod: buildCoordinator(JOB, { serverAddress: SERVER }) }],
    status: {
      phase: "Created",
      conditions: [{
        type: "Created",
        status: "True",
        reason: "DIJobCreated",
        message: "DIJob pong created",
        lastUpdateTime: "2026-01-01T00:01:00Z",
        lastTransitionTime: "2026-01-01T00:01:00Z",
      }],
      replicaStatus: {
        Coordinator: {},
        Aggregator: {},
        Collector: {},
        Learner: {},
        DDPLearner: {},
      },
      startTime: "2026-01-01T00:01:00Z",
    },
  });
});

Deno.test("planJob() with provisioning PerJob starts the aggregator too, and tells the coordinator", () => {
  const template = aTemplate({
    containers: [aContainer({ ports: [{ name: "di-port", containerPort: 80 }] })],
  });
  const { actions } = plan(JOB, { aggregatorConfig: anAggregatorConfig("PerJob", template) });
  deepStrictEqual(
    actions.map((action) => {
      const env = "pod" in action ? action.pod.spec?.containers[0]?.env : [];
      const variable = env?.find(({ name }) => name === "KUBERNETES_AGGREGATOR_URL");
      return [action.kind, objectOf(action)?.metadata.name, variable?.value];
    }),
    [
      ["createReplica", "pong-aggregator", undefined],
      ["createReplica", "pong-coordinator", "pong-aggregator.rl:80"],
    ],
  );
});

Deno.test.each<{ when: string; pods: Pod[]; config?: AggregatorConfig; actions: string[] }>([
  {
    when: "provisioning is OnDemand",
    pods: [],
    config: anAggregatorConfig("OnDemand"),
    actions: [
      "createReplica pong-coordinator",
    ],
  },
  { when: "there is no configuration", pods: [], actions: ["createReplica pong-coordinator"] },
  {
    when: "only the coordinator had been made",
    pods: [withAggregator()],
    config: anAggregatorConfig(),
    actions: ["createReplica pong-aggregator"],
  },
  {
    when: "only the aggregator had been made",
    pods: [aPod("pong-aggregator", { ownedBy: JOB })],
    config: anAggregatorConfig(),
    actions: ["createReplica pong-coordinator"],
  },
  {
    when: "the aggregator was deleted by hand and the configuration is OnDemand by now",
    pods: [withAggregator()],
    config: anAggregatorConfig("OnDemand"),
    actions: ["createReplica pong-aggregator"],
  },
  {
    when: "the aggregator is on its way out",
    pods: [withAggregator(), aPod("pong-aggregator", { ownedBy: JOB, deleting: true })],
    config: anAggregatorConfig(),
    actions: [],
  },
  {
    when: "the aggregator is gone and the configuration too",
    pods: [withAggregator()],
    actions: [],
  },
  {
    when: "the coordinator runs without one and the configuration is PerJob by now",
    pods: [coordinator({ phase: "Running" })],
    config: anAggregatorConfig(),
    actions: [],
  },
])("planJob() starts $actions when $when", ({ pods, config, actions }) => {
  const found = plan(JOB, { pods, ...(config && { aggregatorConfig: config }) });
  deepStrictEqual(wordsOf(found), actions);
});

Deno.test.each<{ when: string; job?: DIJob; pods: Pod[]; needs: boolean }>([
  { when: "the coordinator is missing", pods: [], needs: true },
  { when: "the coordinator waits for a missing aggregator", pods: [withAggregator()], needs: true },
  { when: "both are there", pods: [withAggregator(), aPod("pong-aggregator")], needs: false },
  { when: "the coordinator needs no aggregator", pods: [coordinator()], needs: false },
  { when: "the job has ended", job: aJob("pong", { phase: "Failed" }), pods: [], needs: false },
  {
    when: "the job is being deleted",
    job: aJob("pong", { deleting: true }),
    pods: [],
    needs: false,
  },
])("needsAggregatorConfig() is $needs when $when", ({ job = JOB, pods, needs }) => {
  strictEqual(needsAggregatorConfig(aSnapshot(job, { pods })), needs);
});

const SIDE_CAR = { containers: [aContainer(), aContainer({ name: "side" })] };

Deno.test.each<{ when: string; pods: Pod[]; next: (before: Phase | undefined) => Phase }>([
  { when: "is pending", pods: [coordinator({ phase: "Pending" })], next: unchanged },
  { when: "has not been seen by a kubelet", pods: [coordinator()], next: unchanged },
  { when: "is on a lost node", pods: [coordinator({ phase: "Unknown" })], next: unchanged },
  {
    when: "is on its way out",
    pods: [coordinator({ phase: "Running", deleting: true })],
    next: unchanged,
  },
  {
    when: "was killed by its deletion",
    pods: [coordinator({ phase: "Failed", deleting: true })],
    next: unchanged,
  },
  { when: "is gone", pods: [], next: unchanged },
  { when: "runs", pods: [coordinator({ phase: "Running" })], next: () => "Running" },
  { when: "failed", pods: [coordinator({ phase: "Failed" })], next: () => "Failed" },
  { when: "succeeded", pods: [coordinator({ phase: "Succeeded" })], next: () => "Succeeded" },
  {
    when: "is done while its side-car runs on",
    pods: [coordinator({
      phase: "Running",
      spec: SIDE_CAR,
      states: { "di-container": { terminated: { exitCode: 0 } }, side: { running: {} } },
    })],
    next: () => "Succeeded",
  },
  {
    when: "was out of memory while its side-car runs on",
    pods: [coordinator({
      phase: "Running",
      spec: SIDE_CAR,
      states: {
        "di-container": { terminated: { exitCode: 137, reason: "OOMKilled" } },
        side: { running: {} },
      },
    })],
    next: () => "Failed",
  },
  {
    when: "runs and all others have failed",
    pods: [
      coordinator({ phase: "Running" }),
      aPod("pong-aggregator", { ownedBy: JOB, phase: "Failed" }),
      aPod("pong-collector-a", { ownedBy: JOB, phase: "Failed" }),
      aPod("pong-learner-a", { ownedBy: JOB, phase: "Failed" }),
    ],
    next: () => "Running",
  },
  {
    when: "is pending and all others have succeeded",
    pods: [
      coordinator({ phase: "Pending" }),
      aPod("pong-collector-a", { ownedBy: JOB, phase: "Succeeded" }),
    ],
    next: unchanged,
  },
  {
    when: "runs and another pod claims to be one",
    pods: [
      aPod("pong-a", { ownedBy: JOB, type: "coordinator", phase: "Failed" }),
      coordinator({ phase: "Running" }),
    ],
    next: () => "Running",
  },
])("planJob() moves the phase as it must when the coordinator $when", ({ pods, next }) => {
  for (const before of [undefined, "Created", "Running"] as const) {
    const job = aJob("pong", before === undefined ? {} : { phase: before });
    strictEqual(plan(job, { pods }).status?.phase, next(before), `from ${before}`);
  }
});

function unchanged(before: Phase | undefined): Phase {
  return before ?? "Created";
}

Deno.test("planJob() starts the coordinator again when it is gone, and the phase stays", () => {
  const found = plan(aJob("pong", { phase: "Running" }));
  deepStrictEqual([wordsOf(found), found.status?.phase], [
    ["createReplica pong-coordinator"],
    "Running",
  ]);
});

Deno.test("planJob() does not replace collectors and learners: that is for their coordinator to ask", () => {
  const found = plan(aJob("pong", { phase: "Running" }), {
    pods: [coordinator({ phase: "Running" })],
  });
  deepStrictEqual(found.actions, []);
});

Deno.test.each<{ phase: Phase; pod: PodParts["phase"] & string }>([
  { phase: "Succeeded", pod: "Succeeded" },
  { phase: "Failed", pod: "Failed" },
])("planJob() writes $phase down before it cleans up", ({ phase, pod }) => {
  const pods = [coordinator({ phase: pod }), aPod("pong-collector-a", { phase: "Running" })];
  const found = plan(aJob("pong", { phase: "Running" }), { pods, services: [] });
  deepStrictEqual([found.actions, found.status?.phase], [[], phase]);
});

Deno.test.each<{ when: string; phase: Phase; pods: Pod[] }>([
  { when: "its coordinator is gone", phase: "Succeeded", pods: [] },
  { when: "it failed and its coordinator is gone", phase: "Failed", pods: [] },
  { when: "a pod was left", phase: "Succeeded", pods: [coordinator({ phase: "Succeeded" })] },
  {
    when: "a coordinator runs again",
    phase: "Failed",
    pods: [withAggregator({ phase: "Failed" })],
  },
])("planJob() starts nothing for a finished job when $when, and leaves its status", (row) => {
  const job = aJob("pong", { phase: row.phase });
  const found = plan(job, {
    pods: row.pods,
    services: [],
    aggregatorConfig: anAggregatorConfig(),
  });
  deepStrictEqual(found, { actions: [] });
});

Deno.test.each<{ phase?: Phase }>([{}, { phase: "Running" }, { phase: "Succeeded" }])(
  "planJob() leaves a job alone that is being deleted in phase $phase",
  (row) => {
    const job = aJob("pong", { ...row, deleting: true });
    const pods = [aPod("pong-collector-a", { ownedBy: job, phase: "Running" })];
    deepStrictEqual(plan(job, { pods, services: [] }), { actions: [] });
  },
);

const PODS_WITHOUT_SERVICE = [
  coordinator({ phase: "Running" }),
  aPod("pong-collector-a", { ownedBy: JOB, phase: "Pending" }),
  aPod("pong-learner-a", { ownedBy: JOB }),
  aPod("pong-learner-b", { ownedBy: JOB, phase: "Failed" }),
  aPod("pong-learner-c", { ownedBy: JOB, phase: "Succeeded" }),
  aPod("pong-learner-d", { ownedBy: JOB, phase: "Running", deleting: true }),
];

Deno.test("planJob() restores services of pods that may still be called", () => {
  const found = plan(JOB, { pods: PODS_WITHOUT_SERVICE, services: [] });
  deepStrictEqual(
    found.actions,
    PODS_WITHOUT_SERVICE.slice(0, 3).map((pod) => ({
      kind: "createService",
      service: buildService(pod),
    })),
  );
  strictEqual(found.againInMs, undefined);
});

Deno.test("planJob() makes the replicas that a job is started with, and its coordinator after them", () => {
  const worker = { replicas: 2, template: aTemplate() };
  const job = aJob("pong", { spec: { collector: worker, learner: { ...worker, replicas: 1 } } });
  const first = ["pong-collector-0", "pong-collector-1", "pong-learner-0"];
  deepStrictEqual(wordsOf(plan(job)), first.map((name) => `createReplica ${name}`));
  const pods = first.map((name) => aPod(name, { ownedBy: job }));
  deepStrictEqual(wordsOf(plan(job, { pods: pods.slice(0, 2) })), ["createReplica pong-learner-0"]);
  deepStrictEqual(wordsOf(plan(job, { pods })), ["createReplica pong-coordinator"]);
});

Deno.test.each(
  [
    { when: "its coordinator is there", phase: "Created", pods: [coordinator()], makes: [] },
    {
      when: "its coordinator has run and is lost",
      phase: "Running",
      pods: [],
      makes: ["createReplica pong-coordinator"],
    },
  ] as const,
)("planJob() makes none that was given back when $when", ({ phase, pods, makes }) => {
  const collector = { replicas: 2, template: aTemplate() };
  deepStrictEqual(wordsOf(plan(aJob("pong", { phase, spec: { collector } }), { pods })), makes);
});

Deno.test("planJob() starts nothing while the templates are refused, says so, and looks again", () => {
  const refused = { kind: "refused", message: "spec.learner.template: no" } as const;
  const found = planJob({ ...aSnapshot(JOB), templates: refused }, {
    serverAddress: SERVER,
    restartBackoff: RESTART_BACKOFF,
  });
  const [accepted] = found.status?.conditions ?? [];
  deepStrictEqual([found.actions, found.againInMs, found.status?.phase], [[], 60_000, "Created"]);
  deepStrictEqual([accepted?.type, accepted?.status, accepted?.reason, accepted?.message], [
    "Accepted",
    "False",
    "InvalidTemplate",
    "spec.learner.template: no",
  ]);
});

Deno.test.each([
  { said: "True" as const, accepted: "Unknown NotChecked" },
  { said: undefined, accepted: undefined },
])(
  "planJob() of templates that nobody could look at, of which was said $said, says $accepted",
  (row) => {
    const conditions = row.said === undefined ? [] : [{ type: "Accepted", status: row.said }];
    const job = aJob("pong", { status: { phase: "Running", conditions } });
    const pods = [aPod("pong-coordinator", { ownedBy: job, phase: "Running" })];
    const { status } = planJob({ ...aSnapshot(job, { pods }), templates: { kind: "unknown" } }, {
      serverAddress: SERVER,
      restartBackoff: RESTART_BACKOFF,
    });
    const found = status?.conditions?.find(({ type }) => type === "Accepted");
    strictEqual(found && `${found.status} ${found.reason}`, row.accepted);
  },
);

Deno.test("planJob() lets a job run on whose templates are refused after a change", () => {
  const pods = [coordinator({ phase: "Running" })];
  const refused = { kind: "refused", message: "no" } as const;
  const { status, actions } = planJob({ ...aSnapshot(JOB, { pods }), templates: refused }, {
    serverAddress: SERVER,
    restartBackoff: RESTART_BACKOFF,
  });
  deepStrictEqual([status?.phase, status?.conditions?.[0]?.status, actions], [
    "Running",
    "False",
    [],
  ]);
});

Deno.test.each<{ ages: number[]; restored: number; againInMs: number | undefined }>([
  { ages: [0], restored: 0, againInMs: 2000 },
  { ages: [1999], restored: 0, againInMs: 1 },
  { ages: [2000], restored: 1, againInMs: undefined },
  { ages: [3000, 500, 1500], restored: 1, againInMs: 500 },
])("planJob() gives the server 2 s to make a service: pods of $ages ms", (row) => {
  const pods = row.ages.map((age, index) =>
    aPod(`pong-collector-${index}`, { ownedBy: JOB, createdAtMs: NOW - age })
  );
  const { actions, againInMs } = plan(JOB, {
    pods: [coordinator({ phase: "Running" }), ...pods],
    services: [aService("pong-coordinator")],
  });
  deepStrictEqual({ restored: actions.length, againInMs }, {
    restored: row.restored,
    againInMs: row.againInMs,
  });
});
