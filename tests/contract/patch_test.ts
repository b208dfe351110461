/** Patching objects. */
import { ABSENT, conflict, invalid, MODIFIED, notFound, ok, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const CONTAINER = { name: "main", image: "nowhere/none:1" };

/** The real server says no more than this of a JSON patch that cannot be done. */
const REJECTED = refused(
  422,
  "Invalid",
  "the server rejected our request due to an error in our request",
  {},
);

const ROWS: readonly Expectation[] = [
  {
    it: "merges: sets, and takes away with null",
    given: [configMap("a", { x: "1", y: "2" })],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { data: { x: null, z: "3" } },
    answers: ok({ data: { x: ABSENT, y: "2", z: "3" } }),
  },
  {
    it: "merges: replaces lists",
    given: [configMap({ name: "a", finalizers: ["a.b/c", "a.b/d"] })],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { finalizers: ["a.b/e"] } },
    answers: ok({ metadata: { finalizers: ["a.b/e"] } }),
    then: [{
      send: "PATCH configmaps/a",
      type: "merge",
      body: { metadata: { finalizers: null } },
      answers: ok({ metadata: { finalizers: ABSENT } }),
    }],
  },
  {
    it: "merges: leaves the resourceVersion when nothing changes",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { data: { x: "1" } },
    answers: (seen) => ok({ metadata: { resourceVersion: seen("a").metadata.resourceVersion } }),
  },
  {
    it: "merges: refuses a stale resourceVersion",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { resourceVersion: "1" }, data: { x: "1" } },
    answers: conflict("configmaps", "a", MODIFIED),
  },
  {
    it: "merges: writes a status without a resourceVersion",
    given: [dijob("a")],
    send: `PATCH ${DIENGINE}/dijobs/a/status`,
    type: "merge",
    body: { spec: { group: "x" }, status: { phase: "Running" } },
    answers: ok({ spec: { group: ABSENT }, status: { phase: "Running" } }),
  },
  {
    it: "merges: refuses what makes the object invalid",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { data: { "no spaces": "1" } },
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "data[no spaces]",
      "Invalid value: \"no spaces\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ]),
  },
  {
    it: "merges: refuses another name",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { name: "b" } },
    answers: refused(
      400,
      "BadRequest",
      "the name of the object (b) does not match the name on the URL (a)",
    ),
  },
  {
    it: "merges: stores nothing with dryRun=All",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a?dryRun=All",
    type: "merge",
    body: { data: { x: "2" } },
    answers: ok({ data: { x: "2" } }),
    then: [{ send: "GET configmaps/a", answers: ok({ data: { x: "1" } }) }],
  },
  {
    it: "does not patch what is not there",
    send: "PATCH configmaps/a",
    type: "merge",
    body: { data: { x: "1" } },
    answers: notFound("configmaps", "a"),
  },
  {
    it: "refuses a patch that is no JSON",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: "{",
    answers: refused(400, "BadRequest", /^error decoding patch: /),
  },
  {
    it: "refuses a patch of another content type",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "application/json",
    body: {},
    answers: refused(
      415,
      "UnsupportedMediaType",
      "415: Unsupported Media Type",
      {},
    ),
  },
  {
    it: "JSON: adds, replaces and removes",
    given: [configMap("a", { x: "1", y: "2" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [
      { op: "test", path: "/data/x", value: "1" },
      { op: "replace", path: "/data/x", value: "3" },
      { op: "remove", path: "/data/y" },
      { op: "add", path: "/data/z~1~0", value: "4" },
      { op: "remove", path: "/data/z~1~0" },
      { op: "add", path: "/metadata/labels", value: { l: "1" } },
    ],
    answers: ok({ metadata: { labels: { l: "1" } }, data: { x: "3", y: ABSENT } }),
  },
  {
    it: "JSON: does nothing when a test fails",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [{ op: "replace", path: "/data/x", value: "2" }, {
      op: "test",
      path: "/data/x",
      value: "1",
    }],
    answers: REJECTED,
    then: [{ send: "GET configmaps/a", answers: ok({ data: { x: "1" } }) }],
  },
  {
    it: "JSON: refuses to remove what is not there",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [{ op: "remove", path: "/data/y" }],
    answers: REJECTED,
  },
  {
    it: "JSON: takes its resourceVersion as a precondition",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [{ op: "replace", path: "/metadata/resourceVersion", value: "1" }],
    answers: conflict("configmaps", "a", MODIFIED),
  },
  {
    it: "JSON: refuses an operation that it does not know",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [{ op: "frobnicate", path: "/data/x" }],
    answers: REJECTED,
  },
  {
    it: "strategic: merges containers by name",
    given: [pod("a")],
    send: "PATCH pods/a",
    type: "strategic",
    body: { spec: { containers: [{ name: "main", image: "nowhere/none:2" }] } },
    answers: ok({
      spec: {
        containers: [{ name: "main", image: "nowhere/none:2", imagePullPolicy: "IfNotPresent" }],
      },
    }),
  },
  {
    it: "strategic: merges a service's ports by number",
    given: [service("a", { ports: [{ name: "one", port: 1 }, { name: "two", port: 2 }] })],
    send: "PATCH services/a",
    type: "strategic",
    body: { spec: { ports: [{ port: 2, name: "second" }, { port: 3, name: "three" }] } },
    answers: ok({
      spec: {
        ports: [{ name: "one", port: 1 }, { name: "second", port: 2 }, { name: "three", port: 3 }],
      },
    }),
  },
  {
    it: "strategic: takes an item of a list away",
    given: [service("a", { ports: [{ name: "one", port: 1 }, { name: "two", port: 2 }] })],
    send: "PATCH services/a",
    type: "strategic",
    body: { spec: { ports: [{ port: 2, $patch: "delete" }] } },
    answers: ok({ spec: { ports: [{ name: "one", port: 1 }] } }),
  },
  {
    it: "strategic: replaces a list",
    given: [service("a", { ports: [{ name: "one", port: 1 }, { name: "two", port: 2 }] })],
    send: "PATCH services/a",
    type: "strategic",
    body: { spec: { ports: [{ $patch: "replace" }, { port: 7 }] } },
    answers: ok({ spec: { ports: [{ port: 7 }] } }),
  },
  {
    it: "strategic: merges a pod's conditions by type",
    given: [pod("a")],
    after: [{
      send: "PATCH pods/a/status",
      type: "strategic",
      body: {
        status: {
          conditions: [{ type: "Ready", status: "False" }, { type: "Initialized", status: "True" }],
        },
      },
    }],
    send: "PATCH pods/a/status",
    type: "strategic",
    body: {
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        $setElementOrder$conditions: undefined,
      },
    },
    answers: ok({
      status: {
        conditions: [{ type: "Ready", status: "True" }, { type: "Initialized", status: "True" }],
      },
    }),
  },
  {
    it: "strategic: adds an owner without a word on the others",
    given: [
      configMap("o"),
      (seen) =>
        configMap({
          name: "a",
          ownerReferences: [{
            apiVersion: "v1",
            kind: "ConfigMap",
            name: "o",
            uid: seen("o").metadata.uid,
          }],
        }),
    ],
    send: "PATCH configmaps/a",
    type: "strategic",
    body: {
      metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "p", uid: "p" }] },
    },
    answers: ok({ metadata: { ownerReferences: [{ name: "p" }, { name: "o" }] } }),
  },
  {
    it: "strategic: merges a template's containers, variables and ports",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: {
      spec: {
        template: {
          spec: {
            containers: [{
              name: "main",
              env: [{ name: "B", value: "3" }, { name: "C", value: "4" }, {
                name: "A",
                $patch: "delete",
              }],
              ports: [{ containerPort: 80, name: "web" }],
            }],
          },
        },
      },
    },
    answers: ok({
      spec: {
        template: {
          spec: {
            containers: [{
              name: "main",
              image: "nowhere/none:1",
              env: [{ name: "B", value: "3" }, { name: "C", value: "4" }],
              ports: [{ containerPort: 80, name: "web", protocol: "TCP" }],
            }],
          },
        },
      },
    }),
  },
  {
    it: "strategic: refuses a custom resource",
    given: [dijob("a")],
    send: `PATCH ${DIENGINE}/dijobs/a`,
    type: "strategic",
    body: { spec: { group: "x" } },
    answers: refused(
      415,
      "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    ),
  },
];

function deployment(): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a" },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "a" } },
      template: {
        metadata: { labels: { app: "a" } },
        spec: {
          containers: [{
            ...CONTAINER,
            env: [{ name: "A", value: "1" }, { name: "B", value: "2" }],
            ports: [{ containerPort: 80 }],
          }],
        },
      },
    },
  };
}

contract("patch", ROWS);
