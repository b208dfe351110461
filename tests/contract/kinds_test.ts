/** Kinds that manifests bring and nothing here runs: stored, listed, scaled. */
import { ABSENT, ANY, conflict, created, invalid, notFound, ok, whole } from "./expected.ts";
import { deployment, type Manifest, object } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const RBAC = "rbac.authorization.k8s.io";
const SCALE = "apps/v1/deployments/a/scale";

const WEBHOOK = {
  name: "contract.example.com",
  clientConfig: { service: { name: "nobody", namespace: "nowhere" } },
  rules: [{
    apiGroups: ["contract.example.com"],
    apiVersions: ["v1"],
    operations: ["CREATE"],
    resources: ["things"],
  }],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
};

/** Kinds of a namespace, and what is filled in. */
const STORED: readonly {
  readonly of: string;
  readonly manifest: Manifest;
  readonly filled: unknown;
}[] = [
  {
    of: "apps/v1/deployments",
    manifest: deployment("a"),
    filled: {
      metadata: { generation: 1 },
      spec: {
        replicas: 1,
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 10,
        strategy: {
          type: "RollingUpdate",
          rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" },
        },
      },
      status: whole({}),
    },
  },
  { of: "serviceaccounts", manifest: object("v1", "ServiceAccount", "a"), filled: {} },
  {
    of: `${RBAC}/v1/roles`,
    manifest: object(`${RBAC}/v1`, "Role", "a", {
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    }),
    filled: {},
  },
  {
    of: `${RBAC}/v1/rolebindings`,
    manifest: object(`${RBAC}/v1`, "RoleBinding", "a", {
      roleRef: { kind: "Role", name: "a" },
      subjects: [{ kind: "ServiceAccount", name: "s" }, { kind: "User", name: "u" }],
    }),
    filled: {
      roleRef: { apiGroup: RBAC, kind: "Role", name: "a" },
      subjects: [{ apiGroup: ABSENT }, { apiGroup: RBAC }],
    },
  },
  {
    of: "policy/v1/poddisruptionbudgets",
    manifest: object("policy/v1", "PodDisruptionBudget", "a", { spec: { minAvailable: 1 } }),
    filled: {
      metadata: { generation: 1 },
      status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
    },
  },
  {
    of: "networking.k8s.io/v1/networkpolicies",
    manifest: object("networking.k8s.io/v1", "NetworkPolicy", "a", {
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] },
    }),
    filled: {
      spec: { policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 80, protocol: "TCP" }] }] },
    },
  },
  {
    of: "resourcequotas",
    manifest: object("v1", "ResourceQuota", "a", { spec: { hard: { pods: "10" } } }),
    filled: { spec: { hard: { pods: "10" } } },
  },
];

/** Kinds of the cluster, which rows must not leave behind. */
const STORED_FOR_ALL: readonly {
  readonly of: string;
  readonly manifest: Manifest;
  readonly filled: unknown;
}[] = [
  {
    of: `${RBAC}/v1/clusterroles`,
    manifest: object(`${RBAC}/v1`, "ClusterRole", "contract-kinds"),
    filled: { rules: null },
  },
  {
    of: `${RBAC}/v1/clusterrolebindings`,
    manifest: object(`${RBAC}/v1`, "ClusterRoleBinding", "contract-kinds", {
      roleRef: { kind: "ClusterRole", name: "a" },
      subjects: [{ kind: "Group", name: "g" }],
    }),
    filled: { roleRef: { apiGroup: RBAC }, subjects: [{ apiGroup: RBAC }] },
  },
  {
    of: "scheduling.k8s.io/v1/priorityclasses",
    manifest: object("scheduling.k8s.io/v1", "PriorityClass", "contract-kinds", { value: 100 }),
    filled: { preemptionPolicy: "PreemptLowerPriority", metadata: { generation: 1 } },
  },
  {
    of: "admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    manifest: object(
      "admissionregistration.k8s.io/v1",
      "ValidatingWebhookConfiguration",
      "contract-kinds",
      { webhooks: [WEBHOOK] },
    ),
    filled: {
      webhooks: [{
        clientConfig: { service: { port: 443 } },
        failurePolicy: "Fail",
        matchPolicy: "Equivalent",
        rules: [{ scope: "*" }],
        timeoutSeconds: 10,
        reinvocationPolicy: ABSENT,
      }],
    },
  },
  {
    of: "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    manifest: object(
      "admissionregistration.k8s.io/v1",
      "MutatingWebhookConfiguration",
      "contract-kinds",
      { webhooks: [WEBHOOK] },
    ),
    filled: { webhooks: [{ reinvocationPolicy: "Never" }] },
  },
];

const ROWS: readonly Expectation[] = [
  ...STORED.map(({ of, manifest, filled }): Expectation => ({
    it: `stores and lists ${manifest.kind}`,
    send: `POST ${of}`,
    body: manifest,
    answers: created(filled),
    then: [
      { send: `GET ${of}/a`, answers: ok({ kind: manifest.kind, metadata: { name: "a" } }) },
      {
        send: `GET ${of}?fieldSelector=metadata.name=a`,
        answers: ok({ kind: `${manifest.kind}List`, items: [{ metadata: { name: "a" } }] }),
      },
      { send: `DELETE ${of}/a`, answers: { status: 200 } },
      { send: `GET ${of}/a`, answers: { status: 404 } },
    ],
  })),
  ...STORED_FOR_ALL.map(({ of, manifest, filled }): Expectation => ({
    it: `stores and lists ${manifest.kind}`,
    send: `POST /apis/${of}`,
    body: manifest,
    answers: created(filled),
    then: [
      {
        send: `GET /apis/${of}?fieldSelector=metadata.name=contract-kinds`,
        answers: ok({ items: [{ metadata: { name: "contract-kinds" } }] }),
      },
      {
        send: `DELETE /apis/${of}/contract-kinds`,
        answers: ok({ status: "Success", details: { name: "contract-kinds", uid: ANY } }),
      },
    ],
  })),
  {
    it: "shows the scale of a deployment",
    given: [deployment("a", { replicas: 2 })],
    send: `GET ${SCALE}`,
    answers: (seen) =>
      ok({
        kind: "Scale",
        apiVersion: "autoscaling/v1",
        metadata: { name: "a", uid: seen("a").metadata.uid },
        spec: whole({ replicas: 2 }),
        status: whole({ replicas: 0, selector: "app=a" }),
      }),
  },
  {
    it: "scales a deployment by a patch",
    given: [deployment("a")],
    send: `PATCH ${SCALE}`,
    type: "merge",
    body: { spec: { replicas: 5 } },
    answers: ok({ kind: "Scale", spec: { replicas: 5 } }),
    then: [{
      send: "GET apps/v1/deployments/a",
      answers: ok({ kind: "Deployment", metadata: { generation: 2 }, spec: { replicas: 5 } }),
    }],
  },
  {
    it: "scales a deployment to none by a new scale",
    given: [deployment("a")],
    send: `PUT ${SCALE}`,
    body: object("autoscaling/v1", "Scale", "a", { spec: { replicas: 0 } }),
    answers: ok({ kind: "Scale", spec: { replicas: ABSENT } }),
    then: [{ send: "GET apps/v1/deployments/a", answers: ok({ spec: { replicas: 0 } }) }],
  },
  {
    it: "refuses a scale of less than nothing",
    given: [deployment("a")],
    send: `PATCH ${SCALE}`,
    type: "merge",
    body: { spec: { replicas: -1 } },
    answers: invalid("Scale.autoscaling", "a", [
      "Invalid",
      "spec.replicas",
      "Invalid value: -1: must be greater than or equal to 0",
    ]),
  },
  {
    it: "refuses a scale of a stale resourceVersion",
    given: [deployment("a")],
    send: `PUT ${SCALE}`,
    body: object("autoscaling/v1", "Scale", { name: "a", resourceVersion: "1" }, {
      spec: { replicas: 3 },
    }),
    answers: conflict(
      "deployments.apps",
      "a",
      "the object has been modified; please apply your changes to the latest version and try again",
    ),
  },
  {
    it: "finds no scale of a deployment that is not there",
    send: `GET ${SCALE}`,
    answers: notFound("deployments.apps", "a"),
  },
];

contract("kinds", ROWS);
