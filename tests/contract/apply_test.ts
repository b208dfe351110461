/** Server-side apply: each manager says what it wants, and owns what it has said. */
import { ABSENT, ANY, conflict, created, invalid, ok, refused } from "./expected.ts";
import { applies, share } from "./applies.ts";
import { configMap, object, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";
import { define } from "./widgets.ts";

const ROWS: readonly Expectation[] = [
  {
    it: "makes an object that is not there",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap("a", { x: "1" }),
    answers: created({ metadata: { name: "a", uid: ANY }, data: { x: "1" } }),
  },
  {
    it: "changes an object that is there",
    after: [{
      send: "PATCH configmaps/a?fieldManager=me",
      type: "apply",
      body: configMap("a", { x: "1", y: "2" }),
    }],
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap("a", { x: "3", y: "2" }),
    answers: ok({ data: { x: "3", y: "2" } }),
  },
  {
    it: "takes away what its manager no longer names",
    after: [{
      send: "PATCH configmaps/a?fieldManager=me",
      type: "apply",
      body: configMap("a", { x: "1", y: "2" }),
    }],
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap("a", { y: "2" }),
    answers: ok({ data: { x: ABSENT, y: "2" } }),
  },
  {
    it: "refuses what another manager owns, unless forced",
    after: [{
      send: "PATCH configmaps/a?fieldManager=me",
      type: "apply",
      body: configMap("a", { x: "1" }),
    }],
    send: "PATCH configmaps/a?fieldManager=you",
    type: "apply",
    body: configMap("a", { x: "2" }),
    answers: {
      status: 409,
      body: { reason: "Conflict", message: /conflict with "me": \.data\.x/ },
    },
    then: [{
      send: "PATCH configmaps/a?fieldManager=you&force=true",
      type: "apply",
      body: configMap("a", { x: "2" }),
      answers: ok({ data: { x: "2" } }),
    }],
  },
  {
    it: "refuses to work without fieldManager",
    send: "PATCH configmaps/a",
    type: "apply",
    body: configMap("a"),
    answers: invalid("PatchOptions.meta.k8s.io", "", [
      "Required",
      "fieldManager",
      "Required value: is required for apply patch",
    ]),
  },
  {
    it: "tells what each manager owns",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap("a", { x: "1" }),
    answers: created({
      metadata: {
        managedFields: [{
          manager: "me",
          operation: "Apply",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: { "f:data": { "f:x": {} } },
        }],
      },
    }),
  },
  {
    it: "leaves what others have written",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap("a", { y: "2" }),
    answers: ok({ data: { x: "1", y: "2" } }),
  },
  {
    it: "lets two managers own the same value",
    after: [{
      send: "PATCH configmaps/a?fieldManager=me",
      type: "apply",
      body: configMap("a", { x: "1" }),
    }],
    send: "PATCH configmaps/a?fieldManager=you",
    type: "apply",
    body: configMap("a", { x: "1" }),
    answers: ok({ data: { x: "1" } }),
    then: [{
      send: "PATCH configmaps/a?fieldManager=me",
      type: "apply",
      body: configMap("a", {}),
      answers: ok({ data: { x: "1" } }),
    }],
  },
  {
    it: "stores nothing with dryRun=All",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a?fieldManager=me&dryRun=All",
    type: "apply",
    body: configMap("a", { y: "2" }),
    answers: ok({ data: { x: "1", y: "2" } }),
    then: [{ send: "GET configmaps/a", answers: ok({ data: { y: ABSENT } }) }],
  },
  {
    it: "names all owners of what is contested, and each field of theirs",
    after: [applies("one", { x: "1", y: "1" }), applies("two", { x: "1" })],
    ...applies("three", { x: "2", y: "2" }),
    answers: refused(
      409,
      "Conflict",
      'Apply failed with 3 conflicts: conflicts with "one":\n- .data.x\n- .data.y\nconflicts with "two":\n- .data.x',
      ANY,
    ),
  },
  {
    it: "takes ownership away by force",
    after: [applies("me", { x: "1", y: "1" })],
    ...applies("you", { x: "2" }, "&force=true"),
    answers: ok({
      metadata: {
        managedFields: [
          share("me", "Apply", { "f:data": { "f:y": {} } }),
          share("you", "Apply", { "f:data": { "f:x": {} } }),
        ],
      },
    }),
  },
  {
    it: "respects what an update has written",
    given: [configMap("a", { x: "1" })],
    after: [{
      send: "PATCH configmaps/a?fieldManager=writer",
      type: "merge",
      body: { data: { x: "2" } },
    }],
    ...applies("me", { x: "3" }),
    answers: refused(
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "writer" using v1: .data.x',
      {
        causes: [{
          reason: "FieldManagerConflict",
          message: 'conflict with "writer" using v1',
          field: ".data.x",
        }],
      },
    ),
  },
  {
    it: "loses to an update what that changes",
    after: [applies("me", { x: "1", y: "1" })],
    send: "PATCH configmaps/a?fieldManager=writer",
    type: "merge",
    body: { data: { x: "2" } },
    answers: ok({
      metadata: {
        managedFields: [
          share("me", "Apply", { "f:data": { "f:y": {} } }),
          share("writer", "Update", { "f:data": { "f:x": {} } }),
        ],
      },
    }),
  },
  {
    it: "keeps one entry for each manager, operation and subresource",
    given: [pod("a")],
    after: [{
      send: "PATCH pods/a/status?fieldManager=me",
      type: "merge",
      body: { status: { phase: "Running" } },
    }],
    send: "PATCH pods/a?fieldManager=me",
    type: "apply",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name: "a", labels: { x: "1" } } },
    answers: ok({
      metadata: {
        managedFields: [
          share("me", "Apply", { "f:metadata": { "f:labels": { "f:x": {} } } }),
          { operation: "Update" },
          share("me", "Update", { "f:status": { "f:phase": {} } }, { subresource: "status" }),
        ],
      },
    }),
  },
  {
    it: "leaves the resourceVersion when nothing changes",
    after: [applies("me", { x: "1" })],
    ...applies("me", { x: "1" }),
    answers: (seen) => ok({ metadata: { resourceVersion: seen("a").metadata.resourceVersion } }),
  },
  {
    it: "refuses a stale resourceVersion",
    given: [configMap("a")],
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap({ name: "a", resourceVersion: "1" }),
    answers: {
      status: 409,
      body: { reason: "Conflict", message: /the object has been modified/ },
    },
  },
  {
    it: "makes no object anew that is named by its uid",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap({ name: "a", uid: "u" }),
    answers: conflict(
      "configmaps",
      "a",
      "uid mismatch: the provided object specified uid u, and no existing object was found",
    ),
  },
  {
    it: "refuses fields that the kind does not have",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: { ...configMap("a"), nonsense: 1 },
    answers: {
      status: 500,
      body: { status: "Failure", message: /nonsense: field not declared in schema$/ },
    },
  },
  {
    it: "refuses a record of managers in what is applied",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: configMap({ name: "a", managedFields: [{ manager: "you" }] }),
    answers: refused(400, "BadRequest", "metadata.managedFields must be nil"),
  },
  {
    it: "refuses another kind",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: { apiVersion: "v1", kind: "Secret", metadata: { name: "a" } },
    answers: refused(400, "BadRequest", "invalid object type: /v1, Kind=Secret"),
  },
  {
    it: "reads YAML",
    send: "PATCH configmaps/a?fieldManager=me",
    type: "apply",
    body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    one\n",
    answers: created({ data: { x: "one\n" } }),
  },
  {
    it: "refuses force for other patches",
    given: [configMap("a")],
    send: "PATCH configmaps/a?force=true",
    type: "merge",
    body: {},
    answers: invalid("PatchOptions.meta.k8s.io", "", [
      "Forbidden",
      "force",
      "Forbidden: may not be specified for non-apply patch",
    ]),
  },
  {
    it: "gives what was there without a record to a manager of its own",
    given: [configMap("a", { x: "1", y: "1" })],
    after: [{
      send: "PATCH configmaps/a",
      type: "merge",
      body: { metadata: { managedFields: [{}] } },
      answers: ok({ metadata: { managedFields: ABSENT } }),
    }],
    ...applies("me", { x: "1" }),
    answers: ok({
      metadata: {
        managedFields: [
          // Who agrees with all that is there has written at no time.
          share("me", "Apply", { "f:data": { "f:x": {} } }, { time: ABSENT }),
          share("before-first-apply", "Update", { "f:data": { ".": {}, "f:x": {}, "f:y": {} } }),
        ],
      },
    }),
  },
  {
    it: "names the subresource by which the owner has written",
    given: [pod("a")],
    after: [{
      send: "PATCH pods/a/status?fieldManager=kubelet",
      type: "merge",
      body: { status: { message: "one" } },
    }],
    send: "PATCH pods/a/status?fieldManager=me",
    type: "apply",
    body: object("v1", "Pod", "a", { status: { message: "two" } }),
    answers: refused(
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "kubelet" with subresource "status" using v1: .status.message',
      ANY,
    ),
  },
];

contract("apply", ROWS, define);
