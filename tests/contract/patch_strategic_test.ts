/** Strategic merge patches: lists of things with names are merged by them. */
import { ok, refused, whole } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const NODE = `contract-${crypto.randomUUID().slice(0, 8)}`;
const CONTAINER = { name: "main", image: "nowhere/none:1" };

const ROWS: readonly Expectation[] = [
  {
    it: "merges containers by name",
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
    it: "merges a service's ports by number",
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
    it: "takes an item of a list away",
    given: [service("a", { ports: [{ name: "one", port: 1 }, { name: "two", port: 2 }] })],
    send: "PATCH services/a",
    type: "strategic",
    body: { spec: { ports: [{ port: 2, $patch: "delete" }] } },
    answers: ok({ spec: { ports: [{ name: "one", port: 1 }] } }),
  },
  {
    it: "replaces a list",
    given: [service("a", { ports: [{ name: "one", port: 1 }, { name: "two", port: 2 }] })],
    send: "PATCH services/a",
    type: "strategic",
    body: { spec: { ports: [{ $patch: "replace" }, { port: 7 }] } },
    answers: ok({ spec: { ports: [{ port: 7 }] } }),
  },
  {
    it: "merges a pod's conditions by type",
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
    it: "adds an owner without a word on the others",
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
    it: "merges a template's containers, variables and ports",
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
    it: "refuses a custom resource",
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
  {
    it: "adds, replaces and removes volumes",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({
      volumes: [
        { name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/x" } },
        { name: "w", $patch: "delete" },
        { name: "new", configMap: { name: "c" } },
      ],
    }),
    answers: ok({
      spec: {
        template: {
          spec: {
            volumes: [
              whole({ name: "v", hostPath: { path: "/x", type: "" } }),
              { name: "new", configMap: { name: "c", defaultMode: 420 } },
            ],
          },
        },
      },
    }),
  },
  {
    it: "merges mounts by their paths",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({
      containers: [{ name: "main", volumeMounts: [{ mountPath: "/w", name: "w" }] }],
    }),
    answers: ok(inTemplate({
      containers: [{
        volumeMounts: [{ mountPath: "/w", name: "w" }, { mountPath: "/v", name: "v" }],
      }],
    })),
  },
  {
    it: "orders items as it is told",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({
      containers: [{
        name: "main",
        "$setElementOrder/env": [{ name: "B" }, { name: "A" }],
        env: [{ name: "A", value: "9" }],
      }],
    }),
    answers: ok(inTemplate({
      containers: [{ env: [{ name: "B", value: "2" }, { name: "A", value: "9" }] }],
    })),
  },
  {
    it: "keeps of a map only what it is told to",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
    answers: ok({ spec: { strategy: whole({ type: "Recreate" }) } }),
  },
  {
    it: "refuses an item without its key",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({ containers: [{ image: "q" }] }),
    answers: {
      status: 500,
      body: { message: "map: map[image:q] does not contain declared merge key: name" },
    },
  },
  {
    it: "refuses a directive that it does not know",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({ containers: [{ name: "main", $patch: "hide" }] }),
    answers: {
      status: 500,
      body: { message: "unknown patch type: hide in map: map[$patch:hide name:main]" },
    },
  },
  {
    it: "takes finalizers away one by one",
    given: [configMap({ name: "a", finalizers: ["a.b/c", "a.b/d"] })],
    send: "PATCH configmaps/a",
    type: "strategic",
    body: { metadata: { "$deleteFromPrimitiveList/finalizers": ["a.b/c"], finalizers: ["a.b/e"] } },
    answers: ok({ metadata: { finalizers: ["a.b/e", "a.b/d"] } }),
    then: [{ send: "PATCH configmaps/a", type: "merge", body: { metadata: { finalizers: null } } }],
  },
  {
    it: "replaces a map",
    given: [configMap({ name: "a", labels: { x: "1", y: "1" } })],
    send: "PATCH configmaps/a",
    type: "strategic",
    body: { metadata: { labels: { $patch: "replace", z: "1" } } },
    answers: ok({ metadata: { labels: whole({ z: "1" }) } }),
  },
  {
    it: "merges a node's conditions, and replaces its addresses when told to",
    after: [
      { send: "POST /api/v1/nodes", body: { metadata: { name: NODE } } },
      {
        send: `PATCH /api/v1/nodes/${NODE}/status`,
        type: "strategic",
        body: {
          status: {
            conditions: [{ type: "Ready", status: "True" }],
            addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
          },
        },
      },
    ],
    send: `PATCH /api/v1/nodes/${NODE}/status`,
    type: "strategic",
    body: {
      status: {
        conditions: [{ type: "Ready", status: "False" }, { type: "DiskPressure", status: "True" }],
        addresses: [{ $patch: "replace" }, { type: "Hostname", address: "h" }],
      },
    },
    answers: ok({
      status: {
        conditions: [{ type: "Ready", status: "False" }, { type: "DiskPressure", status: "True" }],
        addresses: [{ type: "Hostname", address: "h" }],
      },
    }),
    then: [{ send: `DELETE /api/v1/nodes/${NODE}` }],
  },
  {
    it: "gives a pod the tolerations that it needs, whatever it is told",
    given: [pod("a")],
    send: "PATCH pods/a",
    type: "strategic",
    body: { spec: { tolerations: [{ key: "q", operator: "Exists" }] } },
    answers: ok({
      spec: {
        tolerations: [
          { key: "q" },
          { key: "node.kubernetes.io/not-ready" },
          { key: "node.kubernetes.io/unreachable" },
        ],
      },
    }),
  },
  {
    it: "counts an Event again",
    given: [
      configMap("here"),
      (seen) => ({
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "a" },
        involvedObject: { kind: "Pod", namespace: seen("here").metadata.namespace },
        count: 1,
      }),
    ],
    send: "PATCH events/a",
    type: "strategic",
    body: { count: 2 },
    answers: ok({ count: 2, involvedObject: { kind: "Pod" } }),
  },
  {
    it: "orders items without a word on them",
    after: [{ send: "POST apps/v1/deployments", body: deployment() }],
    send: "PATCH apps/v1/deployments/a",
    type: "strategic",
    body: inTemplate({
      containers: [{ name: "main", "$setElementOrder/env": [{ name: "B" }, { name: "A" }] }],
    }),
    answers: ok(inTemplate({ containers: [{ env: [{ name: "B" }, { name: "A" }] }] })),
  },
];

/** A patch, or an answer, about the pods of a Deployment. */
function inTemplate(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { spec: { template: { spec } } };
}

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
            volumeMounts: [{ name: "v", mountPath: "/v" }],
          }],
          volumes: [{ name: "v", emptyDir: {} }, { name: "w", emptyDir: {} }],
        },
      },
    },
  };
}

contract("patch, strategic", ROWS);
