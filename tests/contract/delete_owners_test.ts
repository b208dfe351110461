/** Deleting owners, and what becomes of their dependents. */
import type { Body, FromSeen } from "./exchange.ts";
import { ABSENT, ANY, notFound, ok } from "./expected.ts";
import { configMap, DIENGINE, dijob, ownedBy, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

/** A name of this run's own: nodes are the whole cluster's. */
const NODE = `contract-${crypto.randomUUID().slice(0, 8)}`;
const FINALIZER = "contract.opendilab.org/hold";

const ROWS: readonly Expectation[] = [
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
    it: "leaves orphans for orphanDependents too",
    given: [configMap("a"), owned("b", "a")],
    send: "DELETE configmaps/a?orphanDependents=true",
    answers: ok({ metadata: { finalizers: ["orphan"] } }),
    then: [
      { send: "GET configmaps/a", answers: notFound("configmaps", "a"), eventually: true },
      { send: "GET configmaps/b", answers: ok({ metadata: { ownerReferences: ABSENT } }) },
    ],
  },
  {
    it: "in the foreground, does not wait for dependents that do not block",
    given: [
      configMap("a"),
      (seen) =>
        configMap({
          name: "b",
          finalizers: [FINALIZER],
          ownerReferences: [ownedBy(seen("a"), { blockOwnerDeletion: false })],
        }),
    ],
    send: "DELETE configmaps/a?propagationPolicy=Foreground",
    answers: ok(),
    then: [
      { send: "GET configmaps/a", answers: notFound("configmaps", "a"), eventually: true },
      { send: "GET configmaps/b", answers: ok({ metadata: { deletionTimestamp: ANY } }) },
      { send: "PATCH configmaps/b", type: "merge", body: { metadata: { finalizers: null } } },
    ],
  },
  {
    it: "in the foreground, waits for the whole chain of those that block",
    given: [
      configMap("a"),
      owned("b", "a", { blockOwnerDeletion: true }),
      (seen) =>
        configMap({
          name: "c",
          finalizers: [FINALIZER],
          ownerReferences: [ownedBy(seen("b"), { blockOwnerDeletion: true })],
        }),
    ],
    send: "DELETE configmaps/a?propagationPolicy=Foreground",
    answers: ok(),
    then: [
      {
        send: "GET configmaps/c",
        answers: ok({ metadata: { deletionTimestamp: ANY } }),
        eventually: true,
      },
      ...["a", "b"].map((name) => ({
        send: `GET configmaps/${name}`,
        answers: ok({ metadata: { finalizers: ["foregroundDeletion"] } }),
      })),
      { send: "PATCH configmaps/c", type: "merge", body: { metadata: { finalizers: null } } },
      ...["b", "a"].map((name) => ({
        send: `GET configmaps/${name}`,
        answers: notFound("configmaps", name),
        eventually: true,
      })),
    ],
  },
  {
    it: "in the foreground, goes from a custom resource to its pods",
    given: [
      dijob("a"),
      (seen) =>
        pod({
          name: "b",
          finalizers: [FINALIZER],
          ownerReferences: [ownedBy(seen("a"), { controller: true, blockOwnerDeletion: true })],
        }),
    ],
    send: `DELETE ${DIENGINE}/dijobs/a?propagationPolicy=Foreground`,
    answers: ok({ metadata: { finalizers: ["foregroundDeletion"] } }),
    then: [
      {
        send: "GET pods/b",
        answers: ok({ metadata: { deletionTimestamp: ANY } }),
        eventually: true,
      },
      { send: "PATCH pods/b", type: "merge", body: { metadata: { finalizers: null } } },
      {
        send: `GET ${DIENGINE}/dijobs/a`,
        answers: notFound("dijobs.diengine.opendilab.org", "a"),
        eventually: true,
      },
    ],
  },
  {
    it: "leaves an object whose owner is of a kind that nobody serves",
    given: [
      configMap("a"),
      configMap({
        name: "b",
        ownerReferences: [{ apiVersion: "no.such/v1", kind: "Thing", name: "x", uid: "x" }],
      }),
      owned("c", "a"),
    ],
    after: [{ send: "DELETE configmaps/a" }, {
      send: "GET configmaps/c",
      answers: notFound("configmaps", "c"),
      eventually: true,
    }],
    send: "GET configmaps/b",
    answers: ok({ metadata: { ownerReferences: [{ kind: "Thing" }] } }),
  },
  {
    it: "takes an object whose owner is of the whole cluster along, and no other",
    after: [
      { send: "POST /api/v1/nodes", body: { metadata: { name: NODE } } },
      {
        send: "POST pods",
        body: (seen) => pod({ name: "a", ownerReferences: [ownedBy(seen(NODE))] }),
      },
      { send: "POST pods", body: pod("b") },
    ],
    send: `DELETE /api/v1/nodes/${NODE}`,
    answers: ok({ status: "Success", details: { kind: "nodes" } }),
    then: [
      { send: "GET pods/a", answers: notFound("pods", "a"), eventually: true },
      { send: "GET pods/b", answers: ok() },
    ],
  },
  {
    it: "takes an object whose owner is in another namespace, and says so",
    after: [
      {
        send: "POST /api/v1/namespaces/default/configmaps",
        body: configMap(NODE),
      },
      {
        send: "POST configmaps",
        body: (seen) => configMap({ name: "a", ownerReferences: [ownedBy(seen(NODE))] }),
      },
    ],
    send: "GET configmaps/a",
    answers: notFound("configmaps", "a"),
    eventually: true,
    then: [
      {
        send: "GET events?fieldSelector=involvedObject.name%3Da",
        answers: ok({
          items: [{
            type: "Warning",
            reason: "OwnerRefInvalidNamespace",
            message: /^ownerRef \[v1\/ConfigMap, namespace: .*\] does not exist in namespace ".*"$/,
          }],
        }),
        eventually: true,
      },
      { send: `DELETE /api/v1/namespaces/default/configmaps/${NODE}` },
    ],
  },
  {
    it: "refuses an Event as owner",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: [{ apiVersion: "v1", kind: "Event", name: "e", uid: "u" }],
    }),
    answers: {
      status: 422,
      body: { message: /: \/v1, Kind=Event is disallowed from being an owner$/ },
    },
  },
  {
    it: "counts an owner once, and warns",
    given: [configMap("a")],
    send: "POST configmaps",
    body: (seen) =>
      configMap({ name: "b", ownerReferences: [ownedBy(seen("a")), ownedBy(seen("a"))] }),
    answers: {
      status: 201,
      body: { metadata: { ownerReferences: [{ name: "a" }] } },
      headers: { warning: /metadata.ownerReferences contains duplicate entries/ },
    },
  },
];

/** A ConfigMap owned by another object of the row. */
function owned(
  name: string,
  owner: string,
  more: Readonly<Record<string, unknown>> = {},
): FromSeen<Body> {
  return (seen) => configMap({ name, ownerReferences: [ownedBy(seen(owner), more)] });
}

contract("delete, owners", ROWS);
