/** Creating objects: what kinds fill in and refuse by themselves. */
import { ABSENT, ANY, type Cause, created, EMPTY, invalid, refused, whole } from "./expected.ts";
import { configMap, eventBeside, lease, object, pod, secret, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const PORT_RANGE = "must be between 1 and 65535, inclusive";
/** What a service may not have. */
const SERVICE_FAULTS: readonly {
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly cause: readonly Cause[];
}[] = [
  {
    what: "two ports without names",
    spec: { ports: [{ port: 80 }, { port: 81 }] },
    cause: [
      ["Required", "spec.ports[0].name", "Required value"],
      ["Required", "spec.ports[1].name", "Required value"],
    ],
  },
  {
    what: "port 70000 of an unknown protocol",
    spec: { ports: [{ port: 70_000, targetPort: 80, protocol: "X" }] },
    cause: [
      ["Invalid", "spec.ports[0].port", `Invalid value: 70000: ${PORT_RANGE}`],
      [
        "NotSupported",
        "spec.ports[0].protocol",
        'Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
  },
  {
    what: "a bad name for its pods' port",
    spec: { ports: [{ port: 80, targetPort: "Bad Name" }] },
    cause: [[
      "Invalid",
      "spec.ports[0].targetPort",
      'Invalid value: "Bad Name": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ]],
  },
  {
    what: "an unknown type",
    spec: { type: "What" },
    cause: [[
      "NotSupported",
      "spec.type",
      'Unsupported value: "What": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ]],
  },
  {
    what: "an address that is none",
    spec: { clusterIP: "not-ip" },
    cause: [[
      "Invalid",
      "spec.clusterIPs[0]",
      'Invalid value: "not-ip": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ]],
  },
];

const ROWS: readonly Expectation[] = [
  {
    it: "takes a service whose name starts with a digit",
    send: "POST services",
    body: service("1st"),
    answers: created({ metadata: { name: "1st" } }),
  },
  {
    it: "refuses a service whose name has a dot",
    send: "POST services",
    body: service("a.b"),
    answers: invalid("Service", "a.b", [
      "Invalid",
      "metadata.name",
      'Invalid value: "a.b": must not contain dots',
    ]),
  },
  {
    it: "fills in what a pod leaves open",
    send: "POST pods",
    body: pod("a", {
      containers: [{ name: "main", image: "nowhere/none:1", ports: [{ containerPort: 80 }] }],
    }),
    answers: created(whole({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", generation: 1 },
      spec: {
        automountServiceAccountToken: false,
        containers: [{
          name: "main",
          image: "nowhere/none:1",
          imagePullPolicy: "IfNotPresent",
          ports: [{ containerPort: 80, protocol: "TCP" }],
          resources: {},
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
        }],
        dnsPolicy: "ClusterFirst",
        enableServiceLinks: true,
        preemptionPolicy: "PreemptLowerPriority",
        priority: 0,
        restartPolicy: "Always",
        schedulerName: "default-scheduler",
        securityContext: {},
        serviceAccount: "default",
        serviceAccountName: "default",
        terminationGracePeriodSeconds: 30,
        tolerations: ["not-ready", "unreachable"].map((what) => ({
          effect: "NoExecute",
          key: `node.kubernetes.io/${what}`,
          operator: "Exists",
          tolerationSeconds: 300,
        })),
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    })),
  },
  {
    it: "ignores the status of a new pod",
    send: "POST pods",
    body: { ...pod("a"), status: { phase: "Running" } },
    answers: created({ status: { phase: "Pending", qosClass: "BestEffort" } }),
  },
  {
    it: "refuses a pod with an unknown priority class",
    send: "POST pods",
    body: pod("a", { priorityClassName: "nope" }),
    answers: refused(
      403,
      "Forbidden",
      'pods "a" is forbidden: no PriorityClass with name nope was found',
      { name: "a", kind: "pods" },
    ),
  },
  {
    it: "fills in what a headless service leaves open",
    send: "POST services",
    body: service("a"),
    answers: created({
      spec: {
        clusterIP: "None",
        clusterIPs: ["None"],
        internalTrafficPolicy: "Cluster",
        ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
        sessionAffinity: "None",
        type: "ClusterIP",
      },
      status: whole({ loadBalancer: {} }),
    }),
  },
  {
    it: "gives a service an address of the cluster",
    send: "POST services",
    body: service("a", { clusterIP: undefined }),
    answers: created({ spec: { clusterIP: /^10\.\d+\.\d+\.\d+$/, clusterIPs: [/^10\./] } }),
  },
  {
    it: "refuses a service without ports unless it is headless",
    send: "POST services",
    body: service("a", { clusterIP: undefined, ports: [] }),
    answers: invalid("Service", "a", ["Required", "spec.ports", "Required value"]),
  },
  {
    it: "gives a service a port on every node where its type asks for it",
    send: "POST services",
    body: service("a", { type: "NodePort", clusterIP: undefined }),
    answers: created({
      spec: { ports: [{ port: 80, nodePort: ANY }], externalTrafficPolicy: "Cluster" },
    }),
  },
  {
    it: "refuses a headless service with ports on nodes",
    send: "POST services",
    body: service("a", { type: "NodePort" }),
    answers: invalid("Service", "a", [
      "Invalid",
      "spec.clusterIPs[0]",
      "Invalid value: \"None\": may not be set to 'None' for NodePort services",
    ]),
  },
  {
    it: "lets a headless service without a selector have addresses of both families",
    send: "POST services",
    body: service("a", { ports: undefined }),
    answers: created({
      spec: { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack", ports: ABSENT },
    }),
  },
  {
    it: "gives a headless service with a selector one family",
    send: "POST services",
    body: service("a", { selector: { app: "a" }, publishNotReadyAddresses: true }),
    answers: created({
      spec: {
        ipFamilies: ["IPv4"],
        ipFamilyPolicy: "SingleStack",
        publishNotReadyAddresses: true,
      },
    }),
  },
  {
    it: "gives a service for an external name no address",
    send: "POST services",
    body: service("a", {
      type: "ExternalName",
      externalName: "a.example.com",
      clusterIP: undefined,
      ports: undefined,
    }),
    answers: created({ spec: { clusterIP: ABSENT, ipFamilies: ABSENT } }),
  },
  {
    it: "remembers clients for three hours where nobody says how long",
    send: "POST services",
    body: service("a", { clusterIP: undefined, sessionAffinity: "ClientIP" }),
    answers: created({
      spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } },
    }),
  },
  ...SERVICE_FAULTS.map(({ what, spec, cause }): Expectation => ({
    it: `refuses a service with ${what}`,
    send: "POST services",
    body: service("a", spec),
    answers: invalid("Service", "a", ...cause),
  })),
  {
    it: "turns stringData of a secret into data",
    send: "POST secrets",
    body: secret("a", { stringData: { a: "x" }, data: { b: "eA==" } }),
    answers: created({ type: "Opaque", data: { a: "eA==", b: "eA==" }, stringData: ABSENT }),
  },
  {
    it: "refuses a secret without what its type needs",
    send: "POST secrets",
    body: secret("a", { type: "kubernetes.io/tls", data: { b: "eA==" } }),
    answers: invalid(
      "Secret",
      "a",
      ["Required", "data[tls.crt]", "Required value"],
      ["Required", "data[tls.key]", "Required value"],
    ),
  },
  {
    it: "refuses a secret whose data are not in base64",
    send: "POST secrets",
    body: secret("a", { data: { b: "plain!" } }),
    answers: refused(
      400,
      "BadRequest",
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 5',
    ),
  },
  {
    it: "refuses a key with a space in a config map",
    send: "POST configmaps",
    body: configMap("a", { "a b": "x" }),
    answers: {
      status: 422,
      body: { details: { causes: [{ field: "data[a b]", reason: "FieldValueInvalid" }] } },
    },
  },
  {
    it: "refuses a key that a config map has as text and as bytes",
    send: "POST configmaps",
    body: { ...configMap("a", { k: "x" }), binaryData: { k: "eA==" } },
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "data[k]",
      'Invalid value: "k": duplicate of key present in binaryData',
    ]),
  },
  {
    it: "refuses a config map of more than 1 MiB",
    send: "POST configmaps",
    body: () => configMap("a", { x: "y".repeat(1024 * 1024 + 1) }),
    answers: invalid("ConfigMap", "a", [
      "TooLong",
      "[]",
      "Too long: may not be more than 1048576 bytes",
    ]),
  },
  {
    it: "refuses a lease that holds for no time",
    send: "POST coordination.k8s.io/v1/leases",
    body: lease("a", { leaseDurationSeconds: 0, leaseTransitions: -1 }),
    answers: invalid(
      "Lease.coordination.k8s.io",
      "a",
      [
        "Invalid",
        "spec.leaseDurationSeconds",
        "Invalid value: 0: must be greater than 0",
      ],
      [
        "Invalid",
        "spec.leaseTransitions",
        "Invalid value: -1: must be greater than or equal to 0",
      ],
    ),
  },
  {
    it: "shows what an event leaves open",
    given: [configMap("a")],
    send: "POST events",
    body: eventBeside("a", "e"),
    answers: created({
      eventTime: null,
      firstTimestamp: null,
      lastTimestamp: null,
      reportingComponent: EMPTY,
      reportingInstance: EMPTY,
      source: whole({}),
    }),
  },
  {
    it: "refuses an event about an object of another namespace",
    send: "POST events",
    body: object("v1", "Event", "e", { involvedObject: { namespace: "other", name: "p" } }),
    answers: invalid("Event", "e", [
      "Invalid",
      "involvedObject.namespace",
      'Invalid value: "other": does not match event.namespace',
    ]),
  },
  {
    it: "lets a node offer what it has, if it says no more",
    send: "POST /api/v1/nodes?dryRun=All",
    body: object("v1", "Node", "contract-node", {
      spec: { unschedulable: true },
      status: { capacity: { cpu: "2" } },
    }),
    answers: created({
      spec: { unschedulable: true },
      status: { capacity: { cpu: "2" }, allocatable: { cpu: "2" } },
    }),
  },
  {
    it: "labels a namespace with its name, and holds it until it is empty",
    send: "POST /api/v1/namespaces?dryRun=All",
    body: object("v1", "Namespace", "contract-dry", { status: { phase: "Terminating" } }),
    answers: created({
      metadata: { labels: { "kubernetes.io/metadata.name": "contract-dry" } },
      spec: { finalizers: ["kubernetes"] },
      status: whole({ phase: "Active" }),
    }),
  },
  {
    it: "warns of a pod that cannot be a host name",
    send: "POST pods",
    body: pod("a.b"),
    answers: {
      status: 201,
      headers: {
        warning:
          "299 - \"metadata.name: this is used in the Pod's hostname, which can result in surprising " +
          'behavior; a DNS label is recommended: [must not contain dots]"',
      },
    },
  },
  {
    it: "warns of a variable that hides another",
    send: "POST pods",
    body: pod("a", {
      containers: [{
        name: "c",
        image: "i",
        env: [{ name: "A", value: "1" }, { name: "A", value: "2" }],
      }],
    }),
    answers: {
      status: 201,
      headers: {
        warning:
          '299 - "spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be ' +
          'dropped when using apply"',
      },
    },
  },
];

contract("create, kinds", ROWS);
