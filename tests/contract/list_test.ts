/** Listing objects: selectors, pages, tables, versions. */
import type { Body, FromSeen } from "./exchange.ts";
import { ABSENT, ANY, notFound, ok, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

const TEAMS = [
  configMap({ name: "a", labels: { team: "red", size: "1" } }),
  configMap({ name: "b", labels: { team: "blue" } }),
  configMap({ name: "c" }),
];

/** A label selector takes these of `TEAMS`. */
function selects(selector: string, names: readonly string[]): Expectation {
  return {
    it: `takes ${names.join(", ") || "nothing"} by the label selector ${selector}`,
    given: TEAMS,
    send: `GET configmaps?${own(selector)}`,
    answers: ok({ items: names.map((name) => ({ metadata: { name } })) }),
  };
}

/** Leaves out what a real cluster puts into every namespace. */
function own(selector: string): string {
  const names = "metadata.name!=kube-root-ca.crt";
  return new URLSearchParams({ labelSelector: selector, fieldSelector: names }).toString();
}
const OWN = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";

const ROWS: readonly Expectation[] = [
  {
    it: "gives built-in objects without their kind, sorted by name",
    given: [configMap("b"), configMap("a")],
    send: `GET configmaps?${OWN}`,
    answers: ok({
      kind: "ConfigMapList",
      apiVersion: "v1",
      metadata: { resourceVersion: /^[1-9][0-9]*$/, continue: ABSENT, remainingItemCount: ABSENT },
      items: ["a", "b"].map((name) => ({
        kind: ABSENT,
        apiVersion: ABSENT,
        metadata: { name, uid: ANY },
      })),
    }),
  },
  {
    it: "gives custom resources with their kind",
    given: [dijob("a")],
    send: `GET ${DIENGINE}/dijobs`,
    answers: ok({
      kind: "DIJobList",
      apiVersion: DIENGINE,
      items: [{ kind: "DIJob", apiVersion: DIENGINE, metadata: { name: "a" } }],
    }),
  },
  {
    it: "gives an empty list for a namespace that is not there",
    send: "GET /api/v1/namespaces/nowhere/configmaps",
    answers: ok({ kind: "ConfigMapList", items: [] }),
  },
  {
    it: "lists over all namespaces",
    given: [configMap({ name: "a", labels: { everywhere: "yes" } })],
    send: (seen) =>
      `GET /api/v1/configmaps?labelSelector=everywhere%3Dyes&fieldSelector=metadata.namespace%3D${
        seen("a").metadata.namespace
      }`,
    answers: ok({ items: [{ metadata: { name: "a" } }] }),
  },
  selects("team=red", ["a"]),
  selects("team==red,size=1", ["a"]),
  selects("team!=red", ["b", "c"]),
  selects("team", ["a", "b"]),
  selects("!team", ["c"]),
  selects("team in (red,blue)", ["a", "b"]),
  selects("team notin (red)", ["b", "c"]),
  selects("size>0", ["a"]),
  selects("team=green", []),
  {
    it: "refuses a label selector that it cannot read",
    send: "GET configmaps?labelSelector=a%3D%3D%3Db",
    answers: {
      status: 400,
      body: {
        kind: "Status",
        reason: "BadRequest",
        message: /^unable to parse requirement: found '.*', expected/,
      },
    },
  },
  {
    it: "takes one object by its name",
    given: TEAMS,
    send: "GET configmaps?fieldSelector=metadata.name%3Db",
    answers: ok({ items: [{ metadata: { name: "b" } }] }),
  },
  {
    it: "takes pods by node and phase",
    given: [pod("a", { nodeName: "n1" }), pod("b", { nodeName: "n2" }), pod("c")],
    after: [{ send: "PATCH pods/b/status", type: "merge", body: { status: { phase: "Running" } } }],
    send: "GET pods?fieldSelector=spec.nodeName%3Dn2,status.phase%3DRunning",
    answers: ok({ items: [{ metadata: { name: "b" } }] }),
    then: [
      {
        send: "GET pods?fieldSelector=spec.nodeName%3D",
        answers: ok({ items: [{ metadata: { name: "c" } }] }),
      },
      {
        send: "GET pods?fieldSelector=status.phase!%3DPending",
        answers: ok({ items: [{ metadata: { name: "b" } }] }),
      },
    ],
  },
  {
    it: "takes events by the object that they are about",
    given: [
      configMap("here"),
      event("e1", "DIJob", "x"),
      event("e2", "Pod", "x"),
      event("e3", "DIJob", "y"),
    ],
    send: "GET events?fieldSelector=involvedObject.kind%3DDIJob,involvedObject.name%3Dx",
    answers: ok({ items: [{ metadata: { name: "e1" }, involvedObject: { name: "x" } }] }),
  },
  {
    it: "refuses a field that nothing can be selected by",
    send: "GET pods?fieldSelector=spec.hostname%3Dx",
    answers: refused(400, "BadRequest", /field label not supported: spec\.hostname/),
  },
  {
    it: "refuses such a field of a custom resource",
    send: `GET ${DIENGINE}/dijobs?fieldSelector=spec.group%3Dx`,
    answers: refused(400, "BadRequest", /field label not supported: spec\.group/),
  },
  {
    it: "gives the metadata alone",
    given: [configMap("a", { x: "1" })],
    send: "GET configmaps/a",
    accept: PARTIAL,
    answers: ok({
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: { name: "a", uid: ANY },
      data: ABSENT,
    }),
  },
  {
    it: "gives a list of metadata alone",
    given: [configMap("a", { x: "1" })],
    send: `GET configmaps?${OWN}`,
    accept: PARTIAL_LIST,
    answers: ok({
      kind: "PartialObjectMetadataList",
      items: [{ metadata: { name: "a" }, data: ABSENT }],
    }),
  },
  {
    it: "gives one object with its kind",
    given: [configMap("a")],
    send: "GET configmaps/a",
    answers: ok({ kind: "ConfigMap", apiVersion: "v1" }),
  },
  {
    it: "says so when one object is not there",
    send: `GET ${DIENGINE}/dijobs/a`,
    answers: notFound("dijobs.diengine.opendilab.org", "a"),
  },
  ...[
    ["a===b", "unable to parse requirement: found '=', expected: identifier"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["a,", "found '', expected: identifier after ','"],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    [
      "a>b",
      "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    [
      "a=-b",
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be/,
    ],
    ["-a", /^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/],
  ].map(([selector, message]): Expectation => ({
    it: `refuses the label selector ${selector}`,
    send: `GET configmaps?${new URLSearchParams({ labelSelector: String(selector) })}`,
    answers: refused(400, "BadRequest", message ?? ""),
  })),
  {
    it: "refuses a field that no object of the kind is selected by",
    send: "GET coordination.k8s.io/v1/leases?fieldSelector=spec.holderIdentity%3Dx",
    answers: refused(
      400,
      "BadRequest",
      '"spec.holderIdentity" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
  },
  {
    it: "refuses a field selector that it cannot read",
    send: "GET configmaps?fieldSelector=metadata.name",
    answers: refused(
      400,
      "BadRequest",
      "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
    ),
  },
  {
    it: "takes secrets by type",
    after: ["Opaque", "a.b/c"].map((type, index) => ({
      send: "POST secrets",
      body: { apiVersion: "v1", kind: "Secret", metadata: { name: `s${index}` }, type },
    })),
    send: "GET secrets?fieldSelector=type%3Da.b/c",
    answers: ok({ items: [{ metadata: { name: "s1" } }] }),
  },
  {
    it: "takes services by type",
    given: [
      service("a"),
      service("b", { type: "ExternalName", clusterIP: undefined, externalName: "x.y" }),
    ],
    send: "GET services?fieldSelector=spec.type%3DExternalName",
    answers: ok({ items: [{ metadata: { name: "b" } }] }),
  },
  {
    it: "lists nothing in a namespace that is not there",
    send: "GET /api/v1/namespaces/never-made/configmaps",
    answers: ok({ kind: "ConfigMapList", items: [] }),
  },
  {
    it: "refuses one object as a list of metadata",
    given: [configMap("a")],
    send: "GET configmaps/a",
    accept: PARTIAL_LIST,
    answers: refused(
      406,
      "NotAcceptable",
      "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)",
    ),
  },
  {
    it: "refuses a list as the metadata of one object",
    send: "GET configmaps",
    accept: PARTIAL,
    answers: refused(
      406,
      "NotAcceptable",
      "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    ),
  },
  {
    it: "refuses a form of objects that it does not know",
    send: "GET configmaps",
    accept: "application/json;as=Sculpture;v=v1;g=meta.k8s.io",
    answers: refused(
      406,
      "NotAcceptable",
      /^only the following media types are accepted: application\/json, application\/yaml/,
    ),
  },
  {
    it: "takes pods that do not say whether they use the node's network for those that do not",
    given: [pod("a"), pod("b", { hostNetwork: true })],
    send: "GET pods?fieldSelector=spec.hostNetwork%3Dfalse",
    answers: ok({ items: [{ metadata: { name: "a" } }] }),
  },
];

/** An Event in the row's namespace, which `here` has told. */
function event(name: string, kind: string, about: string): FromSeen<Body> {
  return (seen) => ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name },
    involvedObject: { kind, name: about, namespace: seen("here").metadata.namespace },
    reason: "Test",
  });
}

contract("list", ROWS);
