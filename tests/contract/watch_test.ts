/** Watching objects. */
import { ANY, invalid, ok, refused } from "./expected.ts";
import { changed, configMap, DIENGINE, dijob } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const OWN = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";
const make = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  send: "POST configmaps",
  body: configMap({ name, labels }),
});
const label = (name: string, team: string | null) => ({
  send: `PATCH configmaps/${name}`,
  type: "merge",
  body: { metadata: { labels: { team } } },
});
const remove = (name: string) => ({ send: `DELETE configmaps/${name}` });

const ROWS: readonly Expectation[] = [
  {
    it: "shows what is made, changed and deleted after a version",
    given: [configMap("a")],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [make("b"), label("a", "red"), remove("a")],
    sees: ["ADDED b", "MODIFIED a", "DELETED a"],
  },
  {
    it: "shows what has happened between a version and its start",
    given: [configMap("a")],
    after: [make("b"), { ...remove("b") }, { send: "GET configmaps/a", answers: ok() }],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    sees: ["ADDED b", "DELETED b"],
  },
  {
    it: "shows whole objects, each with a version of its own",
    given: [configMap("a")],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [{ send: "PUT configmaps/a", body: changed("a", { data: { x: "1" } }) }],
    sees: [(seen) => ({
      type: "MODIFIED",
      object: {
        kind: "ConfigMap",
        apiVersion: "v1",
        data: { x: "1" },
        metadata: { resourceVersion: seen("a").metadata.resourceVersion },
      },
    })],
  },
  {
    it: "shows the last state of what is deleted, at the version of its deletion",
    given: [configMap("a", { x: "1" })],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [remove("a")],
    sees: [{
      type: "DELETED",
      object: { data: { x: "1" }, metadata: { name: "a", resourceVersion: ANY } },
    }],
  },
  {
    it: "starts with what is there when it is given no version",
    given: [configMap("a"), configMap("b")],
    watch: `configmaps?${OWN}`,
    then: [make("c")],
    sees: ["ADDED a", "ADDED b", "ADDED c"],
  },
  {
    it: "starts with what is there at version 0",
    given: [configMap("a")],
    watch: `configmaps?${OWN}&resourceVersion=0`,
    then: [make("b")],
    sees: ["ADDED a", "ADDED b"],
  },
  {
    it: "lists first, and marks the end of the list with a bookmark",
    given: [configMap("a")],
    watch:
      `configmaps?${OWN}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    sees: ["ADDED a", {
      type: "BOOKMARK",
      object: {
        kind: "ConfigMap",
        apiVersion: "v1",
        metadata: { resourceVersion: ANY, annotations: { "k8s.io/initial-events-end": "true" } },
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
    it: "shows an object that leaves the selection as deleted, and one that enters as added",
    given: [
      configMap({ name: "a", labels: { team: "red" } }),
      configMap({ name: "b", labels: { team: "blue" } }),
    ],
    watch: (seen) =>
      `configmaps?labelSelector=team%3Dred&resourceVersion=${seen("b").metadata.resourceVersion}`,
    then: [
      label("a", "blue"),
      label("b", "red"),
      label("a", "green"),
      label("b", null),
      make("c", { team: "red" }),
    ],
    sees: ["DELETED a", "ADDED b", "DELETED b", "ADDED c"],
  },
  {
    it: "watches one object by its name",
    given: [configMap("a")],
    watch: (seen) =>
      `configmaps?fieldSelector=metadata.name%3Da&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    then: [make("b"), label("a", "red"), remove("b"), remove("a")],
    sees: ["MODIFIED a", "DELETED a"],
  },
  {
    it: "watches custom resources, their status too",
    given: [dijob("a")],
    watch: (seen) => `${DIENGINE}/dijobs?resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [
      {
        send: `PATCH ${DIENGINE}/dijobs/a/status`,
        type: "merge",
        body: { status: { phase: "Running" } },
      },
      { send: `DELETE ${DIENGINE}/dijobs/a` },
    ],
    sees: [
      { type: "MODIFIED", object: { kind: "DIJob", status: { phase: "Running" } } },
      "DELETED a",
    ],
  },
  {
    it: "shows the beginning of a deletion as a change",
    given: [configMap({ name: "a", finalizers: ["contract.opendilab.org/hold"] })],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [remove("a"), {
      send: "PATCH configmaps/a",
      type: "merge",
      body: { metadata: { finalizers: null } },
    }],
    sees: [{ type: "MODIFIED", object: { metadata: { deletionTimestamp: ANY } } }, "DELETED a"],
  },
  {
    it: "shows nothing for a write that changes nothing",
    given: [configMap("a", { x: "1" })],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [{ send: "PUT configmaps/a", body: changed("a", {}) }, make("b")],
    sees: ["ADDED b"],
  },
  {
    it: "shows nothing of a dry run",
    given: [configMap("a", { x: "1" })],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [{ send: "DELETE configmaps/a?dryRun=All" }, {
      send: "POST configmaps?dryRun=All",
      body: configMap("b"),
    }, make("c")],
    sees: ["ADDED c"],
  },
  {
    it: "ends after timeoutSeconds",
    given: [configMap("a")],
    send: (seen) =>
      `GET configmaps?watch=1&timeoutSeconds=1&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    answers: ok(),
  },
  {
    it: "refuses a version that is no number",
    send: "GET configmaps?watch=1&resourceVersion=x",
    answers: {
      status: 500,
      body: {
        message:
          'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
      },
    },
  },
  {
    it: "refuses a selector that it cannot read",
    send: "GET configmaps?watch=1&labelSelector=a%3D%3D%3Db",
    answers: refused(400, "BadRequest", /^unable to parse requirement: found '/),
  },
  {
    it: "watches by the old path as well",
    given: [configMap("a")],
    watch: (seen) =>
      `/api/v1/watch/namespaces/${seen("a").metadata.namespace}/configmaps?${OWN}&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    then: [make("b")],
    sees: ["ADDED b"],
  },
];

contract("watch", ROWS);
