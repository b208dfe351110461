import { deepStrictEqual } from "node:assert/strict";
import type { Container, Pod } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { planPod, type PodAction } from "./pod_plan.ts";
import { buildPodStatus } from "./pod_status.ts";
import {
  type ContainerRecord,
  NEW_RECORD,
  type PodSnapshot,
  RESTART_TIMING,
  type RunState,
  type Termination,
} from "./records.ts";

const NOW = Date.UTC(2026, 0, 1, 12);

function endedRun(exitCode: number, ago = 1000): Termination {
  return {
    exitCode,
    reason: exitCode === 0 ? "Completed" : "Error",
    startedAtMs: NOW - ago - 500,
    finishedAtMs: NOW - ago,
    containerId: "process://7",
  };
}

function record(state: RunState, parts: Partial<ContainerRecord> = {}): ContainerRecord {
  return { ...NEW_RECORD, state, ...parts };
}

function running(parts: Partial<Extract<RunState, { kind: "running" }>> = {}): ContainerRecord {
  const state = { kind: "running", startedAtMs: NOW - 500, containerId: "process://8" } as const;
  return record({ ...state, ...parts }, { started: true, ready: true });
}

function ended(exitCode: number, parts?: Partial<ContainerRecord>, ago?: number) {
  return record({ kind: "terminated", backOffAnnounced: true, ...endedRun(exitCode, ago) }, parts);
}

interface Case {
  readonly policy?: "Always" | "OnFailure" | "Never";
  readonly init?: readonly Container[];
  readonly containers?: readonly Container[];
  readonly records?: Readonly<Record<string, ContainerRecord>>;
  readonly volumes?: PodSnapshot["volumes"];
  readonly change?: (pod: Pod) => void;
  readonly isDeadlineTold?: boolean;
}

function killOf(container: string, graceMs: number, message = `Stopping container ${container}`) {
  return { kind: "kill", container, graceMs, message, after: [] } as const;
}

function aSnapshot({ policy = "Never", ...parts }: Case): PodSnapshot {
  const pod = aPod("pong", {
    spec: {
      restartPolicy: policy,
      containers: [...parts.containers ?? [aContainer({ name: "main" })]],
      ...(parts.init && { initContainers: [...parts.init] }),
    },
  });
  parts.change?.(pod);
  return {
    pod,
    records: new Map(Object.entries(parts.records ?? {})),
    volumes: parts.volumes ?? { kind: "ready" },
    isDeadlineTold: parts.isDeadlineTold ?? false,
    acceptedAtMs: NOW - 5000,
    nowMs: NOW,
    timing: RESTART_TIMING,
  };
}

/** The actions once the status stands as it should, which the status tests look at. */
function stepsOf(snapshot: PodSnapshot): readonly PodAction[] {
  const pod = { ...snapshot.pod, status: buildPodStatus(snapshot) };
  return planPod({ ...snapshot, pod }).actions;
}

Deno.test("planPod() reports the end of a pod before it lets it go", () => {
  const snapshot = aSnapshot({ records: { main: ended(143) }, change: markDeleted });
  deepStrictEqual(planPod(snapshot).actions.map(({ kind }) => kind), ["report"]);
});

const INIT = aContainer({ name: "init" });
const SIDECAR = aContainer({ name: "side", restartPolicy: "Always" });
const LAST = endedRun(3, 11_000);

const STEPS: readonly (Case & { when: string; steps: readonly PodAction[]; wakeInMs?: number })[] =
  [
    { when: "nothing is there", volumes: { kind: "none" }, steps: [{ kind: "prepareVolumes" }] },
    { when: "its volumes are being made", volumes: { kind: "preparing" }, steps: [] },
    {
      when: "its volumes could not be made",
      volumes: { kind: "failed", message: "no", retryAtMs: NOW + 300 },
      steps: [],
      wakeInMs: 300,
    },
    {
      when: "its volumes can be tried again",
      volumes: { kind: "failed", message: "no", retryAtMs: NOW },
      steps: [{ kind: "prepareVolumes" }],
    },
    { when: "it may start", steps: [{ kind: "start", container: "main" }] },
    {
      when: "an init container goes first",
      init: [INIT],
      steps: [{ kind: "start", container: "init" }],
    },
    { when: "an init container runs", init: [INIT], records: { init: running() }, steps: [] },
    {
      when: "its init container has ended well",
      init: [INIT],
      records: { init: ended(0) },
      steps: [{ kind: "start", container: "main" }],
    },
    {
      when: "a sidecar has started",
      init: [SIDECAR, INIT],
      records: { side: running() },
      steps: [{ kind: "start", container: "init" }],
    },
    {
      when: "only a sidecar is left",
      init: [SIDECAR],
      records: { side: running(), main: ended(0) },
      steps: [{
        kind: "kill",
        container: "side",
        graceMs: 30_000,
        message: "Stopping container side",
        after: ["main"],
      }],
    },
    { when: "it runs", records: { main: running() }, steps: [] },
    { when: "it has ended", records: { main: ended(3) }, steps: [] },
    {
      when: "it has failed once and is restarted at once",
      policy: "OnFailure",
      records: { main: ended(3, undefined, 11_000) },
      steps: [{
        kind: "start",
        container: "main",
        restart: { last: LAST, crashes: 1 },
      }],
    },
    {
      when: "it has failed again and waits",
      policy: "Always",
      records: { main: ended(3, { crashes: 2 }) },
      steps: [],
      wakeInMs: 19_000,
    },
    {
      when: "it begins to wait",
      policy: "Always",
      records: {
        main: record({ kind: "terminated", backOffAnnounced: false, ...endedRun(0) }, {
          crashes: 1,
        }),
      },
      steps: [{ kind: "announceBackOff", container: "main" }],
      wakeInMs: 9000,
    },
    {
      when: "it has failed often",
      policy: "Always",
      records: { main: ended(3, { crashes: 20 }) },
      steps: [],
      wakeInMs: 299_000,
    },
    {
      when: "it ended well under OnFailure",
      policy: "OnFailure",
      records: { main: ended(0) },
      steps: [],
    },
    {
      when: "it could not be made",
      records: {
        main: record({ kind: "refused", reason: "r", message: "m", retryAtMs: NOW + 700 }),
      },
      steps: [],
      wakeInMs: 700,
    },
    {
      when: "its liveness probe fails",
      records: { main: running({ unhealthy: { cause: "liveness probe" } }) },
      steps: [killOf("main", 30_000)],
    },
    {
      when: "its liveness probe fails and it is restarted",
      policy: "Always",
      records: { main: running({ unhealthy: { cause: "liveness probe", graceMs: 1000 } }) },
      steps: [killOf("main", 1000, "Container main failed liveness probe, will be restarted")],
    },
    {
      when: "its postStart hook failed",
      policy: "Always",
      records: { main: running({ isInHook: true, unhealthy: { cause: "postStart hook" } }) },
      steps: [killOf("main", 30_000, "FailedPostStartHook")],
    },
    {
      when: "it is being deleted",
      records: { main: running() },
      change: markDeleted,
      steps: [killOf("main", 5000)],
    },
    {
      when: "it is being deleted and was asked to end",
      records: { main: running({ killAtMs: NOW + 4000 }) },
      change: markDeleted,
      steps: [],
    },
    {
      when: "its deletion got more urgent",
      records: { main: running({ killAtMs: NOW + 9000 }) },
      change: markDeleted,
      steps: [killOf("main", 5000)],
    },
    {
      when: "it is being deleted and has ended",
      records: { main: ended(143) },
      change: markDeleted,
      steps: [{ kind: "remove" }],
    },
    { when: "it was deleted before it began", change: markDeleted, steps: [{ kind: "remove" }] },
    {
      when: "it is being deleted while it starts",
      records: { main: record({ kind: "starting" }) },
      change: markDeleted,
      steps: [],
    },
    {
      when: "it is past its deadline",
      records: { main: running() },
      change: ({ spec }) => spec !== undefined && (spec.activeDeadlineSeconds = 5),
      steps: [{ kind: "tellDeadline" }, killOf("main", 30_000)],
    },
    {
      when: "it is past its deadline and all was said",
      records: { main: running({ killAtMs: NOW + 30_000 }) },
      change: ({ spec }) => spec !== undefined && (spec.activeDeadlineSeconds = 5),
      isDeadlineTold: true,
      steps: [],
    },
    {
      when: "it is being deleted and has sidecars",
      init: [SIDECAR, INIT, aContainer({ name: "other", restartPolicy: "Always" })],
      records: { side: running(), init: ended(0), other: running(), main: running() },
      change: markDeleted,
      steps: [
        { ...killOf("side", 5000), after: ["main", "init", "other"] },
        { ...killOf("other", 5000), after: ["main"] },
        killOf("main", 5000),
      ],
    },
    {
      when: "its init container failed while a sidecar runs",
      init: [SIDECAR, INIT],
      records: { side: running(), init: ended(1) },
      steps: [{ ...killOf("side", 30_000), after: ["main", "init"] }],
    },
    {
      when: "its sidecar is down and a main container has ended",
      policy: "OnFailure",
      init: [SIDECAR],
      records: { side: ended(1, { crashes: 1 }), main: ended(3, undefined, 11_000) },
      steps: [{ kind: "start", container: "main", restart: { last: LAST, crashes: 1 } }],
      wakeInMs: 9000,
    },
    {
      when: "it has a deadline",
      records: { main: running() },
      change: ({ spec }) => spec !== undefined && (spec.activeDeadlineSeconds = 6),
      steps: [],
      wakeInMs: 1000,
    },
  ];

Deno.test.each(STEPS)("planPod() acts when $when", ({ steps, wakeInMs, ...parts }) => {
  const snapshot = aSnapshot(parts);
  deepStrictEqual(stepsOf(snapshot), steps);
  const { wakeAtMs } = planPod(snapshot);
  deepStrictEqual(wakeAtMs === undefined ? undefined : wakeAtMs - NOW, wakeInMs);
});

Deno.test("planPod() reports a status once", () => {
  const snapshot = aSnapshot({ records: { main: running() } });
  const [report, ...rest] = planPod(snapshot).actions;
  deepStrictEqual(report?.kind === "report" && report.status.phase, "Running");
  deepStrictEqual(rest, []);
  const pod = { ...snapshot.pod, status: buildPodStatus(snapshot) };
  deepStrictEqual(planPod({ ...snapshot, pod, nowMs: NOW + 60_000 }).actions, []);
});

function markDeleted({ metadata }: Pod): void {
  metadata.deletionTimestamp = "2026-01-01T12:00:00Z";
  metadata.deletionGracePeriodSeconds = 5;
}

const PHASES: readonly (Case & { when: string; phase: string; ready: string; reason?: string })[] =
  [
    { when: "nothing has started", phase: "Pending", ready: "False" },
    {
      when: "an init container runs",
      init: [INIT],
      records: { init: running() },
      phase: "Pending",
      ready: "False",
    },
    {
      when: "an init container failed",
      init: [INIT],
      records: { init: ended(1) },
      phase: "Failed",
      ready: "False",
    },
    {
      when: "an init container failed and is tried again",
      policy: "OnFailure",
      init: [INIT],
      records: { init: ended(1) },
      phase: "Pending",
      ready: "False",
    },
    { when: "all run", records: { main: running() }, phase: "Running", ready: "True" },
    {
      when: "one of two has ended",
      containers: [aContainer({ name: "main" }), aContainer({ name: "more" })],
      records: { main: running(), more: ended(0) },
      phase: "Running",
      ready: "False",
    },
    { when: "all ended well", records: { main: ended(0) }, phase: "Succeeded", ready: "False" },
    {
      when: "all ended well but for a sidecar",
      init: [SIDECAR],
      records: { side: running(), main: ended(0) },
      phase: "Running",
      ready: "False",
    },
    {
      when: "an init container failed and a sidecar still runs",
      init: [SIDECAR, INIT],
      records: { side: running(), init: ended(1) },
      phase: "Pending",
      ready: "False",
    },
    {
      when: "its hook has not ended",
      records: { main: { ...running({ isInHook: true }), ready: false } },
      phase: "Pending",
      ready: "False",
    },
    {
      when: "a readiness gate is closed",
      records: { main: running() },
      change: ({ spec }) =>
        spec !== undefined && (spec.readinessGates = [{ conditionType: "example.com/gate" }]),
      phase: "Running",
      ready: "False",
    },
    {
      when: "its deadline passed and it still runs",
      records: { main: running() },
      change: ({ spec }) => spec !== undefined && (spec.activeDeadlineSeconds = 5),
      phase: "Running",
      ready: "False",
    },
    { when: "one failed", records: { main: ended(3) }, phase: "Failed", ready: "False" },
    {
      when: "one failed and is restarted",
      policy: "Always",
      records: { main: ended(3, { crashes: 1 }) },
      phase: "Running",
      ready: "False",
    },
    {
      when: "one could never be made",
      records: { main: record({ kind: "refused", reason: "r", message: "m", retryAtMs: NOW }) },
      phase: "Pending",
      ready: "False",
    },
    {
      when: "it was deleted and ended well",
      policy: "Always",
      records: { main: ended(0) },
      change: markDeleted,
      phase: "Succeeded",
      ready: "False",
    },
    {
      when: "it was deleted and did not end well",
      policy: "Always",
      records: { main: ended(143) },
      change: markDeleted,
      phase: "Failed",
      ready: "False",
    },
    {
      when: "its deadline passed",
      records: { main: ended(143) },
      change: ({ spec }) => spec !== undefined && (spec.activeDeadlineSeconds = 5),
      phase: "Failed",
      ready: "False",
      reason: "DeadlineExceeded",
    },
  ];

Deno.test.each(PHASES)("buildPodStatus() says $phase when $when", (row) => {
  const status = buildPodStatus(aSnapshot(row));
  const ready = status.conditions?.find(({ type }) => type === "Ready")?.status;
  deepStrictEqual([status.phase, ready, status.reason], [row.phase, row.ready, row.reason]);
});

const START_ERROR = { reason: "RunContainerError", message: "no such program" };
const BACK_OFF = {
  reason: "CrashLoopBackOff",
  message: "back-off 10s restarting failed container=main pod=pong_rl(pong-uid)",
};
const UNKNOWN = {
  exitCode: 137,
  reason: "ContainerStatusUnknown",
  message: "The container could not be located when the pod was terminated",
};

/** What a row of the status says of its state and its last one, in short. */
const SHOWN: readonly (Case & { when: string; state: unknown; last: number | undefined })[] = [
  {
    when: "it has not started",
    state: { waiting: { reason: "ContainerCreating" } },
    last: undefined,
  },
  {
    when: "init containers come first",
    init: [INIT],
    state: { waiting: { reason: "PodInitializing" } },
    last: undefined,
  },
  {
    when: "it could not be started and will be again",
    policy: "Always",
    records: {
      main: record({
        kind: "terminated",
        backOffAnnounced: false,
        ...endedRun(128),
        waiting: START_ERROR,
      }),
    },
    state: { waiting: START_ERROR },
    last: 128,
  },
  {
    when: "it is being started again after a wait",
    policy: "Always",
    records: {
      main: record({ kind: "starting", restart: { last: endedRun(3), crashes: 2 } }, {
        last: endedRun(4),
      }),
    },
    state: { waiting: BACK_OFF },
    last: 3,
  },
  {
    when: "it never ran and its pod is deleted",
    change: markDeleted,
    state: { terminated: UNKNOWN },
    last: undefined,
  },
];

Deno.test.each(SHOWN)(
  "buildPodStatus() shows a container when $when",
  ({ state, last, ...parts }) => {
    const row = buildPodStatus(aSnapshot(parts)).containerStatuses?.[0];
    deepStrictEqual([row?.state, row?.lastState?.terminated?.exitCode], [state, last]);
  },
);

Deno.test("buildPodStatus() shows a container that waits after a crash", () => {
  const main = ended(3, { crashes: 2, restartCount: 2 });
  const { containerStatuses } = buildPodStatus(
    aSnapshot({ policy: "Always", records: { main } }),
  );
  const uid = aPod("pong").metadata.uid;
  deepStrictEqual(containerStatuses, [{
    name: "main",
    image: "img",
    imageID: "",
    containerID: "process://7",
    ready: false,
    started: false,
    restartCount: 2,
    state: {
      waiting: {
        reason: "CrashLoopBackOff",
        message: `back-off 20s restarting failed container=main pod=pong_rl(${uid})`,
      },
    },
    lastState: {
      terminated: {
        exitCode: 3,
        reason: "Error",
        startedAt: "2026-01-01T11:59:58Z",
        finishedAt: "2026-01-01T11:59:59Z",
        containerID: "process://7",
      },
    },
  }]);
});
