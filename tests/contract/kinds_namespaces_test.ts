/** Namespaces: what is in them goes with them. */
import { ANY, ok, refused } from "./expected.ts";
import type { Exchange, Seen } from "./exchange.ts";
import { configMap, deployment, DIENGINE, dijob, object, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

/** Path of the row's own namespace, seen by an object in it that is called `a`. */
function ownNamespace(seen: Seen): string {
  return `/api/v1/namespaces/${seen("a").metadata.namespace}`;
}
const DELETE_NAMESPACE: Exchange = {
  send: (seen) => `DELETE ${ownNamespace(seen)}`,
  answers: ok({ metadata: { deletionTimestamp: ANY }, status: { phase: "Terminating" } }),
};
/** Lets the object go that holds a namespace, so that none is left behind. */
const RELEASE: readonly Exchange[] = [
  { send: "PATCH configmaps/a", type: "merge", body: { metadata: { finalizers: null } } },
];

const ROWS: readonly Expectation[] = [
  {
    it: "gives every namespace a service account",
    send: "GET serviceaccounts/default",
    eventually: true,
    answers: ok({ metadata: { name: "default" } }),
  },
  {
    it: "empties a namespace that is deleted, and lets it go",
    given: [configMap("a"), pod("p"), dijob("j"), deployment("d")],
    after: [DELETE_NAMESPACE],
    send: (seen) => `GET ${ownNamespace(seen)}`,
    eventually: true,
    answers: { status: 404, body: { reason: "NotFound" } },
    then: [
      { send: "GET pods", answers: ok({ items: [] }) },
      { send: `GET ${DIENGINE}/dijobs`, answers: ok({ items: [] }) },
    ],
  },
  {
    it: "makes nothing in a namespace that is being deleted",
    given: [configMap({ name: "a", finalizers: ["example.com/hold"] })],
    after: [DELETE_NAMESPACE],
    send: "POST configmaps",
    body: configMap("b"),
    answers: (seen) => {
      const { namespace } = seen("a").metadata;
      return refused(
        403,
        "Forbidden",
        `configmaps "b" is forbidden: unable to create new content in namespace ${namespace} ` +
          "because it is being terminated",
        {
          name: "b",
          kind: "configmaps",
          causes: [{
            reason: "NamespaceTerminating",
            message: `namespace ${namespace} is being terminated`,
            field: "metadata.namespace",
          }],
        },
      );
    },
    then: RELEASE,
  },
  {
    it: "does not make a namespace again that is being deleted",
    given: [configMap({ name: "a", finalizers: ["example.com/hold"] })],
    after: [DELETE_NAMESPACE],
    send: "POST /api/v1/namespaces",
    body: (seen) => object("v1", "Namespace", seen("a").metadata.namespace ?? ""),
    answers: {
      status: 409,
      body: {
        reason: "AlreadyExists",
        message: /^object is being deleted: namespaces ".*" already exists$/,
      },
    },
    then: RELEASE,
  },
  {
    it: "says what holds a namespace that is being deleted, and lets it go without",
    given: [
      configMap({ name: "a", finalizers: ["example.com/hold"] }),
      configMap({ name: "b", finalizers: ["example.com/hold", "example.com/more"] }),
    ],
    after: [DELETE_NAMESPACE],
    send: (seen) => `GET ${ownNamespace(seen)}`,
    eventually: true,
    answers: ok({
      status: {
        phase: "Terminating",
        conditions: [
          ["NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", ANY],
          ["NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", ANY],
          ["NamespaceDeletionContentFailure", "False", "ContentDeleted", ANY],
          [
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 2 resource instances",
          ],
          [
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: " +
            "example.com/hold in 2 resource instances, example.com/more in 1 resource instances",
          ],
        ].map(([type, status, reason, message]) => ({ type, status, reason, message })),
      },
    }),
    then: [
      { send: "PATCH configmaps/b", type: "merge", body: { metadata: { finalizers: null } } },
      ...RELEASE,
      { send: (seen) => `GET ${ownNamespace(seen)}`, eventually: true, answers: { status: 404 } },
    ],
  },
  {
    it: "writes what it must to a namespace that is being deleted",
    given: [configMap({ name: "a", finalizers: ["example.com/hold"] })],
    after: [DELETE_NAMESPACE],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { data: { x: "1" } },
    answers: ok({ data: { x: "1" } }),
    then: RELEASE,
  },
];

contract("kinds, namespaces", ROWS);
