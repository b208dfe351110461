/** Reviews: who may do what, and who somebody is. Nothing of it is stored. */
import { ANY, created, refused, whole } from "./expected.ts";
import { configMap, type Manifest, object } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

/** A review of access: nothing is stored, so it has no name. */
function accessReview(kind: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return object("authorization.k8s.io/v1", kind, {}, { spec });
}
const CREATE_PODS = { verb: "create", resource: "pods" };

const ROWS: readonly Expectation[] = [
  ...[
    { resourceAttributes: { ...CREATE_PODS, namespace: "default" } },
    { nonResourceAttributes: { verb: "get", path: "/version" } },
  ].map((spec): Expectation => ({
    it: `says what its user may do: ${Object.keys(spec)}`,
    send: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: accessReview("SelfSubjectAccessReview", spec),
    answers: created({ kind: "SelfSubjectAccessReview", spec, status: { allowed: true } }),
  })),
  {
    it: "says what another user may do",
    send: "POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
    body: accessReview("SubjectAccessReview", {
      user: "jane",
      groups: ["system:masters"],
      resourceAttributes: CREATE_PODS,
    }),
    answers: created({ kind: "SubjectAccessReview", status: { allowed: true } }),
  },
  {
    it: "says what another user may not do",
    send: "POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
    body: accessReview("SubjectAccessReview", {
      user: "system:anonymous",
      groups: ["system:unauthenticated"],
      resourceAttributes: CREATE_PODS,
    }),
    answers: created({ status: { allowed: false } }),
  },
  {
    it: "says what another user may do in a namespace",
    given: [configMap("a")],
    send: "POST authorization.k8s.io/v1/localsubjectaccessreviews",
    body: (seen) =>
      accessReview("LocalSubjectAccessReview", {
        user: "jane",
        groups: ["system:masters"],
        resourceAttributes: { ...CREATE_PODS, namespace: seen("a").metadata.namespace },
      }),
    answers: created({ kind: "LocalSubjectAccessReview", status: { allowed: true } }),
  },
  {
    it: "refuses a review that asks nothing",
    send: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: accessReview("SelfSubjectAccessReview", {}),
    answers: refused(
      422,
      "Invalid",
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: ' +
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
      ANY,
    ),
  },
  {
    it: "refuses a review of nobody",
    send: "POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
    body: accessReview("SubjectAccessReview", { resourceAttributes: CREATE_PODS }),
    answers: {
      status: 422,
      body: { details: { causes: [{ field: "spec.user", reason: "FieldValueInvalid" }] } },
    },
  },
  {
    it: "lists what its user may do",
    send: "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    body: accessReview("SelfSubjectRulesReview", { namespace: "default" }),
    answers: created({ status: { incomplete: false, resourceRules: ANY, nonResourceRules: ANY } }),
  },
  {
    it: "lists what its user may do only for a namespace",
    send: "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    body: accessReview("SelfSubjectRulesReview", {}),
    answers: refused(400, "BadRequest", "no namespace on request"),
  },
  {
    it: "says who its user is",
    send: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    body: object("authentication.k8s.io/v1", "SelfSubjectReview", {}),
    answers: created({
      kind: "SelfSubjectReview",
      status: {
        userInfo: { username: ANY, groups: ["system:masters", "system:authenticated"] },
      },
    }),
  },
  {
    it: "says whose a token is",
    after: [
      { send: "POST serviceaccounts", body: object("v1", "ServiceAccount", "sa") },
      {
        send: "POST serviceaccounts/sa/token",
        body: {},
        answers: created({
          kind: "TokenRequest",
          spec: {
            audiences: ["https://kubernetes.default.svc.cluster.local"],
            expirationSeconds: 3600,
            boundObjectRef: null,
          },
          status: { token: /^[^.]+\.[^.]+\.[^.]+$/, expirationTimestamp: /^\d{4}-.*Z$/ },
        }),
      },
    ],
    send: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: (seen) =>
      object("authentication.k8s.io/v1", "TokenReview", {}, { spec: seen("sa")["status"] }),
    answers: (seen) =>
      created({
        status: {
          authenticated: true,
          audiences: ["https://kubernetes.default.svc.cluster.local"],
          user: { username: `system:serviceaccount:${seen("sa").metadata.namespace}:sa`, uid: ANY },
        },
      }),
  },
  {
    it: "says that a token is nobody's",
    send: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: object("authentication.k8s.io/v1", "TokenReview", {}, { spec: { token: "wrong" } }),
    answers: created({ status: whole({ user: {}, error: "invalid bearer token" }) }),
  },
  {
    it: "refuses a review in a namespace of what is in another",
    send: "POST authorization.k8s.io/v1/localsubjectaccessreviews",
    body: accessReview("LocalSubjectAccessReview", {
      user: "jane",
      resourceAttributes: { ...CREATE_PODS, namespace: "default" },
    }),
    answers: {
      status: 422,
      body: {
        details: {
          causes: [{
            field: "spec.resourceAttributes.namespace",
            reason: "FieldValueInvalid",
            message: 'Invalid value: "default": must match metadata.namespace',
          }],
        },
      },
    },
  },
  {
    it: "says that a token is not for whom it is asked about",
    after: [
      { send: "POST serviceaccounts", body: object("v1", "ServiceAccount", "sa") },
      { send: "POST serviceaccounts/sa/token", body: {} },
    ],
    send: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: (seen) => {
      const { token } = seen("sa")["status"] as { readonly token: string };
      return object("authentication.k8s.io/v1", "TokenReview", {}, {
        spec: { token, audiences: ["others"] },
      });
    },
    answers: created({
      status: whole({ user: {}, error: /is invalid for the target audiences \["others"\]/ }),
    }),
  },
];

contract("kinds, reviews", ROWS);
