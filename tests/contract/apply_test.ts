/** Server-side apply: each manager says what it wants, and owns what it has said. */
import { ABSENT, ANY, created, invalid, ok } from "./expected.ts";
import { configMap, DIENGINE, dijob, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

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
    it: "merges the items of a list by their keys",
    after: [{
      send: "PATCH services/a?fieldManager=me",
      type: "apply",
      body: service("a", { ports: [{ port: 1, name: "one", protocol: "TCP" }] }),
    }],
    send: "PATCH services/a?fieldManager=you",
    type: "apply",
    body: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a" },
      spec: { ports: [{ port: 2, name: "two", protocol: "TCP" }] },
    },
    answers: ok({ spec: { ports: [{ port: 1, name: "one" }, { port: 2, name: "two" }] } }),
  },
  {
    it: "applies custom resources",
    send: `PATCH ${DIENGINE}/dijobs/a?fieldManager=me`,
    type: "apply",
    body: dijob("a", { group: "x" }),
    answers: created({
      metadata: { generation: 1 },
      spec: { group: "x", cleanPodPolicy: "Running" },
    }),
    then: [{
      send: `PATCH ${DIENGINE}/dijobs/a?fieldManager=me`,
      type: "apply",
      body: dijob("a"),
      answers: ok({ metadata: { generation: 2 }, spec: { group: ABSENT } }),
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
];

contract("apply", ROWS);
