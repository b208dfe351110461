/** Who may send requests at all, and how the others are told. */
import { ANY, created, invalid, isRecord, notFound, ok, refused, whole } from "./expected.ts";
import type { ApiObject, Exchange } from "./exchange.ts";
import { object } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const UNAUTHORIZED = refused(401, "Unauthorized", "Unauthorized");
const ACCOUNT: Exchange = {
  send: "POST serviceaccounts",
  body: object("v1", "ServiceAccount", "sa"),
};
const TOKEN: Exchange = {
  send: "POST serviceaccounts/sa/token",
  body: object("authentication.k8s.io/v1", "TokenRequest", {}),
};
/** The token in the answer to a request for one. */
function tokenOf({ status }: ApiObject): string {
  return isRecord(status) ? String(status["token"]) : "";
}

const ROWS: readonly Expectation[] = [
  {
    it: "refuses an unknown token",
    send: "GET configmaps",
    headers: { authorization: "Bearer wrong" },
    answers: UNAUTHORIZED,
  },
  {
    it: "answers health checks without a token",
    send: "GET /readyz",
    headers: { authorization: "" },
    answers: ok("ok"),
  },
  ...[
    { method: "GET", path: "pods", verb: "list", about: "pods" },
    { method: "GET", path: "pods/a", verb: "get", about: 'pods "a"', name: "a" },
    { method: "DELETE", path: "pods", verb: "deletecollection", about: "pods" },
    {
      method: "PUT",
      path: "pods/a/status",
      verb: "update",
      about: 'pods "a"',
      name: "a",
      status: true,
    },
  ].map(({ method, path, verb, about, name, status }): Expectation => ({
    it: `refuses ${method} ${path} from who has no token`,
    send: `${method} ${path}`,
    headers: { authorization: "" },
    answers: refused(
      403,
      "Forbidden",
      new RegExp(
        `^${about} is forbidden: User "system:anonymous" cannot ${verb} resource ` +
          `"pods${status ? "/status" : ""}" in API group "" in the namespace "contract-[^"]+"$`,
      ),
      { ...(name !== undefined && { name }), kind: "pods" },
    ),
  })),
  {
    it: "names the group of what nobody may do without a token",
    send: "GET /apis/apps/v1/deployments",
    headers: { authorization: "" },
    answers: refused(
      403,
      "Forbidden",
      'deployments.apps is forbidden: User "system:anonymous" cannot list resource "deployments" in ' +
        'API group "apps" at the cluster scope',
      { group: "apps", kind: "deployments" },
    ),
  },
  {
    it: "refuses a path that is no resource's from who has no token",
    send: "GET /apis",
    headers: { authorization: "" },
    answers: refused(
      403,
      "Forbidden",
      'forbidden: User "system:anonymous" cannot get path "/apis"',
      {},
    ),
  },
  {
    it: "takes its user for another where that is asked for",
    send: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    headers: { "impersonate-user": "jane", "impersonate-group": "system:masters" },
    body: object("authentication.k8s.io/v1", "SelfSubjectReview", {}),
    answers: created({
      status: {
        userInfo: whole({ username: "jane", groups: ["system:masters", "system:authenticated"] }),
      },
    }),
  },
  {
    it: "takes its user for nobody where that is asked for",
    send: "GET configmaps",
    headers: { "impersonate-user": "system:anonymous" },
    answers: {
      status: 403,
      body: { message: /^configmaps is forbidden: User "system:anonymous" cannot list/ },
    },
  },
  {
    it: "takes a name and a password for nothing said",
    send: "GET configmaps",
    headers: { authorization: "Basic YTpi" },
    answers: {
      status: 403,
      body: { message: /^configmaps is forbidden: User "system:anonymous" cannot list/ },
    },
  },
  {
    it: "refuses an unknown token even for what everybody may read",
    send: "GET /healthz",
    headers: { authorization: "Bearer wrong" },
    answers: UNAUTHORIZED,
  },
  {
    it: "knows the holder of a service account's token",
    after: [ACCOUNT, TOKEN],
    send: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    headers: (seen) => ({ authorization: `Bearer ${tokenOf(seen("sa"))}` }),
    body: object("authentication.k8s.io/v1", "SelfSubjectReview", {}),
    answers: (seen) => {
      const { namespace } = seen("sa").metadata;
      return created({
        status: {
          userInfo: whole({
            username: `system:serviceaccount:${namespace}:sa`,
            uid: ANY,
            groups: [
              "system:serviceaccounts",
              `system:serviceaccounts:${namespace}`,
              "system:authenticated",
            ],
            extra: { "authentication.kubernetes.io/credential-id": [/^JTI=[-0-9a-f]{36}$/] },
          }),
        },
      });
    },
  },
  {
    it: "refuses a service account's token that was changed",
    after: [ACCOUNT, TOKEN],
    send: "GET configmaps",
    headers: (seen) => ({ authorization: `Bearer ${tokenOf(seen("sa"))}x` }),
    answers: UNAUTHORIZED,
  },
  {
    it: "refuses a service account's token for somebody else",
    after: [ACCOUNT, {
      ...TOKEN,
      body: object("authentication.k8s.io/v1", "TokenRequest", {}, { spec: { audiences: ["x"] } }),
    }],
    send: "GET /api",
    headers: (seen) => ({ authorization: `Bearer ${tokenOf(seen("sa"))}` }),
    answers: UNAUTHORIZED,
  },
  {
    it: "refuses the token of a service account that is gone",
    after: [ACCOUNT, TOKEN, { send: "DELETE serviceaccounts?fieldSelector=metadata.name=sa" }],
    send: "GET /api",
    headers: (seen) => ({ authorization: `Bearer ${tokenOf(seen("sa"))}` }),
    // The server looks accounts up in a cache.
    eventually: true,
    answers: UNAUTHORIZED,
  },
  {
    it: "refuses a review of a token that is not there",
    send: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: object("authentication.k8s.io/v1", "TokenReview", {}, { spec: {} }),
    answers: refused(400, "BadRequest", "token is required for TokenReview in authentication"),
  },
  {
    it: "finds no account to give a token to",
    send: "POST serviceaccounts/sa/token",
    body: {},
    answers: notFound("serviceaccounts", "sa"),
  },
  {
    it: "refuses a token for less than ten minutes",
    after: [ACCOUNT],
    send: "POST serviceaccounts/sa/token",
    body: { spec: { expirationSeconds: 5 } },
    answers: invalid("TokenRequest.authentication.k8s.io", "", [
      "Invalid",
      "spec.expirationSeconds",
      "Invalid value: 5: may not specify a duration less than 10 minutes",
    ]),
  },
  {
    it: "refuses a token for a pod that is not there",
    after: [ACCOUNT],
    send: "POST serviceaccounts/sa/token",
    body: { spec: { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p" } } },
    answers: notFound("pods", "p"),
  },
];

contract("errors, access", ROWS);
