/** Replacing pods: what they keep, and what they do not let change. */
import { ABSENT, invalid, notFound, ok, refused, whole } from "./expected.ts";
import { changed, merge, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const DEADLINE = "spec.activeDeadlineSeconds";
/** What must stay as it is in a pod, and what is said of it. */
const POD_CHANGES: readonly {
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly causes: readonly unknown[];
}[] = [
  {
    what: "a later deadline",
    spec: { activeDeadlineSeconds: 500 },
    causes: [{
      field: DEADLINE,
      message: "Invalid value: 500: must be less than or equal to previous value",
    }],
  },
  {
    what: "no deadline",
    spec: { activeDeadlineSeconds: null },
    causes: [{
      field: DEADLINE,
      message: "Invalid value: null: must not update from a positive integer to nil value",
    }],
  },
  ...[
    { what: "another grace period", spec: { terminationGracePeriodSeconds: 1 } },
    { what: "another restart policy", spec: { restartPolicy: "Never" } },
    { what: "another service account", spec: { serviceAccountName: "other" } },
    { what: "a host name", spec: { hostname: "other" } },
    { what: "a selector of nodes", spec: { nodeSelector: { x: "y" } } },
    { what: "volumes", spec: { volumes: [{ name: "v", emptyDir: {} }] } },
  ].map((row) => ({
    ...row,
    causes: [{ field: "spec", message: /^Forbidden: pod updates may not change fields/ }],
  })),
  {
    what: "an init container",
    spec: { initContainers: [{ name: "i", image: "x" }] },
    causes: [{
      field: "spec.initContainers",
      message: "Forbidden: pod updates may not add or remove containers",
    }],
  },
];

const ROWS: readonly Expectation[] = [
  {
    it: "refuses another number of containers",
    given: [pod("a")],
    send: "PUT pods/a",
    body: (seen) =>
      merge(seen("a"), {
        spec: {
          containers: [{ name: "main", image: "nowhere/none:1" }, { name: "more", image: "x" }],
        },
      }),
    answers: invalid("Pod", "a", [
      "Forbidden",
      "spec.containers",
      "Forbidden: pod updates may not add or remove containers",
    ]),
  },
  {
    it: "keeps a pod's status when the pod is written",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", { metadata: { labels: { x: "1" } }, status: { phase: "Running" } }),
    answers: ok({ metadata: { labels: { x: "1" } }, status: { phase: "Pending" } }),
  },
  {
    it: "keeps a pod's spec when its status is written",
    given: [pod("a")],
    send: "PUT pods/a/status",
    body: changed("a", {
      spec: { activeDeadlineSeconds: 5 },
      status: { phase: "Running", message: "hi" },
    }),
    answers: ok({
      spec: { activeDeadlineSeconds: ABSENT },
      status: { phase: "Running", message: "hi" },
    }),
  },
  {
    it: "refuses another command for a pod's container",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", {
      spec: { containers: [{ name: "main", image: "nowhere/none:1", command: ["x"] }] },
    }),
    answers: refused(
      422,
      "Invalid",
      /^Pod "a" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,`spec.initContainers\[\*\].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \(only additions to existing tolerations\),`spec.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n/,
      {
        name: "a",
        kind: "Pod",
        causes: [{
          reason: "FieldValueForbidden",
          message: /^Forbidden: pod updates/,
          field: "spec",
        }],
      },
    ),
  },
  {
    it: "takes another image for a pod's container",
    given: [pod("a")],
    send: "PUT pods/a",
    body: (seen) => JSON.parse(JSON.stringify(seen("a")).replace("none:1", "none:2")),
    answers: ok({
      spec: { containers: [{ image: "nowhere/none:2" }] },
      metadata: { generation: 2 },
    }),
  },
  {
    it: "refuses to move a pod to another node",
    given: [pod("a", { nodeName: "n1" })],
    send: "PUT pods/a",
    body: changed("a", { spec: { nodeName: "n2" } }),
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        details: { causes: [{ field: "spec", reason: "FieldValueForbidden" }] },
      },
    },
  },
  {
    it: "refuses an empty image for a pod, and says no more",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", { spec: { containers: [{ name: "main", image: "" }] } }),
    answers: {
      status: 422,
      body: { message: 'Pod "a" is invalid: spec.containers[0].image: Required value' },
    },
  },
  ...POD_CHANGES.map(({ what, spec, causes }): Expectation => ({
    it: `refuses ${what} for a pod`,
    given: [pod("a", { nodeName: "n1", activeDeadlineSeconds: 100 })],
    send: "PUT pods/a",
    body: changed("a", { spec }),
    answers: { status: 422, body: { reason: "Invalid", details: { kind: "Pod", causes } } },
  })),
  {
    it: "lets a pod's deadline come nearer",
    given: [pod("a", { activeDeadlineSeconds: 100 })],
    send: "PUT pods/a",
    body: changed("a", { spec: { activeDeadlineSeconds: 50 } }),
    answers: ok({ metadata: { generation: 2 }, spec: { activeDeadlineSeconds: 50 } }),
  },
  {
    it: "gives a pod the tolerations back that every pod has",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", { spec: { tolerations: [] } }),
    answers: ok({
      spec: {
        tolerations: [
          { key: "node.kubernetes.io/not-ready" },
          { key: "node.kubernetes.io/unreachable" },
        ],
      },
    }),
  },
  {
    it: "takes one more toleration for a pod",
    given: [pod("a")],
    send: "PUT pods/a",
    body: (seen) => {
      const more = { key: "x", operator: "Exists" };
      return JSON.parse(
        JSON.stringify(seen("a")).replace(
          '"tolerations":[',
          `"tolerations":[${JSON.stringify(more)},`,
        ),
      );
    },
    answers: ok({ spec: { tolerations: [{ key: "x" }, {}, {}] } }),
  },
  {
    it: "takes labels and finalizers with a pod's status",
    given: [pod({ name: "a", finalizers: ["example.com/x"] })],
    send: "PUT pods/a/status",
    body: changed("a", {
      metadata: { labels: { x: "1" }, finalizers: [] },
      status: { phase: "Running" },
    }),
    answers: ok({ metadata: { labels: { x: "1" }, finalizers: ABSENT } }),
  },
  {
    it: "shows what a pod's status leaves open",
    given: [pod("a")],
    send: "PUT pods/a/status",
    body: changed("a", {
      status: {
        phase: null,
        qosClass: null,
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [{ name: "main", image: "x" }],
      },
    }),
    answers: ok({
      status: whole({
        conditions: [{
          type: "Ready",
          status: "True",
          lastProbeTime: null,
          lastTransitionTime: null,
        }],
        containerStatuses: [{
          name: "main",
          image: "x",
          imageID: "",
          lastState: {},
          ready: false,
          restartCount: 0,
          state: {},
        }],
        qosClass: "BestEffort",
      }),
    }),
  },
  {
    it: "finds no status of a pod that is not there",
    send: "PUT pods/a/status",
    body: pod("a"),
    answers: notFound("pods", "a"),
  },
  {
    it: "lets no toleration of a pod go",
    given: [pod("a", { tolerations: [{ key: "x", operator: "Exists" }] })],
    send: "PUT pods/a",
    body: changed("a", { spec: { tolerations: [] } }),
    answers: invalid("Pod", "a", [
      "Forbidden",
      "spec.tolerations",
      "Forbidden: existing toleration can not be modified except its tolerationSeconds",
    ]),
  },
];

contract("update, pods", ROWS);
