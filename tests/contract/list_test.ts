/** Listing objects: selectors, pages, tables, versions. */
import { ABSENT, ANY, EMPTY, invalid, notFound, ok, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod } from "./objects.ts";
import type { Body, FromSeen } from "./exchange.ts";
import { contract, type Expectation } from "./suite.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
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
    it: "gives pages, and says how much is left",
    given: ["a", "b", "c"].map((name) => configMap(name)),
    send: "GET configmaps?limit=2",
    answers: ok({ metadata: { continue: /./, remainingItemCount: ANY }, items: [ANY, ANY] }),
  },
  {
    it: "goes on where a page ended, in the list's old version",
    after: [
      ...["a", "b", "c"].map((name) => ({ send: `POST ${DIENGINE}/dijobs`, body: dijob(name) })),
      {
        send: `GET ${DIENGINE}/dijobs?limit=2`,
        answers: ok({
          metadata: { remainingItemCount: 1 },
          items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }],
        }),
      },
      { send: `POST ${DIENGINE}/dijobs`, body: dijob("d") },
    ],
    send: (seen) =>
      `GET ${DIENGINE}/dijobs?limit=2&continue=${
        encodeURIComponent(seen("DIJobList").metadata.continue as string)
      }`,
    answers: (seen) =>
      ok({
        metadata: {
          resourceVersion: seen("DIJobList").metadata.resourceVersion,
          continue: EMPTY,
          remainingItemCount: ABSENT,
        },
        items: [{ metadata: { name: "c" } }],
      }),
  },
  {
    it: "does not count what is left behind a selector",
    given: ["a", "b", "c"].map((name) => configMap({ name, labels: { x: "1" } })),
    send: "GET configmaps?limit=1&labelSelector=x",
    answers: ok({
      metadata: { continue: /./, remainingItemCount: ABSENT },
      items: [{ metadata: { name: "a" } }],
    }),
  },
  {
    it: "refuses a continue token that is none of its own",
    send: "GET configmaps?limit=1&continue=nonsense",
    answers: refused(400, "BadRequest", /^invalid continue token: /),
  },
  {
    it: "gives a list at least as new as a version",
    given: [configMap("a")],
    send: (seen) => `GET configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    answers: ok({ items: [{ metadata: { name: "a" } }] }),
  },
  {
    it: "gives a list of exactly a version",
    given: [configMap("a"), configMap("b")],
    send: (seen) =>
      `GET configmaps?${OWN}&resourceVersionMatch=Exact&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    answers: (seen) =>
      ok({
        metadata: { resourceVersion: seen("a").metadata.resourceVersion },
        items: [{ metadata: { name: "a" } }],
      }),
  },
  {
    it: "refuses resourceVersionMatch without a version",
    send: "GET configmaps?resourceVersionMatch=Exact",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    ]),
  },
  {
    it: "asks for patience about a version that is yet to come",
    send: "GET configmaps?resourceVersion=999999999",
    answers: {
      status: 504,
      body: {
        reason: "Timeout",
        message: /^Timeout: Too large resource version: 999999999, current: \d+$/,
      },
    },
  },
  {
    it: "refuses a version that is no number",
    send: "GET configmaps?resourceVersion=x",
    answers: { status: 400, body: { kind: "Status", message: /x/ } },
  },
  {
    it: "gives pods as a table",
    given: [pod("a", { nodeName: "n1" })],
    send: "GET pods",
    accept: TABLE,
    answers: ok({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      columnDefinitions: [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
        "IP",
        "Node",
        "Nominated Node",
        "Readiness Gates",
      ].map((name) => ({ name })),
      rows: [{
        cells: ["a", "0/1", "Pending", "0", /^\d+s$/, "<none>", "n1", "<none>", "<none>"],
        object: { kind: "PartialObjectMetadata", metadata: { name: "a" } },
      }],
    }),
  },
  {
    it: "gives custom resources as a table with the definition's columns",
    given: [dijob("a")],
    after: [{
      send: `PATCH ${DIENGINE}/dijobs/a/status`,
      type: "merge",
      body: { status: { phase: "Running" } },
    }],
    send: `GET ${DIENGINE}/dijobs`,
    accept: TABLE,
    answers: ok({
      columnDefinitions: [{ name: "Name", type: "string", format: "name" }, {
        name: "Phase",
        type: "string",
      }, { name: "Age", type: "date" }],
      rows: [{ cells: ["a", "Running", /^\d+s$/] }],
    }),
  },
  {
    it: "gives one object as a table",
    given: [configMap("a", { x: "1", y: "2" })],
    send: "GET configmaps/a?includeObject=Object",
    accept: TABLE,
    answers: ok({
      rows: [{ cells: ["a", 2, /^\d+s$/], object: { kind: "ConfigMap", data: { x: "1" } } }],
    }),
  },
  {
    it: "leaves the object out of a table when asked to",
    given: [configMap("a")],
    send: `GET configmaps?${OWN}&includeObject=None`,
    accept: TABLE,
    answers: ok({ rows: [{ cells: ["a", 0, ANY], object: null }] }),
  },
  {
    it: "takes the first media type that it can give",
    given: [configMap("a")],
    send: `GET configmaps?${OWN}`,
    accept: `${TABLE},application/json`,
    answers: ok({ kind: "Table" }),
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
