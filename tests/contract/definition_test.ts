/** Definitions of custom resources: what becomes of them. */
import { ABSENT, ANY, created, invalid, named, notFound, ok, refused } from "./expected.ts";
import type { Exchange } from "./exchange.ts";
import { DEFINITIONS, thingDefinition } from "./gizmos.ts";
import { contract, type Expectation } from "./suite.ts";
import { GROUP } from "./widgets.ts";

type Fields = Readonly<Record<string, unknown>>;

const withA = (a: Fields): Fields => ({ type: "object", properties: { a } });
const OBJECT = { type: "object" };

/** A group of a row's own, with the definition of things in it and the path of one. */
function things(row: string, spec: Fields, more: Fields = {}) {
  const group = `${row}.${GROUP}`;
  const path = `${group}/v1/things`;
  const thing = (name: string, value: Fields, metadata: Fields = {}) => ({
    apiVersion: `${group}/v1`,
    kind: "Thing",
    metadata: { name, ...metadata },
    spec: value,
  });
  const definition = `${DEFINITIONS}/things.${group}`;
  const define: Exchange = {
    send: `POST ${DEFINITIONS}`,
    body: thingDefinition(group, spec, more),
  };
  const served: Exchange = { send: `GET /apis/${path}`, eventually: true, answers: ok() };
  return { group, path, thing, definition, define, served };
}

const changing = things("changing", withA({ type: "string", maxLength: 9 }));
const stricter = things("stricter", {
  type: "object",
  properties: {
    a: { type: "string", maxLength: 9 },
    b: { type: "string" },
    list: {
      type: "array",
      items: {
        type: "object",
        required: ["k"],
        properties: { k: { type: "string" }, v: { type: "string", maxLength: 9 } },
      },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["k"],
    },
  },
});
const dying = things("dying", OBJECT);
const columns = things("columns", withA({ type: "integer" }));
const crowded = things("crowded", OBJECT);
const renamed = things("renamed", OBJECT);
const fixed = things("fixed", OBJECT);
const ruled = things("ruled", {
  type: "object",
  properties: { a: { type: "string", maxLength: 9 }, b: { type: "string" } },
});
const short = things("short", OBJECT, {
  names: { kind: "Thing", plural: "things", shortNames: ["sh"] },
});
const stored = things("stored", OBJECT);
const selected = things("selected", withA({ type: "string" }), {
  versions: [{
    name: "v1",
    served: true,
    storage: true,
    schema: {
      openAPIV3Schema: { type: "object", properties: { spec: withA({ type: "string" }) } },
    },
    selectableFields: [{ jsonPath: ".spec.a" }],
  }],
});
const LONG = "123456";

/** Lets texts have 3 characters at most from now on. */
const shorten = (definition: string, field: string): Exchange => ({
  send: `PATCH ${definition}`,
  type: "json",
  body: [{
    op: "replace",
    path: `/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/${field}/maxLength`,
    value: 3,
  }],
});

const ROWS: readonly Expectation[] = [
  {
    it: "fills in names and how to convert",
    send: `POST ${DEFINITIONS}?dryRun=All`,
    body: thingDefinition(`filled.${GROUP}`, OBJECT),
    answers: created({
      spec: {
        names: { kind: "Thing", plural: "things", singular: "thing", listKind: "ThingList" },
        conversion: { strategy: "None" },
      },
    }),
  },
  {
    it: "follows a change of the schema",
    after: [
      changing.define,
      changing.served,
      { send: `POST ${changing.path}`, eventually: true, body: changing.thing("a", { a: LONG }) },
      shorten(changing.definition, "a"),
    ],
    send: `POST ${changing.path}?dryRun=All`,
    eventually: true,
    body: changing.thing("b", { a: LONG }),
    answers: invalid(`Thing.changing.${GROUP}`, "b", [
      "TooLong",
      "spec.a",
      "Too long: may not be more than 3 bytes",
    ]),
  },
  {
    it: "lets stand what became wrong by a stricter schema, until it is changed",
    after: [
      stricter.define,
      stricter.served,
      {
        send: `POST ${stricter.path}`,
        eventually: true,
        body: stricter.thing("a", { a: LONG, list: [{ k: "x", v: LONG }] }),
      },
      shorten(stricter.definition, "a"),
      shorten(stricter.definition, "list/items/properties/v"),
      {
        send: `POST ${stricter.path}?dryRun=All`,
        eventually: true,
        body: stricter.thing("b", { list: [{ k: "x", v: LONG }] }),
        answers: { status: 422 },
      },
      {
        send: `PATCH ${stricter.path}/a`,
        type: "merge",
        body: { spec: { b: "new", list: [{ k: "y" }, { k: "x", v: LONG }] } },
        answers: ok({ spec: { a: LONG, b: "new" } }),
      },
    ],
    send: `PATCH ${stricter.path}/a`,
    type: "merge",
    body: { spec: { a: `${LONG}7` } },
    answers: invalid(`Thing.stricter.${GROUP}`, "a", [
      "TooLong",
      "spec.a",
      "Too long: may not be more than 3 bytes",
    ]),
  },
  {
    it: "follows a change of the columns",
    after: [
      columns.define,
      columns.served,
      {
        send: `PATCH ${columns.definition}`,
        type: "json",
        body: [{
          op: "add",
          path: "/spec/versions/0/additionalPrinterColumns",
          value: [{ name: "A", type: "integer", jsonPath: ".spec.a" }],
        }],
      },
    ],
    send: `GET ${columns.path}`,
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
    eventually: true,
    answers: ok({ columnDefinitions: [{ name: "Name" }, { name: "A", type: "integer" }] }),
  },
  {
    it: "does not serve a definition whose kind another one has",
    after: [crowded.define, crowded.served, {
      send: `POST ${DEFINITIONS}`,
      body: {
        ...thingDefinition(crowded.group, OBJECT, { names: { kind: "Thing", plural: "objects" } }),
        metadata: { name: `objects.${crowded.group}` },
      },
    }],
    send: `GET ${DEFINITIONS}/objects.${crowded.group}`,
    eventually: true,
    answers: ok({
      status: {
        acceptedNames: { plural: "objects", kind: "" },
        conditions: [
          {
            type: "NamesAccepted",
            status: "False",
            reason: "ListKindConflict",
            message: '"ThingList" is already in use',
          },
          {
            type: "Established",
            status: "False",
            reason: "NotAccepted",
            message: "not all names are accepted",
          },
        ],
      },
    }),
    then: [{
      eventually: true,
      send: `GET /apis/${crowded.group}/v1/objects`,
      answers: { status: 404 },
    }],
  },
  {
    it: "takes new short names of a definition up",
    after: [renamed.define, renamed.served, {
      send: `PATCH ${renamed.definition}`,
      type: "merge",
      body: { spec: { names: { shortNames: ["tg"] } } },
    }],
    send: `GET /apis/${renamed.group}/v1`,
    eventually: true,
    answers: ok({ resources: named([{ name: "things", shortNames: ["tg"] }]) }),
  },
  {
    it: "refuses another scope of a definition that is served",
    after: [fixed.define, fixed.served],
    send: `PATCH ${fixed.definition}`,
    type: "merge",
    body: { spec: { scope: "Cluster" } },
    answers: refused(
      422,
      "Invalid",
      /spec\.scope: Invalid value: "Cluster": field is immutable/,
      ANY,
    ),
  },
  {
    it: "keeps a definition that is deleted until its objects are gone, and makes no new ones",
    after: [
      dying.define,
      dying.served,
      {
        send: `POST ${dying.path}`,
        eventually: true,
        body: dying.thing("held", {}, { finalizers: ["contract.opendilab.org/hold"] }),
      },
      { send: `DELETE ${dying.definition}` },
      {
        send: `GET ${dying.definition}`,
        eventually: true,
        answers: ok({
          metadata: { deletionTimestamp: ANY },
          status: {
            conditions: named([{
              type: "Terminating",
              status: "True",
              reason: "InstanceDeletionInProgress",
            }], "type"),
          },
        }),
      },
      {
        send: `GET ${dying.path}/held`,
        eventually: true,
        answers: ok({ metadata: { deletionTimestamp: ANY } }),
      },
    ],
    send: `POST ${dying.path}`,
    body: dying.thing("late", {}),
    eventually: true,
    answers: refused(
      403,
      "Forbidden",
      `things.${dying.group} "late" is forbidden: ` +
        "create not allowed while custom resource definition is terminating",
      ANY,
    ),
    then: [
      {
        send: `PATCH ${dying.path}/held`,
        type: "merge",
        body: { metadata: { finalizers: null } },
      },
      {
        send: `GET ${dying.definition}`,
        eventually: true,
        answers: notFound(
          "customresourcedefinitions.apiextensions.k8s.io",
          `things.${dying.group}`,
        ),
      },
      { send: `GET /apis/${dying.path}`, eventually: true, answers: { status: 404 } },
    ],
  },
  {
    it: "lets stand what a new rule forbids, until it is changed",
    after: [
      ruled.define,
      ruled.served,
      {
        send: `POST ${ruled.path}`,
        eventually: true,
        body: ruled.thing("a", { a: LONG }),
      },
      {
        send: `PATCH ${ruled.definition}`,
        type: "json",
        body: [{
          op: "add",
          path:
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/x-kubernetes-validations",
          value: [{ rule: "self.size() < 4", message: "a must be short" }],
        }],
      },
      {
        send: `POST ${ruled.path}?dryRun=All`,
        eventually: true,
        body: ruled.thing("b", { a: LONG }),
        answers: { status: 422 },
      },
      {
        send: `PATCH ${ruled.path}/a`,
        type: "merge",
        body: { spec: { b: "new" } },
        answers: ok({ spec: { a: LONG, b: "new" } }),
      },
    ],
    send: `PATCH ${ruled.path}/a`,
    type: "merge",
    body: { spec: { a: `${LONG}7` } },
    answers: invalid(`Thing.ruled.${GROUP}`, "a", [
      "Invalid",
      "spec.a",
      `Invalid value: "${LONG}7": a must be short`,
    ]),
  },
  {
    it: "does not accept a short name that another definition has",
    after: [short.define, short.served, {
      send: `POST ${DEFINITIONS}`,
      body: {
        ...thingDefinition(short.group, OBJECT, {
          names: { kind: "Other", plural: "others", shortNames: ["sh"] },
        }),
        metadata: { name: `others.${short.group}` },
      },
    }],
    send: `GET ${DEFINITIONS}/others.${short.group}`,
    eventually: true,
    answers: ok({
      status: {
        acceptedNames: { plural: "others", shortNames: ABSENT },
        conditions: [
          {
            type: "NamesAccepted",
            status: "False",
            reason: "ShortNamesConflict",
            message: '"sh" is already in use',
          },
          { type: "Established", status: "False", reason: "NotAccepted" },
        ],
      },
    }),
  },
  {
    it: "remembers the versions that were stored",
    after: [stored.define, stored.served],
    send: `PATCH ${stored.definition}`,
    type: "json",
    body: [
      { op: "copy", from: "/spec/versions/0", path: "/spec/versions/1" },
      { op: "replace", path: "/spec/versions/1/name", value: "v2" },
      { op: "replace", path: "/spec/versions/0/storage", value: false },
    ],
    answers: ok({ status: { storedVersions: ["v1", "v2"] } }),
  },
  {
    it: "lets objects be selected by the fields that the definition names",
    after: [
      selected.define,
      selected.served,
      { send: `POST ${selected.path}`, eventually: true, body: selected.thing("a", { a: "x" }) },
      { send: `POST ${selected.path}`, body: selected.thing("b", { a: "y" }) },
    ],
    send: `GET ${selected.path}?fieldSelector=spec.a%3Dy`,
    answers: ok({ items: [{ metadata: { name: "b" } }] }),
  },
];

contract("definitions", ROWS);
