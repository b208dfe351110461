/** Pods as `kubectl get` shows them: what has become of their containers. */
import { ok } from "./expected.ts";
import { pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

type Fields = Readonly<Record<string, unknown>>;

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const LONG_AGO = "2020-01-01T00:00:00Z";
const RUNNING = { running: { startedAt: LONG_AGO } };
const CONTAINER = { name: "main", image: "x", imageID: "", ready: false, restartCount: 0 };
const INIT = { ...CONTAINER, name: "i" };
const ended = (exitCode: number, more: Fields = {}) => ({
  terminated: { exitCode, startedAt: LONG_AGO, finishedAt: LONG_AGO, ...more },
});

/** A status, and how a pod is shown that has it: containers ready, in a word, and restarts. */
const STATUSES: readonly (readonly [what: string, status: Fields, cells: readonly unknown[]])[] = [
  [
    "that runs, after restarts",
    {
      phase: "Running",
      containerStatuses: [{
        ...CONTAINER,
        ready: true,
        restartCount: 2,
        state: RUNNING,
        lastState: ended(1),
      }],
    },
    ["1/1", "Running", /^2 \(\d+y\d*d? ago\)$/],
  ],
  [
    "whose init container runs",
    { initContainerStatuses: [{ ...INIT, state: RUNNING }] },
    ["0/1", "Init:0/1", "0"],
  ],
  [
    "whose init container failed",
    { initContainerStatuses: [{ ...INIT, state: ended(3) }] },
    ["0/1", "Init:ExitCode:3", "0"],
  ],
  [
    "whose init container waits to be started again",
    { initContainerStatuses: [{ ...INIT, state: { waiting: { reason: "CrashLoopBackOff" } } }] },
    ["0/1", "Init:CrashLoopBackOff", "0"],
  ],
  [
    "whose container waits to be started again",
    {
      phase: "Running",
      containerStatuses: [{ ...CONTAINER, state: { waiting: { reason: "CrashLoopBackOff" } } }],
    },
    ["0/1", "CrashLoopBackOff", "0"],
  ],
  [
    "whose container was killed by a signal",
    { phase: "Failed", containerStatuses: [{ ...CONTAINER, state: ended(0, { signal: 9 }) }] },
    ["0/1", "Signal:9", "0"],
  ],
  [
    "whose container has ended",
    {
      phase: "Succeeded",
      containerStatuses: [{ ...CONTAINER, state: ended(0, { reason: "Completed" }) }],
    },
    ["0/1", "Completed", "0"],
  ],
  ["that was evicted", { phase: "Failed", reason: "Evicted" }, ["0/1", "Evicted", "0"]],
];

const ROWS: readonly Expectation[] = [
  ...STATUSES.map(([what, status, cells]): Expectation => ({
    it: `shows a pod ${what}`,
    given: [pod("a", { initContainers: [{ name: "i", image: "x" }] })],
    after: [{ send: "PATCH pods/a/status", type: "merge", body: { status } }],
    send: "GET pods",
    accept: TABLE,
    answers: ok({
      rows: [{
        cells: ["a", ...cells, /^\d+s$/, "<none>", "<none>", "<none>", "<none>"],
      }],
    }),
  })),
  {
    it: "shows that a pod is being deleted",
    given: [pod("a", { nodeName: "n1" })],
    after: [{ send: "DELETE pods/a" }],
    send: "GET pods/a",
    accept: TABLE,
    answers: ok({
      rows: [{
        cells: ["a", "0/1", "Terminating", "0", /s$/, "<none>", "n1", "<none>", "<none>"],
      }],
    }),
  },
  {
    it: "shows the port of its node beside a service's own",
    given: [service("a", { type: "NodePort", clusterIP: undefined })],
    send: "GET services",
    accept: TABLE,
    answers: ok({
      rows: [{
        cells: ["a", "NodePort", /^\d/, "<none>", /^80:3\d{4}\/TCP$/, /s$/, "<none>"],
      }],
    }),
  },
];

contract("list, pods", ROWS);
