/** Replacing objects. */
import { ABSENT, conflict, invalid, MODIFIED, notFound, ok, refused } from "./expected.ts";
import { changed, configMap, DIENGINE, dijob, merge, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const DIJOBS = "dijobs.diengine.opendilab.org";

const ROWS: readonly Expectation[] = [
  {
    it: "replaces an object and moves its resourceVersion",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a",
    body: changed("a", { data: { x: null, y: "2" } }),
    answers: (seen) =>
      ok({ metadata: { uid: seen("a").metadata.uid }, data: { x: ABSENT, y: "2" } }),
    then: [{
      send: "GET configmaps/a",
      answers: (seen) =>
        ok({ metadata: { resourceVersion: seen("a").metadata.resourceVersion }, data: { y: "2" } }),
    }],
  },
  {
    it: "leaves the resourceVersion of an object that stays the same",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a",
    body: changed("a", {}),
    answers: (seen) => ok({ metadata: { resourceVersion: seen("a").metadata.resourceVersion } }),
  },
  {
    it: "refuses a stale resourceVersion",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { resourceVersion: "1" } }),
    answers: conflict("configmaps", "a", MODIFIED),
  },
  {
    it: "names the group in a conflict over a custom resource",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a`,
    body: changed("a", { metadata: { resourceVersion: "1" }, spec: { group: "x" } }),
    answers: conflict(DIJOBS, "a", MODIFIED),
  },
  {
    it: "replaces a built-in object without looking when there is no resourceVersion",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a",
    body: configMap("a", { y: "2" }),
    answers: ok({ data: { x: ABSENT, y: "2" } }),
  },
  {
    it: "refuses a custom resource without resourceVersion",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a`,
    body: dijob("a"),
    answers: invalid(DIJOBS, "a", [
      "Invalid",
      "metadata.resourceVersion",
      "Invalid value: 0: must be specified for an update",
    ]),
  },
  {
    it: "refuses a resourceVersion that is no number",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { resourceVersion: "x" } }),
    answers: { status: 500, body: { message: 'strconv.ParseUint: parsing "x": invalid syntax' } },
  },
  {
    it: "refuses another uid",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { uid: "other" } }),
    answers: {
      status: 409,
      body: {
        reason: "Conflict",
        details: { name: "a", kind: "configmaps" },
        message:
          /Precondition failed: UID in precondition: other, UID in object meta: [-0-9a-f]{36}$/,
      },
    },
  },
  {
    it: "refuses another name than the path's",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: configMap("b"),
    answers: refused(
      400,
      "BadRequest",
      "the name of the object (b) does not match the name on the URL (a)",
    ),
  },
  {
    it: "does not make an object that is not there",
    send: "PUT configmaps/a",
    body: configMap("a"),
    answers: notFound("configmaps", "a"),
  },
  {
    it: "keeps the creation time",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { creationTimestamp: "2001-01-01T00:00:00Z" } }),
    answers: ok({ metadata: { creationTimestamp: /^20[2-9]/ } }),
  },
  {
    it: "stores nothing with dryRun=All",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a?dryRun=All",
    body: changed("a", { data: { x: "2" } }),
    answers: ok({ data: { x: "2" } }),
    then: [{ send: "GET configmaps/a", answers: ok({ data: { x: "1" } }) }],
  },
  {
    it: "keeps a pod's status when the pod is written",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", { metadata: { labels: { x: "1" } }, status: { phase: "Running" } }),
    answers: ok({ metadata: { labels: { x: "1" } }, status: { phase: "Pending" } }),
  },
  {
    it: "keeps a pod's spec when its status is written",
    given: [pod("a")],
    send: "PUT pods/a/status",
    body: changed("a", {
      spec: { activeDeadlineSeconds: 5 },
      status: { phase: "Running", message: "hi" },
    }),
    answers: ok({
      spec: { activeDeadlineSeconds: ABSENT },
      status: { phase: "Running", message: "hi" },
    }),
  },
  {
    it: "keeps a custom resource's status when its spec is written, and counts the change",
    given: [dijob("a")],
    after: [{
      send: `PUT ${DIENGINE}/dijobs/a/status`,
      body: changed("a", { status: { phase: "Running" } }),
      answers: ok({ metadata: { generation: 1 } }),
    }],
    send: `PUT ${DIENGINE}/dijobs/a`,
    body: changed("a", { spec: { group: "x" }, status: { phase: "Failed" } }),
    answers: ok({
      metadata: { generation: 2 },
      spec: { group: "x" },
      status: { phase: "Running" },
    }),
  },
  {
    it: "keeps a custom resource's spec and labels when its status is written",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a/status`,
    body: changed("a", {
      metadata: { labels: { x: "1" } },
      spec: { group: "x" },
      status: { phase: "Running" },
    }),
    answers: ok({
      metadata: { generation: 1, labels: ABSENT },
      spec: { group: ABSENT },
      status: { phase: "Running" },
    }),
  },
  {
    it: "does not count a change of labels",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a`,
    body: changed("a", { metadata: { labels: { x: "1" } } }),
    answers: ok({ metadata: { generation: 1, labels: { x: "1" } } }),
  },
  {
    it: "refuses another command for a pod's container",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", {
      spec: { containers: [{ name: "main", image: "nowhere/none:1", command: ["x"] }] },
    }),
    answers: refused(
      422,
      "Invalid",
      /^Pod "a" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,`spec.initContainers\[\*\].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \(only additions to existing tolerations\),`spec.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n/,
      {
        name: "a",
        kind: "Pod",
        causes: [{
          reason: "FieldValueForbidden",
          message: /^Forbidden: pod updates/,
          field: "spec",
        }],
      },
    ),
  },
  {
    it: "takes another image for a pod's container",
    given: [pod("a")],
    send: "PUT pods/a",
    body: (seen) => JSON.parse(JSON.stringify(seen("a")).replace("none:1", "none:2")),
    answers: ok({
      spec: { containers: [{ image: "nowhere/none:2" }] },
      metadata: { generation: 2 },
    }),
  },
  {
    it: "refuses another number of containers",
    given: [pod("a")],
    send: "PUT pods/a",
    body: (seen) =>
      merge(seen("a"), {
        spec: {
          containers: [{ name: "main", image: "nowhere/none:1" }, { name: "more", image: "x" }],
        },
      }),
    answers: invalid("Pod", "a", [
      "Forbidden",
      "spec.containers",
      "Forbidden: pod updates may not add or remove containers",
    ]),
  },
  {
    it: "refuses to move a pod to another node",
    given: [pod("a", { nodeName: "n1" })],
    send: "PUT pods/a",
    body: changed("a", { spec: { nodeName: "n2" } }),
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        details: { causes: [{ field: "spec", reason: "FieldValueForbidden" }] },
      },
    },
  },
  {
    it: "refuses another address for a service",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { clusterIP: "10.0.77.77", clusterIPs: ["10.0.77.77"] } }),
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        details: {
          causes: [{
            field: "spec.clusterIPs[0]",
            reason: "FieldValueInvalid",
            message: /: may not change once set$/,
          }],
        },
      },
    },
  },
  {
    it: "takes other ports for a service",
    given: [service("a")],
    send: "PUT services/a",
    body: changed("a", { spec: { ports: [{ port: 81 }] } }),
    answers: ok({ spec: { ports: [{ port: 81, targetPort: 81, protocol: "TCP" }] } }),
  },
  {
    it: "does not let a write delete an object",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { deletionTimestamp: "2030-01-01T00:00:00Z" } }),
    answers: {
      status: 422,
      body: {
        message: 'ConfigMap "a" is invalid: metadata.deletionTimestamp: Invalid value: ' +
          '"2030-01-01T00:00:00Z": field is immutable',
      },
    },
  },
];

contract("update", ROWS);
