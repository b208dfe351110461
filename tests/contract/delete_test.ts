/** Deleting objects, and what goes along. */
import { ABSENT, ANY, conflict, invalid, notFound, ok, refused } from "./expected.ts";
import type { Body, FromSeen } from "./exchange.ts";
import { configMap, DIENGINE, dijob, ownedBy, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const FINALIZER = "contract.opendilab.org/hold";

/** A ConfigMap owned by another object of the row. */
function owned(
  name: string,
  owner: string,
  more: Readonly<Record<string, unknown>> = {},
): FromSeen<Body> {
  return (seen) => configMap({ name, ownerReferences: [ownedBy(seen(owner), more)] });
}

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
    it: "takes along what the object owns",
    given: [configMap("a"), owned("b", "a"), owned("c", "b"), owned("d", "c")],
    send: "DELETE configmaps/a",
    answers: ok({ status: "Success" }),
    then: ["b", "c", "d"].map((name) => ({
      send: `GET configmaps/${name}`,
      answers: notFound("configmaps", name),
      eventually: true,
    })),
  },
  {
    it: "takes a pod along that a custom resource owns",
    given: [
      dijob("a"),
      (seen) => pod({ name: "b", ownerReferences: [ownedBy(seen("a"), { controller: true })] }),
    ],
    send: `DELETE ${DIENGINE}/dijobs/a`,
    answers: ok({ status: "Success" }),
    then: [{ send: "GET pods/b", answers: notFound("pods", "b"), eventually: true }],
  },
  {
    it: "leaves what has another owner, without the one that went",
    given: [
      configMap("a"),
      configMap("b"),
      (seen) => configMap({ name: "c", ownerReferences: [ownedBy(seen("a")), ownedBy(seen("b"))] }),
    ],
    send: "DELETE configmaps/a",
    answers: ok({ status: "Success" }),
    then: [{
      send: "GET configmaps/c",
      answers: ok({ metadata: { ownerReferences: [{ name: "b" }] } }),
      eventually: true,
    }],
  },
  {
    it: "leaves orphans, freed of their owner",
    given: [configMap("a"), owned("b", "a")],
    send: "DELETE configmaps/a?propagationPolicy=Orphan",
    answers: ok(),
    then: [
      { send: "GET configmaps/a", answers: notFound("configmaps", "a"), eventually: true },
      {
        send: "GET configmaps/b",
        answers: ok({ metadata: { ownerReferences: ABSENT } }),
        eventually: true,
      },
    ],
  },
  {
    it: "in the foreground, keeps the owner until its dependents are gone",
    given: [
      configMap("a"),
      (seen) =>
        configMap({
          name: "b",
          finalizers: [FINALIZER],
          ownerReferences: [ownedBy(seen("a"), { blockOwnerDeletion: true })],
        }),
    ],
    send: "DELETE configmaps/a?propagationPolicy=Foreground",
    answers: ok({ metadata: { finalizers: ["foregroundDeletion"], deletionTimestamp: ANY } }),
    then: [
      {
        send: "GET configmaps/b",
        answers: ok({ metadata: { deletionTimestamp: ANY } }),
        eventually: true,
      },
      {
        send: "GET configmaps/a",
        answers: ok({ metadata: { finalizers: ["foregroundDeletion"] } }),
      },
      { send: "PATCH configmaps/b", type: "merge", body: { metadata: { finalizers: null } } },
      { send: "GET configmaps/a", answers: notFound("configmaps", "a"), eventually: true },
    ],
  },
  {
    it: "takes an object whose owner never was",
    after: [{
      send: "POST configmaps",
      body: configMap({
        name: "a",
        ownerReferences: [{
          apiVersion: "v1",
          kind: "ConfigMap",
          name: "none",
          uid: "00000000-0000-0000-0000-000000000000",
        }],
      }),
    }],
    send: "GET configmaps/a",
    answers: notFound("configmaps", "a"),
    eventually: true,
  },
  {
    it: "takes an object whose owner is a namesake of the one that it names",
    given: [
      configMap("a"),
      (seen) =>
        configMap({
          name: "b",
          ownerReferences: [{ ...ownedBy(seen("a")), uid: "00000000-0000-0000-0000-000000000000" }],
        }),
    ],
    send: "GET configmaps/b",
    answers: notFound("configmaps", "b"),
    eventually: true,
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
];

contract("delete", ROWS);
