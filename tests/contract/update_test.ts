/** Replacing objects: versions, names, and what is kept. */
import {
  ABSENT,
  badRequest,
  conflict,
  invalid,
  MODIFIED,
  notFound,
  ok,
  refused,
} from "./expected.ts";
import { changed, configMap, DIENGINE, dijob, pod } from "./objects.ts";
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
  {
    it: "takes a resourceVersion of 0 for none",
    given: [configMap("a", { x: "1" })],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { resourceVersion: "0" }, data: { x: "2" } }),
    answers: ok({ data: { x: "2" } }),
  },
  {
    it: "refuses a resourceVersion from the future",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { resourceVersion: "99999999" } }),
    answers: conflict("configmaps", "a", MODIFIED),
  },
  {
    it: "refuses a status of a stale resourceVersion",
    given: [pod("a")],
    send: "PUT pods/a/status",
    body: changed("a", { metadata: { resourceVersion: "1" }, status: { phase: "Running" } }),
    answers: conflict("pods", "a", MODIFIED),
  },
  {
    it: "takes a custom resource's status only with a resourceVersion",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a/status`,
    body: changed("a", { metadata: { resourceVersion: null }, status: { phase: "Running" } }),
    answers: {
      status: 422,
      body: { details: { causes: [{ field: "metadata.resourceVersion" }] } },
    },
  },
  {
    it: "refuses a body without a name",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: { data: { x: "1" } },
    answers: badRequest(
      "the name of the object (a based on URL) was undeterminable: name must be provided",
    ),
  },
  {
    it: "refuses another namespace than the path's",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { namespace: "other" } }),
    answers: badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    ),
  },
  {
    it: "refuses a bad label",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { labels: { "a b": "x" } } }),
    answers: { status: 422, body: { reason: "Invalid", details: { name: "a" } } },
  },
  {
    it: "warns of a field that is there twice",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    body: '{"metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    answers: {
      status: 200,
      body: { data: { x: "2" } },
      headers: { warning: '299 - "duplicate field \\"data.x\\""' },
    },
  },
  {
    it: "refuses unknown fields with fieldValidation=Strict",
    given: [configMap("a")],
    send: "PUT configmaps/a?fieldValidation=Strict",
    body: changed("a", { datum: 1 }),
    answers: badRequest(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datum"',
    ),
  },
  ...["merge", "json"].map((type): Expectation => ({
    it: `refuses a ${type} patch with a field that is there twice with fieldValidation=Strict`,
    given: [configMap("a")],
    send: "PATCH configmaps/a?fieldValidation=Strict",
    type,
    body: type === "merge"
      ? '{"data":{"x":"1","x":"2"},"datum":{"y":1,"y":2}}'
      : '[{"op":"add","op":"add","path":"/datum","value":{}}]',
    answers: refused(
      422,
      "Invalid",
      type === "merge"
        ? /^ "" is invalid: patch: Invalid value: ".*": strict decoding error: duplicate field "data.x", duplicate field "datum.y", unknown field "datum"$/
        : /^ "" is invalid: patch: Invalid value: ".*": strict decoding error: json patch duplicate field "\[0\].op", unknown field "datum"$/,
      { causes: [{ reason: "FieldValueInvalid", field: "patch", message: /^Invalid value: / }] },
    ),
  })),
  {
    it: "shows a strategic patch as it was read when a field is there twice",
    given: [configMap("a")],
    send: "PATCH configmaps/a?fieldValidation=Strict",
    type: "strategic",
    body: '{"data":{"x":"1","x":"2"},"metadata":{"finalizers":["a/b","a/c"]}}',
    answers: invalid("", "", [
      "Invalid",
      "patch",
      'Invalid value: "map[data:map[x:2] metadata:map[finalizers:[a/b a/c]]]": strict decoding error: ' +
      'duplicate field "data.x"',
    ]),
  },
  {
    it: "warns of a patch with a field that is there twice",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: '{"data":{"x":"1","x":"2"}}',
    answers: { status: 200, headers: { warning: '299 - "duplicate field \\"data.x\\""' } },
  },
  {
    it: "refuses to apply a key that is there twice with fieldValidation=Strict",
    send: "PATCH configmaps/a?fieldManager=me&fieldValidation=Strict",
    type: "apply",
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    answers: badRequest(
      "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n" +
        '  line 1: key "x" already set in map',
    ),
  },
  {
    it: "warns of a key that is there twice in what is applied",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: '1'\n  x: '2'\n",
    answers: {
      status: 201,
      body: { data: { x: "2" } },
      headers: { warning: '299 - "line 6: key \\"x\\" already set in map"' },
    },
  },
  {
    it: "answers with the stored version with dryRun=All",
    given: [configMap("a")],
    send: "PUT configmaps/a?dryRun=All",
    body: changed("a", { data: { x: "2" } }),
    answers: (seen) =>
      ok({ metadata: { resourceVersion: seen("a").metadata.resourceVersion }, data: { x: "2" } }),
  },
  {
    it: "takes another generateName, and no other generation",
    given: [pod("a")],
    send: "PUT pods/a",
    body: changed("a", { metadata: { generateName: "x-", generation: 77 } }),
    answers: ok({ metadata: { generateName: "x-", generation: 1 } }),
  },
];

contract("update", ROWS);
