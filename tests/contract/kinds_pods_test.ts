/** Pods: what a kubelet could not make anything of is refused. */
import { type Cause, created, invalid, refused } from "./expected.ts";
import { pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

type Fields = Readonly<Record<string, unknown>>;

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start " +
  "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const ENV_NAME =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";
const LASTING = "Forbidden: may not be set for init containers without restartPolicy=Always";
const EXEC = { exec: { command: ["x"] } };

/** What a container may not be, and what is said of it; fields below `spec.containers[0]`. */
const CONTAINERS: readonly (readonly [what: string, container: Fields, ...causes: Cause[]])[] = [
  ["a name with capitals", { name: "Bad_Name" }, [
    "Invalid",
    "name",
    `Invalid value: "Bad_Name": ${LABEL}`,
  ]],
  ["a blank before its image", { image: " i" }, [
    "Invalid",
    "image",
    'Invalid value: " i": must not have leading or trailing whitespace',
  ]],
  ["port 0", { ports: [{ containerPort: 0 }] }, [
    "Required",
    "ports[0].containerPort",
    "Required value",
  ]],
  ["port 70000", { ports: [{ containerPort: 70_000 }] }, [
    "Invalid",
    "ports[0].containerPort",
    "Invalid value: 70000: must be between 1 and 65535, inclusive",
  ]],
  ["a port with a double dash in its name", { ports: [{ containerPort: 80, name: "a--b" }] }, [
    "Invalid",
    "ports[0].name",
    'Invalid value: "a--b": must not contain consecutive hyphens',
  ]],
  ["a port of an unknown protocol", { ports: [{ containerPort: 80, protocol: "X" }] }, [
    "NotSupported",
    "ports[0].protocol",
    'Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
  ]],
  [
    "a port of its node twice",
    { ports: [{ containerPort: 80, hostPort: 80 }, { containerPort: 81, hostPort: 80 }] },
    ["Duplicate", "ports[1].hostPort", 'Duplicate value: "TCP//80"'],
  ],
  ["a variable without a name", { env: [{ name: "" }] }, [
    "Required",
    "env[0].name",
    "Required value",
  ]],
  ["a variable with = in its name", { env: [{ name: "A=B" }] }, [
    "Invalid",
    "env[0].name",
    `Invalid value: "A=B": ${ENV_NAME}`,
  ]],
  [
    "a variable from a field that pods do not have",
    { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.nope" } } }] },
    [
      "Invalid",
      "env[0].valueFrom.fieldRef.fieldPath",
      'Invalid value: "status.nope": error converting fieldPath: field label not supported: status.nope',
    ],
  ],
  [
    "a variable with two sources",
    {
      env: [{
        name: "A",
        valueFrom: {
          fieldRef: { fieldPath: "metadata.name" },
          resourceFieldRef: { resource: "limits.cpu" },
        },
      }],
    },
    [
      "Invalid",
      "env[0].valueFrom",
      'Invalid value: "": may not have more than one field specified at a time',
    ],
  ],
  [
    "a variable with a value and a source",
    { env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] },
    [
      "Invalid",
      "env[0].valueFrom",
      'Invalid value: "": may not be specified when `value` is not empty',
    ],
  ],
  [
    "a variable from a resource that is none",
    { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "nope" } } }] },
    [
      "NotSupported",
      "env[0].valueFrom.resourceFieldRef.resource",
      'Unsupported value: "nope": supported values: "limits.cpu", "limits.ephemeral-storage", ' +
      '"limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    ],
  ],
  ["variables from nowhere", { envFrom: [{}] }, [
    "Invalid",
    "envFrom",
    'Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
  ]],
  ["a volume that the pod does not have", { volumeMounts: [{ name: "v", mountPath: "/x" }] }, [
    "NotFound",
    "volumeMounts[0].name",
    'Not found: "v"',
  ]],
  ["more asked for than allowed", { resources: { limits: { cpu: "1" }, requests: { cpu: "2" } } }, [
    "Invalid",
    "resources.requests",
    'Invalid value: "2": must be less than or equal to cpu limit of 1',
  ]],
  [
    "half a GPU",
    { resources: { limits: { "nvidia.com/gpu": "0.5" } } },
    [
      "Invalid",
      "resources.limits[nvidia.com/gpu]",
      'Invalid value: "500m": must be an integer',
    ],
    [
      "Invalid",
      "resources.requests[nvidia.com/gpu]",
      'Invalid value: "500m": must be an integer',
    ],
  ],
  ["GPUs without a limit", { resources: { requests: { "nvidia.com/gpu": "1" } } }, [
    "Required",
    "resources.limits",
    "Required value: Limit must be set for non overcommitable resources",
  ]],
  ["a probe that does nothing", { livenessProbe: {} }, [
    "Required",
    "livenessProbe",
    "Required value: must specify a handler type",
  ]],
  ["a probe that does two things", { livenessProbe: { ...EXEC, tcpSocket: { port: 1 } } }, [
    "Forbidden",
    "livenessProbe.tcpSocket",
    "Forbidden: may not specify more than 1 handler type",
  ]],
  ["a probe without a command", { livenessProbe: { exec: { command: [] } } }, [
    "Required",
    "livenessProbe.exec.command",
    "Required value",
  ]],
  ["a probe of port 0", { livenessProbe: { httpGet: { port: 0 } } }, [
    "Invalid",
    "livenessProbe.httpGet.port",
    "Invalid value: 0: must be between 1 and 65535, inclusive",
  ]],
  [
    "a liveness probe that must succeed twice",
    { livenessProbe: { ...EXEC, successThreshold: 2 } },
    [
      "Invalid",
      "livenessProbe.successThreshold",
      "Invalid value: 2: must be 1",
    ],
  ],
  [
    "a readiness probe with a grace period",
    { readinessProbe: { ...EXEC, terminationGracePeriodSeconds: 3 } },
    [
      "Invalid",
      "readinessProbe.terminationGracePeriodSeconds",
      "Invalid value: 3: must not be set for readinessProbes",
    ],
  ],
  ["an empty hook", { lifecycle: { preStop: {} } }, [
    "Required",
    "lifecycle.preStop",
    "Required value: must specify a handler type",
  ]],
  ["an unknown way to get its image", { imagePullPolicy: "X" }, [
    "NotSupported",
    "imagePullPolicy",
    'Unsupported value: "X": supported values: "Always", "IfNotPresent", "Never"',
  ]],
];

/** What a pod may not be; fields below `spec`. */
const PODS: readonly (readonly [what: string, spec: Fields, ...causes: Cause[]])[] = [
  [
    "two volumes of one name",
    { volumes: [{ name: "v", emptyDir: {} }, { name: "v", emptyDir: {} }] },
    ["Duplicate", "volumes[1].name", 'Duplicate value: "v"'],
  ],
  [
    "a volume of two kinds",
    { volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/x" } }] },
    ["Forbidden", "volumes[0].hostPath", "Forbidden: may not specify more than 1 volume type"],
  ],
  ["a volume of a secret without a name", { volumes: [{ name: "v", secret: {} }] }, [
    "Required",
    "volumes[0].secret.secretName",
    "Required value",
  ]],
  [
    "a file outside its volume",
    { volumes: [{ name: "v", configMap: { name: "c", items: [{ key: "", path: "../x" }] } }] },
    ["Required", "volumes[0].configMap.items[0].key", "Required value"],
    [
      "Invalid",
      "volumes[0].configMap.items[0].path",
      "Invalid value: \"../x\": must not contain '..'",
    ],
  ],
  [
    "a probe of an init container that must end",
    { initContainers: [{ name: "i", image: "x", livenessProbe: EXEC }] },
    ["Forbidden", "initContainers[0].livenessProbe", LASTING],
  ],
  ["an init container of a container's name", { initContainers: [{ name: "main", image: "x" }] }, [
    "Duplicate",
    "initContainers[0].name",
    'Duplicate value: "main"',
  ]],
  ["no time to run", { activeDeadlineSeconds: 0 }, [
    "Invalid",
    "activeDeadlineSeconds",
    "Invalid value: 0: must be between 1 and 2147483647, inclusive",
  ]],
  ["a host name with capitals", { hostname: "A" }, [
    "Invalid",
    "hostname",
    `Invalid value: "A": ${LABEL}`,
  ]],
  ["a toleration of an unknown operator", { tolerations: [{ key: "a", operator: "Nope" }] }, [
    "NotSupported",
    "tolerations[0].operator",
    'Unsupported value: "Nope": supported values: "Equal", "Exists"',
  ]],
  ["an unknown way to find names", { dnsPolicy: "y" }, [
    "NotSupported",
    "dnsPolicy",
    'Unsupported value: "y": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
  ]],
  ["containers that are there only later", { ephemeralContainers: [{ name: "e", image: "i" }] }, [
    "Forbidden",
    "ephemeralContainers",
    "Forbidden: cannot be set on create",
  ]],
];

function below(field: string, causes: readonly Cause[]): Cause[] {
  return causes.map(([reason, path, message]) => [reason, `${field}.${path}`, message]);
}

const ROWS: readonly Expectation[] = [
  {
    it: "refuses a pod without containers",
    send: "POST pods",
    body: pod("a", { containers: [] }),
    answers: invalid("Pod", "a", ["Required", "spec.containers", "Required value"]),
  },
  {
    it: "names every mistake in a pod",
    send: "POST pods",
    body: pod("a", {
      restartPolicy: "Sometimes",
      containers: [{ name: "same", image: "i" }, { name: "same", image: "i" }],
    }),
    answers: invalid(
      "Pod",
      "a",
      ["Duplicate", "spec.containers[1].name", 'Duplicate value: "same"'],
      [
        "NotSupported",
        "spec.restartPolicy",
        'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
      ],
    ),
  },
  ...CONTAINERS.map(([what, container, ...causes]): Expectation => ({
    it: `refuses a container with ${what}`,
    send: "POST pods?dryRun=All",
    body: pod("a", { containers: [{ name: "c", image: "i", ...container }] }),
    answers: invalid("Pod", "a", ...below("spec.containers[0]", causes)),
  })),
  ...PODS.map(([what, spec, ...causes]): Expectation => ({
    it: `refuses a pod with ${what}`,
    send: "POST pods?dryRun=All",
    body: pod("a", spec),
    answers: invalid("Pod", "a", ...below("spec", causes)),
  })),
  {
    it: "refuses a port of its node that is not the container's where they share one network",
    send: "POST pods?dryRun=All",
    body: pod("a", {
      hostNetwork: true,
      containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 81 }] }],
    }),
    answers: invalid("Pod", "a", [
      "Invalid",
      "spec.containers[0].ports[0].hostPort",
      "Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
    ]),
  },
  {
    it: "refuses a pod of a service account that is not there",
    send: "POST pods?dryRun=All",
    body: pod("a", { serviceAccountName: "nope" }),
    answers: refused(
      403,
      "Forbidden",
      /^pods "a" is forbidden: error looking up service account contract-[^/]+\/nope: serviceaccount "nope" not found$/,
      { name: "a", kind: "pods" },
    ),
  },
  {
    it: "refuses a pod that sets its priority itself",
    send: "POST pods?dryRun=All",
    body: pod("a", { priority: 7 }),
    answers: refused(
      403,
      "Forbidden",
      'pods "a" is forbidden: the integer value of priority (7) must not be provided in pod spec; ' +
        "priority admission controller computed 0 from the given PriorityClass name",
      { name: "a", kind: "pods" },
    ),
  },
  {
    it: "takes an init container that stays, with its probes",
    send: "POST pods?dryRun=All",
    body: pod("a", {
      initContainers: [{ name: "i", image: "x", restartPolicy: "Always", readinessProbe: EXEC }],
    }),
    answers: created({
      spec: { initContainers: [{ readinessProbe: { periodSeconds: 10, failureThreshold: 3 } }] },
    }),
  },
  {
    it: "takes a pod that asks for something for one that may have more",
    send: "POST pods?dryRun=All",
    body: pod("a", {
      containers: [{ name: "main", image: "x", resources: { requests: { cpu: "1" } } }],
    }),
    answers: created({ status: { qosClass: "Burstable" } }),
  },
  {
    it: "takes a pod that asks for all that it may have for one that is sure of it",
    send: "POST pods?dryRun=All",
    body: pod("a", {
      containers: [{
        name: "main",
        image: "x",
        resources: { limits: { cpu: "1", memory: "1Gi" } },
      }],
    }),
    answers: created({ status: { qosClass: "Guaranteed" } }),
  },
];

contract("kinds, pods", ROWS);
