/** `metadata.managedFields`: what the API server tells of those who write. */
import { ABSENT, ANY, created, invalid, named, ok, whole } from "./expected.ts";
import { configMap, DIENGINE, dijob, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Metadata that shows one writer by update, with these fields. */
function writtenBy(manager: string, fieldsV1: Fields): Fields {
  const entry = { manager, operation: "Update", apiVersion: "v1", time: ANY };
  const fields = { fieldsType: "FieldsV1", fieldsV1: whole(fieldsV1), subresource: ABSENT };
  return { managedFields: [{ ...entry, ...fields }] };
}

const BY_HAND = {
  manager: "hand",
  operation: "Apply",
  apiVersion: "v1",
  time: "2020-01-01T00:00:00Z",
  fieldsType: "FieldsV1",
  fieldsV1: { "f:data": { "f:x": {} } },
};
const OWN_CONTAINER = {
  ".": {},
  "f:image": {},
  "f:imagePullPolicy": {},
  "f:name": {},
  "f:resources": {},
  "f:terminationMessagePath": {},
  "f:terminationMessagePolicy": {},
};

const ROWS: readonly Expectation[] = [
  {
    it: "names who has made an object, and all that is in it",
    send: "POST configmaps?fieldManager=me",
    body: configMap({ name: "a", labels: { l: "1" }, finalizers: ["a.b/c"] }, { x: "1" }),
    answers: created({
      metadata: writtenBy("me", {
        "f:metadata": {
          "f:finalizers": { ".": {}, 'v:"a.b/c"': {} },
          "f:labels": { ".": {}, "f:l": {} },
        },
        "f:data": { ".": {}, "f:x": {} },
      }),
    }),
    then: [{
      send: "PATCH configmaps/a",
      type: "merge",
      body: { metadata: { finalizers: null } },
    }],
  },
  {
    it: "names the program where nobody is named",
    send: "POST configmaps",
    headers: { "user-agent": "tool/1.2 (linux)" },
    body: configMap("a", { x: "1" }),
    answers: created({ metadata: writtenBy("tool", { "f:data": { ".": {}, "f:x": {} } }) }),
  },
  {
    it: "names nobody where there is nothing to manage",
    send: "POST configmaps?fieldManager=me",
    body: configMap("a"),
    answers: created({ metadata: { managedFields: ABSENT } }),
  },
  {
    it: "counts a pod's defaults, and not what the server adds",
    send: "POST pods?fieldManager=me",
    body: pod("a"),
    answers: created({
      metadata: writtenBy("me", {
        "f:spec": {
          "f:automountServiceAccountToken": {},
          "f:containers": { 'k:{"name":"main"}': OWN_CONTAINER },
          "f:dnsPolicy": {},
          "f:enableServiceLinks": {},
          "f:restartPolicy": {},
          "f:schedulerName": {},
          "f:securityContext": {},
          "f:terminationGracePeriodSeconds": {},
        },
      }),
    }),
  },
  {
    it: "names a service's ports by number and protocol",
    send: "POST services?fieldManager=me",
    body: service("a", { selector: { x: "1" } }),
    answers: created({
      metadata: writtenBy("me", {
        "f:spec": {
          "f:clusterIP": {},
          "f:internalTrafficPolicy": {},
          "f:ports": {
            ".": {},
            'k:{"port":80,"protocol":"TCP"}': {
              ".": {},
              "f:port": {},
              "f:protocol": {},
              "f:targetPort": {},
            },
          },
          "f:selector": {},
          "f:sessionAffinity": {},
          "f:type": {},
        },
      }),
    }),
  },
  {
    it: "counts a custom resource's defaults",
    send: `POST ${DIENGINE}/dijobs?fieldManager=me`,
    body: dijob({ name: "a", labels: { l: "1" } }),
    answers: created({
      metadata: {
        managedFields: [{
          manager: "me",
          apiVersion: DIENGINE,
          fieldsV1: whole({
            "f:metadata": { "f:labels": { ".": {}, "f:l": {} } },
            "f:spec": {
              ".": {},
              "f:backoffLimit": {},
              "f:cleanPodPolicy": {},
              "f:coordinator": {
                ".": {},
                "f:template": { ".": {}, "f:spec": { ".": {}, "f:containers": {} } },
              },
              "f:suspend": {},
            },
          }),
        }],
      },
    }),
  },
  {
    it: "moves what another writer changes",
    after: [{ send: "POST configmaps?fieldManager=me", body: configMap("a", { x: "1", y: "1" }) }],
    send: "PATCH configmaps/a?fieldManager=you",
    type: "merge",
    body: { data: { x: "2", z: "1" } },
    answers: ok({
      metadata: {
        managedFields: [
          { manager: "me", fieldsV1: whole({ "f:data": { ".": {}, "f:y": {} } }) },
          { manager: "you", fieldsV1: whole({ "f:data": { "f:x": {}, "f:z": {} } }) },
        ],
      },
    }),
  },
  {
    it: "drops what nobody has any more, and who has nothing",
    after: [
      {
        send: "POST configmaps?fieldManager=me",
        body: configMap({ name: "a", labels: { l: "1" } }),
      },
      {
        send: "PATCH configmaps/a?fieldManager=you",
        type: "merge",
        body: { data: { x: "1" } },
      },
    ],
    send: "PATCH configmaps/a?fieldManager=they",
    type: "merge",
    body: { metadata: { labels: null } },
    answers: ok({ metadata: writtenBy("you", { "f:data": { ".": {}, "f:x": {} } }) }),
  },
  {
    it: "keeps the writers of a status apart, with their conditions",
    given: [pod("a")],
    send: "PATCH pods/a/status?fieldManager=me",
    type: "strategic",
    body: { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } },
    answers: ok({
      metadata: {
        managedFields: [ANY, {
          manager: "me",
          operation: "Update",
          subresource: "status",
          fieldsV1: whole({
            "f:status": {
              "f:conditions": {
                ".": {},
                'k:{"type":"Ready"}': {
                  ".": {},
                  "f:lastProbeTime": {},
                  "f:lastTransitionTime": {},
                  "f:status": {},
                  "f:type": {},
                },
              },
              "f:phase": {},
            },
          }),
        }],
      },
    }),
  },
  ...[[], [{}]].map((managedFields): Expectation => ({
    it: `forgets its record for ${JSON.stringify(managedFields)}, and keeps none from then on`,
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { managedFields } },
    answers: ok({ metadata: { managedFields: ABSENT } }),
    then: [{
      send: "PATCH configmaps/a",
      type: "merge",
      body: { data: { x: "2" } },
      answers: ok({ data: { x: "2" }, metadata: { managedFields: ABSENT } }),
    }],
  })),
  {
    it: "takes a record that a client brings",
    given: [configMap("a", { x: "1" })],
    send: "PATCH configmaps/a",
    type: "json",
    body: [{ op: "replace", path: "/metadata/managedFields", value: [BY_HAND] }],
    answers: ok({ metadata: { managedFields: [whole(BY_HAND)] } }),
  },
  {
    it: "keeps its own record where the client's makes no sense",
    after: [{ send: "POST configmaps?fieldManager=me", body: configMap("a", { x: "1" }) }],
    send: "PATCH configmaps/a",
    type: "merge",
    body: { metadata: { managedFields: [{ ...BY_HAND, operation: "Dictate" }] } },
    answers: ok({ metadata: writtenBy("me", { "f:data": { ".": {}, "f:x": {} } }) }),
  },
  {
    it: "keeps at creation what a record that the client brings says of others",
    send: "POST configmaps?fieldManager=me",
    body: configMap({ name: "a", managedFields: [BY_HAND] }, { y: "1" }),
    answers: created({
      metadata: {
        managedFields: [
          whole(BY_HAND),
          { manager: "me", fieldsV1: whole({ "f:data": { ".": {}, "f:y": {} } }) },
        ],
      },
    }),
  },
  {
    it: "makes one writer of the oldest when there are too many",
    after: [
      { send: "POST configmaps?fieldManager=m00", body: configMap("a", { x: "1" }) },
      ...Array.from({ length: 10 }, (_, index) => ({
        send: `PATCH configmaps/a?fieldManager=m${String(index + 1).padStart(2, "0")}`,
        type: "merge",
        body: { data: { [`k${index}`]: "1" } },
      })),
    ],
    send: "GET configmaps/a",
    answers: ok({
      metadata: {
        managedFields: named(
          [{
            manager: "ancient-changes",
            fieldsV1: whole({ "f:data": { ".": {}, "f:k0": {}, "f:x": {} } }),
          }],
          "manager",
        ),
      },
    }),
  },
  {
    it: "refuses a manager with too long a name",
    send: `POST configmaps?fieldManager=${"m".repeat(129)}`,
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "TooLong",
      "fieldManager",
      "Too long: may not be more than 128 bytes",
    ]),
  },
  {
    it: "refuses a manager with a name that cannot be shown",
    send: "POST configmaps?fieldManager=a%09b",
    body: configMap("a"),
    answers: {
      status: 422,
      body: { details: { causes: [{ message: /invalid character U\+0009 \(at position 1\)$/ }] } },
    },
  },
];

contract("list, managers", ROWS);
