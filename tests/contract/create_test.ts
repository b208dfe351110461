/** Creating objects. */
import { ABSENT, ANY, created, invalid, notFound, refused, whole } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or " +
  "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const ROWS: readonly Expectation[] = [
  {
    it: "answers with the object and what it was given",
    send: "POST configmaps",
    body: configMap("a", { x: "1" }),
    answers: created({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "a",
        namespace: /^contract-/,
        uid: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/,
        resourceVersion: /^[1-9][0-9]*$/,
        creationTimestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      },
      data: { x: "1" },
    }),
  },
  {
    it: "makes up a name from generateName",
    send: "POST configmaps",
    body: configMap({ generateName: "few-" }),
    answers: created({
      metadata: { name: /^few-[bcdfghjklmnpqrstvwxz2456789]{5}$/, generateName: "few-" },
    }),
  },
  {
    it: "shortens a long generateName to 63 characters",
    send: "POST configmaps",
    body: configMap({ generateName: "long-".repeat(16) }),
    answers: created({ metadata: { name: /^.{63}$/ } }),
  },
  {
    it: "refuses an object without a name",
    send: "POST configmaps",
    body: configMap({}),
    answers: invalid("ConfigMap", "", [
      "Required",
      "metadata.name",
      "Required value: name or generateName is required",
    ]),
  },
  {
    it: "refuses a name that is taken",
    given: [configMap("a")],
    send: "POST configmaps",
    body: configMap("a", { x: "2" }),
    answers: refused(409, "AlreadyExists", 'configmaps "a" already exists', {
      name: "a",
      kind: "configmaps",
    }),
  },
  {
    it: "names the group of a custom resource whose name is taken",
    given: [dijob("a")],
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a"),
    answers: refused(409, "AlreadyExists", 'dijobs.diengine.opendilab.org "a" already exists', {
      name: "a",
      group: "diengine.opendilab.org",
      kind: "dijobs",
    }),
  },
  {
    it: "refuses a name with capitals and underscores",
    send: "POST configmaps",
    body: configMap("Big_Name"),
    answers: invalid("ConfigMap", "Big_Name", [
      "Invalid",
      "metadata.name",
      `Invalid value: "Big_Name": ${SUBDOMAIN}`,
    ]),
  },
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
    it: "refuses a label value with a slash",
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { team: "a/b" } }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.labels",
      `Invalid value: "a/b": ${LABEL_VALUE}`,
    ]),
  },
  {
    it: "refuses an owner without uid",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "" }],
    }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.ownerReferences.uid",
      'Invalid value: "": must not be empty',
    ]),
  },
  {
    it: "refuses a second controller",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: ["1", "2"].map((uid) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        name: "o" + uid,
        uid,
        controller: true,
      })),
    }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.ownerReferences",
      'Invalid value: [{"apiVersion":"v1","kind":"ConfigMap","name":"o1","uid":"1","controller":true},{"apiVersion":"v1","kind":"ConfigMap","name":"o2","uid":"2","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for ConfigMap/o1 and ConfigMap/o2',
    ]),
  },
  {
    it: "refuses a resourceVersion",
    send: "POST configmaps",
    body: configMap({ name: "a", resourceVersion: "1" }),
    answers: {
      status: 500,
      body: {
        kind: "Status",
        message: "resourceVersion should not be set on objects to be created",
      },
    },
  },
  {
    it: "gives uid and creation time itself",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      uid: "mine",
      creationTimestamp: "2001-01-01T00:00:00Z",
      generation: 7,
    }),
    answers: created({ metadata: { uid: /^.{36}$/, creationTimestamp: /^20[2-9]/ } }),
  },
  {
    it: "refuses an object of another namespace than the path's",
    send: "POST configmaps",
    body: configMap({ name: "a", namespace: "elsewhere" }),
    answers: refused(
      400,
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    ),
  },
  {
    it: "refuses an object of another kind than the path's",
    send: "POST configmaps",
    body: { ...configMap("a"), kind: "Secret" },
    answers: refused(
      400,
      "BadRequest",
      /^Secret in version "v1" cannot be handled as a ConfigMap: converting .* unknown conversion$/,
    ),
  },
  {
    it: "refuses an object for a namespace that is not there",
    send: "POST /api/v1/namespaces/nowhere/configmaps",
    body: configMap("a"),
    answers: notFound("namespaces", "nowhere"),
  },
  {
    it: "warns of an unknown field",
    send: "POST configmaps",
    body: { ...configMap("a"), datum: 1 },
    answers: {
      status: 201,
      body: { datum: ABSENT },
      headers: { warning: '299 - "unknown field \\"datum\\""' },
    },
  },
  {
    it: "refuses an unknown field with fieldValidation=Strict",
    send: "POST configmaps?fieldValidation=Strict",
    body: { ...configMap("a"), datum: 1 },
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datum"',
    ),
  },
  {
    it: "says nothing of an unknown field with fieldValidation=Ignore",
    send: "POST configmaps?fieldValidation=Ignore",
    body: { ...configMap("a"), datum: 1 },
    answers: { status: 201, body: { datum: ABSENT }, headers: { warning: null } },
  },
  {
    it: "refuses a field that is there twice with fieldValidation=Strict",
    send: "POST configmaps?fieldValidation=Strict",
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.x"',
    ),
  },
  {
    it: "refuses an unknown value of fieldValidation",
    send: "POST configmaps?fieldValidation=Maybe",
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "NotSupported",
      "fieldValidation",
      'Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
    ]),
  },
  {
    it: "stores nothing with dryRun=All",
    send: "POST configmaps?dryRun=All",
    body: configMap("a"),
    answers: created({ metadata: { name: "a", uid: ANY } }),
    then: [{ send: "GET configmaps/a", answers: notFound("configmaps", "a") }],
  },
  {
    it: "refuses an unknown value of dryRun",
    send: "POST configmaps?dryRun=Some",
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "NotSupported",
      "dryRun",
      'Unsupported value: ["Some"]: supported values: "All"',
    ]),
  },
  {
    it: "refuses a value of another type",
    send: "POST configmaps",
    body: configMap("a", { x: 1 }),
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number ' +
        "into Go struct field ConfigMap.data of type string",
    ),
  },
  {
    it: "refuses a body that is no JSON",
    send: "POST configmaps",
    body: '{"apiVersion":',
    answers: refused(
      400,
      "BadRequest",
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn\'t get version\/kind; json parse error: .* \(\{"apiVersion":\)$/,
    ),
  },
  {
    it: "refuses an empty body",
    send: "POST configmaps",
    body: "",
    answers: refused(
      400,
      "BadRequest",
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: .* \(<empty>\)$/,
    ),
  },
  {
    it: "takes YAML",
    send: "POST configmaps",
    type: "application/yaml",
    body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n",
    answers: created({ metadata: { name: "a" }, data: { x: "1" } }),
  },
  {
    it: "takes a generation of 1 for a custom resource",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob({ name: "a", generation: 9 }),
    answers: created({ metadata: { generation: 1 } }),
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
];

contract("create", ROWS);
