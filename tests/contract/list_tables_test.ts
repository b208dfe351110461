/** Objects as tables: what `kubectl get` shows. */
import type { Body, Exchange, FromSeen } from "./exchange.ts";
import { ANY, ok, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const OWN = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";
const SPAN = /^\d+s$/;
const LONG_AGO = "2020-01-01T00:00:00Z";

type Fields = Readonly<Record<string, unknown>>;

/** Objects of a kind as a table. */
interface Shown {
  readonly kind: string;
  /** Path of the kind, as rows write it. */
  readonly path: string;
  readonly objects: readonly FromSeen<Body>[];
  /** Made first, for what the objects take from it. */
  readonly given?: readonly Body[];
  /** Names of the columns; those with a `+` are shown with `-o wide` alone. */
  readonly columns: readonly string[];
  /** Cells of each object, in the order of their names. */
  readonly cells: readonly (readonly unknown[])[];
}

function shows({ kind, path, objects, columns, cells, given = [] }: Shown): Expectation {
  return {
    it: `gives ${kind} as a table`,
    given,
    after: objects.map((body): Exchange => ({ send: `POST ${path}`, body })),
    send: `GET ${path}`,
    accept: TABLE,
    answers: ok({
      columnDefinitions: columns.map((column) => ({
        name: column.replace("+", ""),
        priority: column.startsWith("+") ? 1 : 0,
      })),
      rows: cells.map((row) => ({ cells: row })),
    }),
  };
}

/** An Event in the row's namespace, which `here` has told. */
function event(name: string, about: Fields, more: Fields): FromSeen<Body> {
  return (seen) => ({
    metadata: { name },
    involvedObject: { kind: "Pod", namespace: seen("here").metadata.namespace, ...about },
    ...more,
  });
}

const RBAC = "rbac.authorization.k8s.io";
const NODE = `contract-${crypto.randomUUID().slice(0, 8)}`;

const ROWS: readonly Expectation[] = [
  {
    it: "gives pods as a table",
    given: [pod("a", { nodeName: "n1" })],
    send: "GET pods",
    accept: TABLE,
    answers: ok({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      columnDefinitions: [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
        "IP",
        "Node",
        "Nominated Node",
        "Readiness Gates",
      ].map((name) => ({ name })),
      rows: [{
        cells: ["a", "0/1", "Pending", "0", /^\d+s$/, "<none>", "n1", "<none>", "<none>"],
        object: { kind: "PartialObjectMetadata", metadata: { name: "a" } },
      }],
    }),
  },
  {
    it: "gives custom resources as a table with the definition's columns",
    given: [dijob("a")],
    after: [{
      send: `PATCH ${DIENGINE}/dijobs/a/status`,
      type: "merge",
      body: { status: { phase: "Running", replicaStatus: { Collector: { active: 2 } } } },
    }],
    send: `GET ${DIENGINE}/dijobs`,
    accept: TABLE,
    answers: ok({
      columnDefinitions: [
        { name: "Name", type: "string", format: "name" },
        { name: "Phase", type: "string", priority: 0 },
        { name: "Age", type: "date", priority: 0 },
        { name: "Collectors", type: "integer", priority: 1 },
        { name: "Learners", type: "integer", priority: 1 },
        { name: "Restarts", type: "integer", priority: 1 },
        { name: "Started", type: "date", priority: 1 },
        { name: "Ended", type: "date", priority: 1 },
      ],
      rows: [{ cells: ["a", "Running", /^\d+s$/, 2, null, null, null, null] }],
    }),
  },
  {
    it: "gives one object as a table",
    given: [configMap("a", { x: "1", y: "2" })],
    send: "GET configmaps/a?includeObject=Object",
    accept: TABLE,
    answers: ok({
      rows: [{ cells: ["a", 2, /^\d+s$/], object: { kind: "ConfigMap", data: { x: "1" } } }],
    }),
  },
  {
    it: "leaves the object out of a table when asked to",
    given: [configMap("a")],
    send: `GET configmaps?${OWN}&includeObject=None`,
    accept: TABLE,
    answers: ok({ rows: [{ cells: ["a", 0, ANY], object: null }] }),
  },
  {
    it: "takes the first media type that it can give",
    given: [configMap("a")],
    send: `GET configmaps?${OWN}`,
    accept: `${TABLE},application/json`,
    answers: ok({ kind: "Table" }),
  },
  {
    it: "refuses to show what it does not know of an object",
    given: [configMap("a")],
    send: "GET configmaps/a?includeObject=Everything",
    accept: TABLE,
    answers: refused(
      400,
      "BadRequest",
      "Unable to convert to Table as requested: includeObject: Invalid value: \"Everything\": must be 'Metadata', 'Object', 'None', or empty",
    ),
  },
  shows({
    kind: "services",
    path: "services",
    objects: [
      service("a", {
        ports: [{ port: 80, name: "x" }, { port: 53, name: "y", protocol: "UDP" }],
        selector: { y: "2", x: "1" },
      }),
      service("b", { externalIPs: ["192.0.2.1"] }),
      service("c", { type: "ExternalName", clusterIP: undefined, externalName: "x.y" }),
    ],
    columns: ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "+Selector"],
    cells: [
      ["a", "ClusterIP", "None", "<none>", "80/TCP,53/UDP", SPAN, "x=1,y=2"],
      ["b", "ClusterIP", "None", "192.0.2.1", "80/TCP", SPAN, "<none>"],
      ["c", "ExternalName", "<none>", "x.y", "80/TCP", SPAN, "<none>"],
    ],
  }),
  shows({
    kind: "events",
    path: "events",
    given: [configMap("here")],
    objects: [
      event("a", { name: "n", fieldPath: "spec.x" }, {
        type: "Warning",
        reason: "Bad",
        message: " it is bad\n",
        source: { component: "me", host: "h" },
        firstTimestamp: LONG_AGO,
        lastTimestamp: LONG_AGO,
        count: 3,
      }),
      event("b", {}, {}),
    ],
    columns: [
      "Last Seen",
      "Type",
      "Reason",
      "Object",
      "+Subobject",
      "+Source",
      "Message",
      "+First Seen",
      "+Count",
      "+Name",
    ],
    cells: [
      [/y/, "Warning", "Bad", "pod/n", "spec.x", "me, h", "it is bad", /y/, 3, "a"],
      ["<unknown>", "", "", "pod", "", "", "", "<unknown>", 1, "b"],
    ],
  }),
  shows({
    kind: "leases",
    path: "coordination.k8s.io/v1/leases",
    objects: [{ metadata: { name: "a" }, spec: { holderIdentity: "me" } }],
    columns: ["Name", "Holder", "Age"],
    cells: [["a", "me", SPAN]],
  }),
  shows({
    kind: "secrets",
    path: "secrets",
    objects: [{ metadata: { name: "a" }, stringData: { x: "1", y: "2" } }],
    columns: ["Name", "Type", "Data", "Age"],
    cells: [["a", "Opaque", 2, SPAN]],
  }),
  {
    it: "gives a namespace as a table",
    send: "GET /api/v1/namespaces/default",
    accept: TABLE,
    answers: ok({
      columnDefinitions: ["Name", "Status", "Age"].map((name) => ({ name, priority: 0 })),
      rows: [{ cells: ["default", "Active", ANY] }],
    }),
  },
  {
    it: "gives a node as a table",
    after: [{
      send: "POST /api/v1/nodes",
      body: {
        metadata: {
          name: NODE,
          labels: { "node-role.kubernetes.io/b": "", "kubernetes.io/role": "a" },
        },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: "Ready", status: "True" }],
          addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
          nodeInfo: {
            architecture: "arm64",
            bootID: "",
            containerRuntimeVersion: "none://",
            kernelVersion: "k",
            kubeProxyVersion: "",
            kubeletVersion: "v9",
            machineID: "",
            operatingSystem: "",
            osImage: "o",
            systemUUID: "",
          },
        },
      },
    }],
    send: `GET /api/v1/nodes/${NODE}`,
    accept: TABLE,
    answers: ok({
      columnDefinitions: [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
      ].map((name, index) => ({ name, priority: index < 5 ? 0 : 1 })),
      rows: [{
        cells: [
          NODE,
          "Ready,SchedulingDisabled",
          "a,b",
          ANY,
          "v9",
          "192.0.2.1",
          "<none>",
          "o",
          "k (arm64)",
          "none://",
        ],
      }],
    }),
    then: [{ send: `DELETE /api/v1/nodes/${NODE}` }],
  },
  shows({
    kind: "deployments",
    path: "apps/v1/deployments",
    objects: [{
      metadata: { name: "a" },
      spec: {
        replicas: 0,
        selector: {
          matchLabels: { x: "1" },
          matchExpressions: [
            { key: "y", operator: "In", values: ["2", "1"] },
            { key: "z", operator: "DoesNotExist" },
          ],
        },
        template: {
          metadata: { labels: { x: "1", y: "1" } },
          spec: { containers: [{ name: "c", image: "i" }, { name: "d", image: "j" }] },
        },
      },
    }],
    columns: [
      "Name",
      "Ready",
      "Up-to-date",
      "Available",
      "Age",
      "+Containers",
      "+Images",
      "+Selector",
    ],
    cells: [["a", "0/0", 0, 0, SPAN, "c,d", "i,j", "x=1,y in (1,2),!z"]],
  }),
  shows({
    kind: "roles",
    path: `${RBAC}/v1/roles`,
    objects: [{ metadata: { name: "a" }, rules: [] }],
    columns: ["Name", "Created At"],
    cells: [["a", /^\d{4}-\d\d-\d\dT/]],
  }),
  shows({
    kind: "role bindings",
    path: `${RBAC}/v1/rolebindings`,
    objects: [{
      metadata: { name: "a" },
      roleRef: { apiGroup: RBAC, kind: "Role", name: "r" },
      subjects: [
        { kind: "User", name: "u", apiGroup: RBAC },
        { kind: "Group", name: "g", apiGroup: RBAC },
        { kind: "ServiceAccount", name: "s", namespace: "n" },
      ],
    }],
    columns: ["Name", "Role", "Age", "+Users", "+Groups", "+ServiceAccounts"],
    cells: [["a", "Role/r", SPAN, "u", "g", "n/s"]],
  }),
  shows({
    kind: "disruption budgets",
    path: "policy/v1/poddisruptionbudgets",
    objects: [{ metadata: { name: "a" }, spec: { maxUnavailable: "50%", selector: {} } }],
    columns: ["Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"],
    cells: [["a", "N/A", "50%", 0, SPAN]],
  }),
  shows({
    kind: "network policies",
    path: "networking.k8s.io/v1/networkpolicies",
    objects: [{ metadata: { name: "a" }, spec: { podSelector: { matchLabels: { x: "1" } } } }],
    columns: ["Name", "Pod-Selector", "Age"],
    cells: [["a", "x=1", SPAN]],
  }),
  {
    it: "gives priority classes as a table",
    send: "GET /apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
    accept: TABLE,
    answers: ok({
      columnDefinitions: ["Name", "Value", "Global-Default", "Age", "PreemptionPolicy"]
        .map((name) => ({ name, priority: 0 })),
      rows: [{
        cells: ["system-node-critical", 2000001000, false, ANY, "PreemptLowerPriority"],
      }],
    }),
  },
  {
    it: "gives a definition as a table",
    send:
      "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/dijobs.diengine.opendilab.org",
    accept: TABLE,
    answers: ok({
      columnDefinitions: [{ name: "Name", priority: 0 }, {
        name: "Created At",
        type: "date",
        priority: 0,
      }],
      rows: [{ cells: ["dijobs.diengine.opendilab.org", /^\d{4}-\d\d-\d\dT/] }],
    }),
  },
];

contract("list, tables", ROWS);
