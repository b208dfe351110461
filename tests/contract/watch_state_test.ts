/** Watches that list first, and those that show objects in another form. */
import { ABSENT, ANY, invalid } from "./expected.ts";
import { label, make, OWN, remove } from "./config_maps.ts";
import { configMap, DIENGINE, dijob } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const META = "v=v1;g=meta.k8s.io";
const AS_METADATA = `application/json;as=PartialObjectMetadata;${META}`;
const AS_TABLE = `application/json;as=Table;${META}`;
const INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
const END = { "k8s.io/initial-events-end": "true" };

/** An object in another namespace than the row's. */
const ELSEWHERE = configMap({ generateName: "contract-" });

const ROWS: readonly Expectation[] = [
  {
    it: "lists first, and marks the end of the list with a bookmark",
    given: [configMap("a")],
    watch: `configmaps?${OWN}&${INITIAL}`,
    sees: ["ADDED a", {
      type: "BOOKMARK",
      object: {
        kind: "ConfigMap",
        apiVersion: "v1",
        metadata: { resourceVersion: ANY, annotations: END },
      },
    }],
  },
  {
    it: "lists what matches only, then a bookmark",
    given: [
      configMap({ name: "a", labels: { team: "red" } }),
      configMap({ name: "b", labels: { team: "blue" } }),
    ],
    watch: `configmaps?labelSelector=team%3Dred&resourceVersion=0&${INITIAL}`,
    sees: ["ADDED a", { type: "BOOKMARK", object: { kind: "ConfigMap" } }],
  },
  {
    it: "lists custom resources first, with a bookmark of their kind",
    given: [dijob("a")],
    watch: `${DIENGINE}/dijobs?${INITIAL}`,
    sees: ["ADDED a", { type: "BOOKMARK", object: { kind: "DIJob", apiVersion: DIENGINE } }],
  },
  {
    it: "lists first without a bookmark for those who want none",
    given: [configMap("a")],
    watch: `configmaps?${OWN}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
    then: [make("b")],
    sees: ["ADDED a", "ADDED b"],
  },
  {
    it: "lists nothing first with sendInitialEvents=false",
    given: [configMap("a")],
    watch: (seen) =>
      `configmaps?${OWN}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    then: [make("b")],
    sees: ["ADDED b"],
  },
  {
    it: "lists nothing first for a version that is yet to come",
    watch: `configmaps?resourceVersion=999999999999&${INITIAL}`,
    sees: [{
      type: "ERROR",
      object: {
        kind: "Status",
        code: 504,
        reason: "Timeout",
        message: /^Timeout: Too large resource version: 999999999999, current: \d+$/,
        details: {
          causes: [{
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version",
          }],
          retryAfterSeconds: 1,
        },
      },
    }],
  },
  {
    it: "refuses sendInitialEvents without resourceVersionMatch",
    send: "GET configmaps?watch=1&sendInitialEvents=true",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    ]),
  },
  {
    it: "refuses resourceVersionMatch without sendInitialEvents",
    send: "GET configmaps?watch=1&resourceVersion=0&resourceVersionMatch=NotOlderThan",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    ]),
  },
  {
    it: "shows only metadata to those who ask for no more",
    given: [configMap("a", { x: "1" })],
    accept: AS_METADATA,
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [label("a", "red")],
    sees: [{
      type: "MODIFIED",
      object: {
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata: { name: "a", labels: { team: "red" } },
        data: ABSENT,
      },
    }],
  },
  {
    it: "marks the end of a list of metadata with a bookmark of that form",
    accept: AS_METADATA,
    watch: `configmaps?labelSelector=none&${INITIAL}`,
    sees: [{
      type: "BOOKMARK",
      object: {
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata: { annotations: END },
      },
    }],
  },
  {
    it: "shows rows of a table, and the columns with the first",
    given: [configMap("a", { x: "1" })],
    accept: AS_TABLE,
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [label("a", "red"), remove("a")],
    sees: [
      {
        type: "MODIFIED",
        object: {
          kind: "Table",
          apiVersion: "meta.k8s.io/v1",
          columnDefinitions: [{ name: "Name" }, { name: "Data" }, { name: "Age" }],
          rows: [{
            cells: ["a", 1, ANY],
            object: { kind: "PartialObjectMetadata", metadata: { name: "a" } },
          }],
        },
      },
      {
        type: "DELETED",
        object: { kind: "Table", columnDefinitions: null, rows: [{ cells: ["a", 1, ANY] }] },
      },
    ],
  },
  {
    it: "marks the end of a list in a table with a row for the bookmark",
    accept: AS_TABLE,
    watch: `pods?${INITIAL}`,
    sees: [{
      type: "BOOKMARK",
      object: {
        kind: "Table",
        rows: [{ cells: ANY, object: { metadata: { annotations: END } } }],
      },
    }],
  },
  {
    it: "shows nothing of other namespaces, of what was and of what comes",
    given: [configMap("a")],
    after: [
      { send: "POST /api/v1/namespaces/default/configmaps", body: ELSEWHERE },
      { send: "GET configmaps/a" },
      make("b"),
    ],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [
      { send: "POST /api/v1/namespaces/default/configmaps", body: ELSEWHERE },
      make("c"),
    ],
    sees: ["ADDED b", "ADDED c"],
  },
  {
    it: "tells its version before its time is over",
    given: [configMap("a")],
    watch: (seen) =>
      `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}` +
      "&allowWatchBookmarks=true&timeoutSeconds=5",
    then: [make("b")],
    sees: ["ADDED b", {
      type: "BOOKMARK",
      object: {
        kind: "ConfigMap",
        apiVersion: "v1",
        metadata: { resourceVersion: /^\d+$/, annotations: ABSENT, name: ABSENT },
      },
    }],
  },
];

contract("watch with state", ROWS);
