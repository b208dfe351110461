/** Kinds that nothing here runs: what they refuse all the same. */
import { created, type ExpectedAnswer, invalid } from "./expected.ts";
import { changed, deployment, type Manifest, object, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const RBAC = "rbac.authorization.k8s.io";

/** What kinds refuse. */
const REFUSED: readonly {
  readonly what: string;
  readonly of: string;
  readonly manifest: Manifest;
  readonly answers: ExpectedAnswer;
}[] = [
  {
    what: "a deployment whose selector is not of its pods",
    of: "apps/v1/deployments",
    manifest: deployment("a", { selector: { matchLabels: { app: "b" } } }),
    answers: invalid("Deployment.apps", "a", [
      "Invalid",
      "spec.template.metadata.labels",
      'Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ]),
  },
  {
    what: "a deployment of less than nothing",
    of: "apps/v1/deployments",
    manifest: deployment("a", { replicas: -1 }),
    answers: invalid("Deployment.apps", "a", [
      "Invalid",
      "spec.replicas",
      "Invalid value: -1: must be greater than or equal to 0",
    ]),
  },
  {
    what: "a deployment of pods that end",
    of: "apps/v1/deployments",
    manifest: deployment("a", {
      template: {
        metadata: { labels: { app: "a" } },
        spec: { containers: [{ name: "c" }], restartPolicy: "Never" },
      },
    }),
    answers: invalid(
      "Deployment.apps",
      "a",
      ["Required", "spec.template.spec.containers[0].image", "Required value"],
      [
        "NotSupported",
        "spec.template.spec.restartPolicy",
        'Unsupported value: "Never": supported values: "Always"',
      ],
    ),
  },
  {
    what: "a role of nothing",
    of: `${RBAC}/v1/roles`,
    manifest: object(`${RBAC}/v1`, "Role", "a", { rules: [{ verbs: ["get"] }] }),
    answers: invalid(
      `Role.${RBAC}`,
      "a",
      [
        "Required",
        "rules[0].apiGroups",
        "Required value: resource rules must supply at least one api group",
      ],
      [
        "Required",
        "rules[0].resources",
        "Required value: resource rules must supply at least one resource",
      ],
    ),
  },
  {
    what: "a binding without a role",
    of: `${RBAC}/v1/rolebindings`,
    manifest: object(`${RBAC}/v1`, "RoleBinding", "a", { subjects: [{ kind: "What", name: "" }] }),
    answers: invalid(
      `RoleBinding.${RBAC}`,
      "a",
      [
        "NotSupported",
        "roleRef.kind",
        'Unsupported value: "": supported values: "Role", "ClusterRole"',
      ],
      ["Required", "roleRef.name", "Required value"],
      ["Required", "subjects[0].name", "Required value"],
      [
        "NotSupported",
        "subjects[0].kind",
        'Unsupported value: "What": supported values: "ServiceAccount", "User", "Group"',
      ],
    ),
  },
  {
    what: "a budget that says two things",
    of: "policy/v1/poddisruptionbudgets",
    manifest: object("policy/v1", "PodDisruptionBudget", "a", {
      spec: { minAvailable: 1, maxUnavailable: 1 },
    }),
    answers: invalid("PodDisruptionBudget.policy", "a", [
      "Invalid",
      "spec",
      'Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,' +
      '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ]),
  },
  {
    what: "a network policy for no direction",
    of: "networking.k8s.io/v1/networkpolicies",
    manifest: object("networking.k8s.io/v1", "NetworkPolicy", "a", {
      spec: { podSelector: {}, ingress: [{ from: [{}] }], policyTypes: ["What"] },
    }),
    answers: invalid(
      "NetworkPolicy.networking.k8s.io",
      "a",
      ["Required", "spec.ingress[0].from[0]", "Required value: must specify a peer"],
      [
        "NotSupported",
        "spec.policyTypes[0]",
        'Unsupported value: "What": supported values: "Ingress", "Egress"',
      ],
    ),
  },
  {
    what: "a priority that is the system's",
    of: "/apis/scheduling.k8s.io/v1/priorityclasses",
    manifest: object("scheduling.k8s.io/v1", "PriorityClass", "contract-high", {
      value: 2_000_000_000,
    }),
    answers: invalid("PriorityClass.scheduling.k8s.io", "contract-high", [
      "Forbidden",
      "value",
      "Forbidden: maximum allowed value of a user defined priority is 1000000000",
    ]),
  },
  {
    what: "a priority class that is called as the system's",
    of: "/apis/scheduling.k8s.io/v1/priorityclasses",
    manifest: object("scheduling.k8s.io/v1", "PriorityClass", "system-own", { value: 1 }),
    answers: invalid("PriorityClass.scheduling.k8s.io", "system-own", [
      "Forbidden",
      "metadata.name",
      "Forbidden: priority class names with 'system-' prefix are reserved for system use only. " +
      "error: system-own is not a known system priority class",
    ]),
  },
  {
    what: "a webhook that nobody can call",
    of: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    manifest: object(
      "admissionregistration.k8s.io/v1",
      "ValidatingWebhookConfiguration",
      "contract-bad",
      {
        webhooks: [{
          name: "bad",
          clientConfig: {},
          sideEffects: "Some",
          admissionReviewVersions: [],
        }],
      },
    ),
    answers: invalid(
      "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
      "contract-bad",
      [
        "Invalid",
        "webhooks[0].name",
        'Invalid value: "bad": should be a domain with at least three segments separated by dots',
      ],
      [
        "NotSupported",
        "webhooks[0].sideEffects",
        'Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      ],
      [
        "Required",
        "webhooks[0].clientConfig",
        "Required value: exactly one of url or service is required",
      ],
      [
        "Required",
        "webhooks[0].admissionReviewVersions",
        "Required value: must specify one of v1, v1beta1",
      ],
    ),
  },
];

const ROWS: readonly Expectation[] = [
  ...REFUSED.map(({ what, of, manifest, answers }): Expectation => ({
    it: `refuses ${what}`,
    send: `POST ${of}`,
    body: manifest,
    answers,
  })),
  {
    it: "keeps the role of a binding",
    after: [{
      send: `POST ${RBAC}/v1/rolebindings`,
      body: object(`${RBAC}/v1`, "RoleBinding", "a", { roleRef: { kind: "Role", name: "r" } }),
    }],
    send: `PUT ${RBAC}/v1/rolebindings/a`,
    body: changed("a", { roleRef: { name: "other" } }),
    answers: invalid(`RoleBinding.${RBAC}`, "a", [
      "Invalid",
      "roleRef",
      `Invalid value: {"APIGroup":"${RBAC}","Kind":"Role","Name":"other"}: cannot change roleRef`,
    ]),
  },
  {
    it: "keeps the value of a priority class, which pods get",
    after: [{
      send: "POST /apis/scheduling.k8s.io/v1/priorityclasses",
      body: object("scheduling.k8s.io/v1", "PriorityClass", "contract-prio", {
        value: 100,
        preemptionPolicy: "Never",
      }),
    }],
    send: "PUT /apis/scheduling.k8s.io/v1/priorityclasses/contract-prio",
    body: changed("contract-prio", { value: 101 }),
    answers: invalid("PriorityClass.scheduling.k8s.io", "contract-prio", [
      "Forbidden",
      "value",
      "Forbidden: may not be changed in an update.",
    ]),
    then: [
      {
        send: "POST pods",
        body: pod("a", { priorityClassName: "contract-prio" }),
        answers: created({ spec: { priority: 100, preemptionPolicy: "Never" } }),
      },
      { send: "DELETE /apis/scheduling.k8s.io/v1/priorityclasses/contract-prio" },
    ],
  },
  {
    it: "keeps the selector of a deployment",
    given: [deployment("a")],
    send: "PUT apps/v1/deployments/a",
    body: changed("a", { spec: { selector: { matchLabels: { app: "z" } } } }),
    answers: { status: 422, body: { details: { name: "a", group: "apps", kind: "Deployment" } } },
  },
];

contract("kinds, invalid", ROWS);
