import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import type { Container, Pod, PodStatus } from "../../kube/mod.ts";
import { recordsFromStatus } from "./earlier_run.ts";
import {
  crashesAfter,
  isRestarted,
  NEW_RECORD,
  RESTART_TIMING,
  restartDelayMs,
} from "./records.ts";

Deno.test.each([
  { crashes: 0, seconds: 0 },
  { crashes: 1, seconds: 10 },
  { crashes: 2, seconds: 20 },
  { crashes: 3, seconds: 40 },
  { crashes: 4, seconds: 80 },
  { crashes: 5, seconds: 160 },
  { crashes: 6, seconds: 300 },
  { crashes: 2000, seconds: 300 },
])("restartDelayMs() is $seconds s after $crashes crashes in a row", ({ crashes, seconds }) => {
  strictEqual(restartDelayMs(crashes, RESTART_TIMING), seconds * 1000);
});

Deno.test("crashesAfter() forgets crashes after a run of ten minutes", () => {
  strictEqual(crashesAfter(4, 600_000, RESTART_TIMING), 0);
  strictEqual(crashesAfter(4, 599_999, RESTART_TIMING), 4);
});

type Policy = "Always" | "OnFailure" | "Never";
const RULE: Partial<Container> = {
  restartPolicy: "Never",
  restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
};

const RESTARTS: readonly {
  what: string;
  pod: Policy;
  container?: Partial<Container>;
  isInit?: boolean;
  /** The exit codes out of 0, 1 and 42 after which it runs again. */
  after: readonly number[];
}[] = [
  { what: "Always", pod: "Always", after: [0, 1, 42] },
  { what: "OnFailure", pod: "OnFailure", after: [1, 42] },
  { what: "Never", pod: "Never", after: [] },
  { what: "an init container", pod: "Always", isInit: true, after: [1, 42] },
  { what: "an init container that never is", pod: "Never", isInit: true, after: [] },
  {
    what: "a sidecar",
    pod: "Never",
    isInit: true,
    container: { restartPolicy: "Always" },
    after: [0, 1, 42],
  },
  {
    what: "its own policy",
    pod: "Never",
    container: { restartPolicy: "OnFailure" },
    after: [1, 42],
  },
  { what: "a rule", pod: "Always", container: RULE, after: [42] },
  {
    what: "a rule that excludes",
    pod: "Never",
    container: {
      ...RULE,
      restartPolicyRules: [{
        action: "Restart",
        exitCodes: { operator: "NotIn", values: [0, 42] },
      }],
    },
    after: [1],
  },
];

Deno.test.each(RESTARTS)(
  "isRestarted() by $what after $after",
  ({ pod, container, isInit, after }) => {
    const one = aContainer(container);
    const spec = { restartPolicy: pod, ...(isInit && { initContainers: [one] }) };
    const owner = aPod("pong", { spec: isInit ? spec : { ...spec, containers: [one] } });
    deepStrictEqual([0, 1, 42].filter((code) => isRestarted(owner, one, code)), after);
  },
);

const NOW = Date.UTC(2026, 0, 1, 12);
const STARTED_AT = "2026-01-01T11:59:00Z";
const RUNNING = { state: { running: { startedAt: STARTED_AT } }, containerID: "process://7" };
const DONE = {
  state: {
    terminated: { exitCode: 0, reason: "Completed", startedAt: STARTED_AT, finishedAt: STARTED_AT },
  },
};
const LOST = {
  exitCode: 137,
  reason: "ContainerStatusUnknown",
  message: "The container could not be located: the kubelet that ran it has ended",
  startedAtMs: Date.parse(STARTED_AT),
  finishedAtMs: NOW,
  containerId: "process://7",
};
const WORKED = {
  exitCode: 0,
  reason: "Completed",
  startedAtMs: Date.parse(STARTED_AT),
  finishedAtMs: Date.parse(STARTED_AT),
  containerId: "",
};

/** A pod whose init container has done its work, and whose main container runs, by its status. */
function aLeftPod(restartPolicy: Policy, change: (pod: Pod) => void = () => {}): Pod {
  const row = { image: "", imageID: "", ready: false, restartCount: 2 };
  const status: PodStatus = {
    phase: "Running",
    initContainerStatuses: [{ ...row, name: "init", ...DONE }],
    containerStatuses: [{ ...row, name: "main", ...RUNNING }],
  };
  const initContainers = [aContainer({ name: "init" })];
  const containers = [aContainer({ name: "main" })];
  const pod = aPod("pong", { spec: { restartPolicy, initContainers, containers } });
  pod.status = status;
  change(pod);
  return pod;
}

const terminated = { kind: "terminated", backOffAnnounced: false } as const;

Deno.test("recordsFromStatus() begins a pod that goes on with its init containers", () => {
  deepStrictEqual(Object.fromEntries(recordsFromStatus(aLeftPod("Always"), NOW)), {
    init: { ...NEW_RECORD, last: WORKED, restartCount: 3 },
    main: { ...NEW_RECORD, last: LOST, restartCount: 3 },
  });
});

Deno.test.each([
  { when: "never restarts", pod: aLeftPod("Never") },
  {
    when: "is being deleted",
    pod: aLeftPod("Always", ({ metadata }) => metadata.deletionTimestamp = STARTED_AT),
  },
  {
    when: "has ended",
    pod: aLeftPod("Always", ({ status }) => status !== undefined && (status.phase = "Failed")),
  },
])("recordsFromStatus() starts nothing of a pod that $when", ({ pod }) => {
  deepStrictEqual(Object.fromEntries(recordsFromStatus(pod, NOW)), {
    init: { ...NEW_RECORD, state: { ...terminated, ...WORKED }, restartCount: 2 },
    main: { ...NEW_RECORD, state: { ...terminated, ...LOST }, restartCount: 2 },
  });
});
