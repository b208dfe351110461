/** Watching objects. */
import { ABSENT, ANY, ok, refused } from "./expected.ts";
import { label, make, OWN, remove } from "./config_maps.ts";
import { changed, configMap, DIENGINE, dijob, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const bind = (name: string, node: string) => ({
  send: `POST pods/${name}/binding`,
  body: { metadata: { name }, target: { kind: "Node", name: node } },
});
const phase = (name: string, value: string) => ({
  send: `PATCH pods/${name}/status`,
  type: "merge",
  body: { status: { phase: value } },
});

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
    it: "shows the deletion of a pod as a change first, even where it goes at once",
    given: [pod("a"), pod("b")],
    watch: (seen) => `pods?resourceVersion=${seen("b").metadata.resourceVersion}`,
    then: [{ send: "DELETE pods/a" }, { send: "DELETE pods/b?gracePeriodSeconds=0" }],
    sees: [
      {
        type: "MODIFIED",
        object: {
          metadata: { name: "a", deletionTimestamp: ANY, deletionGracePeriodSeconds: 0 },
        },
      },
      { type: "DELETED", object: { metadata: { name: "a", deletionTimestamp: ANY } } },
      { type: "MODIFIED", object: { metadata: { name: "b", deletionGracePeriodSeconds: 0 } } },
      { type: "DELETED", object: { metadata: { name: "b", deletionGracePeriodSeconds: 0 } } },
    ],
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
  {
    it: "goes on from a page of a list",
    given: [configMap("a"), configMap("b")],
    after: [{ send: `GET configmaps?${OWN}&limit=1`, answers: ok({ items: [ANY] }) }, make("c")],
    watch: (seen) =>
      `configmaps?${OWN}&resourceVersion=${seen("ConfigMapList").metadata.resourceVersion}`,
    then: [make("d")],
    sees: ["ADDED c", "ADDED d"],
  },
  {
    it: "goes on from the second page of a list, which has the version of the first",
    given: [configMap("a"), configMap("b")],
    after: [
      { send: `GET configmaps?${OWN}&limit=1` },
      make("c"),
      {
        send: (seen) =>
          `GET configmaps?${OWN}&limit=1&continue=${seen("ConfigMapList").metadata["continue"]}`,
      },
    ],
    watch: (seen) =>
      `configmaps?${OWN}&resourceVersion=${seen("ConfigMapList").metadata.resourceVersion}`,
    then: [make("d")],
    sees: ["ADDED c", "ADDED d"],
  },
  {
    it: "shows a pod that comes to a node as added for that node",
    given: [pod("a"), pod("b")],
    watch: (seen) =>
      `pods?fieldSelector=spec.nodeName%3Dn1&resourceVersion=${seen("b").metadata.resourceVersion}`,
    then: [bind("b", "n2"), bind("a", "n1")],
    sees: ["ADDED a"],
  },
  {
    it: "shows a pod that comes to a node as deleted from those without",
    given: [pod("a")],
    watch: (seen) =>
      `pods?fieldSelector=spec.nodeName%3D&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [bind("a", "n1")],
    sees: [{ type: "DELETED", object: { metadata: { name: "a" }, spec: { nodeName: ABSENT } } }],
  },
  {
    it: "follows the phase of pods",
    given: [pod("a"), pod("b")],
    watch: (seen) =>
      `pods?fieldSelector=status.phase%3DRunning&resourceVersion=${
        seen("b").metadata.resourceVersion
      }`,
    then: [phase("a", "Running"), phase("b", "Failed"), phase("a", "Succeeded")],
    sees: ["ADDED a", "DELETED a"],
  },
  {
    it: "shows what leaves the selection as it was, at the version of the change",
    given: [configMap({ name: "a", labels: { team: "red" } }, { x: "1" })],
    watch: (seen) =>
      `configmaps?labelSelector=team%3Dred&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [label("a", "blue")],
    sees: [(seen) => ({
      type: "DELETED",
      object: {
        data: { x: "1" },
        metadata: {
          labels: { team: "red" },
          resourceVersion: seen("a").metadata.resourceVersion,
        },
      },
    })],
  },
  {
    it: "selects by sets of labels and by their absence",
    given: [configMap("a")],
    watch: (seen) =>
      `configmaps?labelSelector=team+in+(red,blue),!old&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    then: [
      make("b", { team: "green" }),
      make("c", { team: "blue" }),
      make("d", { team: "red", old: "" }),
      make("e", { team: "red" }),
    ],
    sees: ["ADDED c", "ADDED e"],
  },
  {
    it: "refuses fields that cannot be selected by",
    send: "GET configmaps?watch=1&fieldSelector=data.x%3D1",
    answers: refused(
      400,
      "BadRequest",
      '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
  },
  {
    it: "refuses a time limit that is no number",
    send: "GET configmaps?watch=1&timeoutSeconds=x",
    answers: { status: 400, body: { reason: "BadRequest" } },
  },
  {
    it: "shows each deletion of a collection",
    given: [configMap("a"), configMap("b")],
    watch: (seen) => `configmaps?${OWN}&resourceVersion=${seen("b").metadata.resourceVersion}`,
    then: [{ send: `DELETE configmaps?${OWN}` }],
    sees: [{ type: "DELETED" }, { type: "DELETED" }],
  },
  {
    it: "watches all namespaces at once",
    given: [configMap("a")],
    watch: (seen) =>
      `/api/v1/configmaps?labelSelector=ns%3D${seen("a").metadata.namespace}&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    then: [{
      send: "POST configmaps",
      body: (seen) =>
        configMap({ name: "b", labels: { ns: String(seen("a").metadata.namespace) } }),
    }],
    sees: ["ADDED b"],
  },
  {
    it: "watches kinds of the whole cluster",
    given: [configMap("a")],
    watch: (seen) =>
      `/api/v1/namespaces?fieldSelector=metadata.name%3D${
        seen("a").metadata.namespace
      }&resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [{
      send: (seen) => `PATCH /api/v1/namespaces/${seen("a").metadata.namespace}`,
      type: "merge",
      body: { metadata: { labels: { team: "red" } } },
    }],
    sees: [{
      type: "MODIFIED",
      object: { kind: "Namespace", metadata: { labels: { team: "red" } } },
    }],
  },
  {
    it: "gives one object, and no watch, at the path of that object",
    given: [configMap("a", { x: "1" })],
    send: "GET configmaps/a?watch=1",
    answers: ok({ kind: "ConfigMap", data: { x: "1" } }),
  },
  {
    it: "shows nothing as long as the version is yet to come",
    send: "GET configmaps?watch=1&timeoutSeconds=1&resourceVersion=999999999999",
    answers: ok(""),
  },
];

contract("watch", ROWS);
