/** Deleting objects, and what goes along. */
import { ANY, conflict, invalid, notFound, ok, refused } from "./expected.ts";
import type { Body } from "./exchange.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const FINALIZER = "contract.opendilab.org/hold";

/** Ten years. */
const DECADE_SECONDS = 315_576_000;

function options(more: Readonly<Record<string, unknown>>): Body {
  return { apiVersion: "v1", kind: "DeleteOptions", ...more };
}

const ROWS: readonly Expectation[] = [
  {
    it: "answers with a Status that names the object",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    answers: (seen) =>
      ok({
        kind: "Status",
        status: "Success",
        details: { name: "a", kind: "configmaps", uid: seen("a").metadata.uid },
      }),
    then: [{ send: "GET configmaps/a", answers: notFound("configmaps", "a") }],
  },
  {
    it: "names the group of a custom resource",
    given: [dijob("a")],
    send: `DELETE ${DIENGINE}/dijobs/a`,
    answers: ok({
      status: "Success",
      details: { name: "a", group: "diengine.opendilab.org", kind: "dijobs", uid: ANY },
    }),
  },
  {
    it: "says so when there is no such object",
    send: "DELETE configmaps/a",
    answers: notFound("configmaps", "a"),
  },
  {
    it: "removes a pod without a node at once",
    given: [pod("a")],
    send: "DELETE pods/a",
    answers: ok({ kind: "Pod", metadata: { name: "a", deletionGracePeriodSeconds: 0 } }),
    then: [{ send: "GET pods/a", answers: notFound("pods", "a") }],
  },
  {
    it: "gives a pod on a node the grace period that it asks for",
    given: [pod("a", { nodeName: "n", terminationGracePeriodSeconds: 7 })],
    send: "DELETE pods/a",
    answers: ok({
      kind: "Pod",
      metadata: { deletionTimestamp: ANY, deletionGracePeriodSeconds: 7 },
    }),
    then: [{ send: "GET pods/a", answers: ok({ metadata: { deletionGracePeriodSeconds: 7 } }) }],
  },
  {
    it: "gives a pod on a node the grace period of the request",
    given: [pod("a", { nodeName: "n" })],
    send: "DELETE pods/a?gracePeriodSeconds=5",
    answers: ok({ metadata: { deletionGracePeriodSeconds: 5 } }),
  },
  {
    it: "shortens a grace period, and does not lengthen it",
    given: [pod("a", { nodeName: "n" })],
    after: [
      { send: "DELETE pods/a", body: options({ gracePeriodSeconds: 20 }), answers: ok() },
      {
        send: "DELETE pods/a",
        body: options({ gracePeriodSeconds: 10 }),
        answers: ok({ metadata: { deletionGracePeriodSeconds: 10 } }),
      },
    ],
    send: "DELETE pods/a",
    body: options({ gracePeriodSeconds: 60 }),
    answers: ok({ metadata: { deletionGracePeriodSeconds: 10 } }),
  },
  {
    it: "removes a pod on a node at once with a grace period of 0",
    given: [pod("a", { nodeName: "n" })],
    send: "DELETE pods/a",
    body: options({ gracePeriodSeconds: 0 }),
    answers: ok({ metadata: { name: "a" } }),
    then: [{ send: "GET pods/a", answers: notFound("pods", "a") }],
  },
  {
    it: "removes a finished pod at once",
    given: [pod("a", { nodeName: "n" })],
    after: [{
      send: "PATCH pods/a/status",
      type: "merge",
      body: { status: { phase: "Succeeded" } },
      answers: ok(),
    }],
    send: "DELETE pods/a",
    answers: ok({ metadata: { deletionGracePeriodSeconds: 0 } }),
    then: [{ send: "GET pods/a", answers: notFound("pods", "a") }],
  },
  {
    it: "refuses a uid that is not the object's",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: options({ preconditions: { uid: "other" } }),
    answers: (seen) =>
      conflict(
        "ConfigMap",
        "a",
        `the UID in the precondition (other) does not match the UID in record (${
          seen("a").metadata.uid
        }). The object might have been deleted and then recreated`,
      ),
  },
  {
    it: "refuses a resourceVersion that is not the object's",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: options({ preconditions: { resourceVersion: "1" } }),
    answers: (seen) =>
      conflict(
        "ConfigMap",
        "a",
        `the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${
          seen("a").metadata.resourceVersion
        }). The object might have been modified`,
      ),
  },
  {
    it: "takes preconditions that hold",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: (seen) => {
      const { uid, resourceVersion } = seen("a").metadata;
      return options({ preconditions: { uid, resourceVersion } });
    },
    answers: ok({ status: "Success" }),
  },
  {
    it: "removes nothing with dryRun=All",
    given: [configMap("a")],
    send: "DELETE configmaps/a?dryRun=All",
    answers: ok({ status: "Success" }),
    then: [{ send: "GET configmaps/a", answers: ok() }],
  },
  {
    it: "refuses an unknown propagation policy",
    given: [configMap("a")],
    send: "DELETE configmaps/a?propagationPolicy=Sideways",
    answers: invalid("DeleteOptions.meta.k8s.io", "", [
      "NotSupported",
      "propagationPolicy",
      'Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"',
    ]),
  },
  {
    it: "waits for finalizers",
    given: [configMap({ name: "a", finalizers: [FINALIZER] })],
    send: "DELETE configmaps/a",
    answers: ok({
      kind: "ConfigMap",
      metadata: { deletionTimestamp: ANY, deletionGracePeriodSeconds: 0, finalizers: [FINALIZER] },
    }),
    then: [
      { send: "GET configmaps/a", answers: ok({ metadata: { deletionTimestamp: ANY } }) },
      {
        send: "PATCH configmaps/a",
        type: "merge",
        body: { metadata: { finalizers: null } },
        answers: ok(),
      },
      { send: "GET configmaps/a", answers: notFound("configmaps", "a") },
    ],
  },
  {
    it: "refuses new finalizers on an object that is being deleted",
    given: [configMap({ name: "a", finalizers: [FINALIZER] })],
    after: [{ send: "DELETE configmaps/a", answers: ok() }],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { finalizers: [FINALIZER, "contract.opendilab.org/more"] } },
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        message:
          'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be ' +
          "added if the object is being deleted, found new finalizers " +
          '[]string{"contract.opendilab.org/more"}',
      },
    },
    then: [{ send: "PATCH configmaps/a", type: "merge", body: { metadata: { finalizers: null } } }],
  },
  {
    it: "removes all objects of a kind that a selector takes",
    given: [
      configMap({ name: "a", labels: { x: "1" } }),
      configMap({ name: "b", labels: { x: "1" } }),
      configMap({ name: "c", labels: { x: "2" } }),
    ],
    send: "DELETE configmaps?labelSelector=x%3D1",
    answers: ok({
      kind: "ConfigMapList",
      items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }],
    }),
    then: [
      { send: "GET configmaps/a", answers: notFound("configmaps", "a") },
      { send: "GET configmaps/c", answers: ok() },
    ],
  },
  {
    it: "refuses options that are no DeleteOptions",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: { apiVersion: "v1", kind: "Pod" },
    answers: refused(400, "BadRequest", /^no kind "Pod" is registered for version "v1"/),
  },
  {
    it: "refuses both ways of saying what happens to dependents at once",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: options({ orphanDependents: true, propagationPolicy: "Orphan" }),
    answers: invalid("DeleteOptions.meta.k8s.io", "", [
      "Invalid",
      "propagationPolicy",
      'Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ]),
  },
  {
    it: "refuses an unknown dryRun",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: options({ dryRun: ["Some"] }),
    answers: invalid("DeleteOptions.meta.k8s.io", "", [
      "NotSupported",
      "dryRun",
      'Unsupported value: ["Some"]: supported values: "All"',
    ]),
  },
  {
    it: "refuses a grace period that is no number",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: options({ gracePeriodSeconds: "soon" }),
    answers: refused(
      400,
      "BadRequest",
      "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
    ),
  },
  {
    it: "refuses options of another content type",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    type: "text/plain",
    body: options({}),
    answers: { status: 415, body: { reason: "UnsupportedMediaType" } },
  },
  {
    it: "keeps a finalizer through a second delete",
    given: [configMap({ name: "a", finalizers: [FINALIZER] })],
    after: [{ send: "DELETE configmaps/a" }],
    send: "DELETE configmaps/a",
    answers: ok({ metadata: { finalizers: [FINALIZER] } }),
    then: [{
      send: "PATCH configmaps/a",
      type: "json",
      body: [{ op: "remove", path: "/metadata/finalizers/0" }],
    }, { send: "GET configmaps/a", answers: notFound("configmaps", "a") }],
  },
  {
    it: "removes a page of a kind's objects",
    given: ["a", "b"].map((name) => configMap({ name, labels: { x: "1" } })),
    send: "DELETE configmaps?labelSelector=x&limit=1",
    answers: ok({ metadata: { continue: /./ }, items: [{ metadata: { name: "a" } }] }),
    then: [
      { send: "GET configmaps/a", answers: notFound("configmaps", "a") },
      { send: "GET configmaps/b", answers: ok() },
    ],
  },
  {
    it: "removes none of a kind's objects with dryRun=All",
    given: ["a", "b"].map((name) => configMap({ name, labels: { x: "1" } })),
    send: "DELETE configmaps?labelSelector=x&dryRun=All",
    answers: ok({ items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }] }),
    then: [{ send: "GET configmaps/a", answers: ok() }],
  },
  {
    it: "refuses to remove a kind's objects that are not the one with a uid",
    given: [configMap({ name: "a", labels: { x: "1" } })],
    send: "DELETE configmaps?labelSelector=x",
    body: options({ preconditions: { uid: "other" } }),
    answers: { status: 409, body: { reason: "Conflict" } },
    then: [{ send: "GET configmaps/a", answers: ok() }],
  },
  {
    it: "lets finalizers hold some of a kind's objects",
    given: [
      configMap({ name: "a", labels: { x: "1" }, finalizers: [FINALIZER] }),
      configMap({ name: "b", labels: { x: "1" } }),
    ],
    send: "DELETE configmaps?labelSelector=x",
    answers: ok({ items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }] }),
    then: [
      { send: "GET configmaps/a", answers: ok({ metadata: { deletionTimestamp: ANY } }) },
      { send: "GET configmaps/b", answers: notFound("configmaps", "b") },
      { send: "PATCH configmaps/a", type: "merge", body: { metadata: { finalizers: null } } },
    ],
  },
  {
    it: "gives a service, a secret and a lease back each in its way",
    given: [service("a")],
    after: [
      { send: "POST secrets", body: { metadata: { name: "a" } } },
      { send: "POST coordination.k8s.io/v1/leases", body: { metadata: { name: "a" }, spec: {} } },
      { send: "DELETE secrets/a", answers: ok({ kind: "Status", details: { kind: "secrets" } }) },
      {
        send: "DELETE coordination.k8s.io/v1/leases/a",
        answers: ok({ kind: "Status", details: { group: "coordination.k8s.io", kind: "leases" } }),
      },
    ],
    send: "DELETE services/a",
    answers: ok({ kind: "Service", metadata: { name: "a" } }),
  },
  {
    it: "counts the deletion of a pod as a change of it",
    given: [pod("a", { nodeName: "n1" })],
    send: "DELETE pods/a",
    answers: ok({ metadata: { generation: 2, deletionGracePeriodSeconds: 30 } }),
  },
  {
    it: "takes a negative grace period for a second",
    given: [pod("a", { nodeName: "n1" })],
    send: "DELETE pods/a",
    body: options({ gracePeriodSeconds: -5 }),
    answers: ok({ metadata: { deletionGracePeriodSeconds: 1 } }),
  },
  {
    it: "shows when the grace period of a pod ends",
    given: [pod("a", { nodeName: "n1" })],
    send: "DELETE pods/a",
    body: options({ gracePeriodSeconds: DECADE_SECONDS }),
    answers: (seen) => {
      const madeMs = Date.parse(String(seen("a").metadata["creationTimestamp"]));
      const year = new Date(madeMs + 1000 * DECADE_SECONDS).getUTCFullYear();
      return ok({ metadata: { deletionTimestamp: new RegExp(`^${year}-`) } });
    },
  },
];

contract("delete", ROWS);
