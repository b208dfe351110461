/** Custom resources with all that schemas offer: defaults, rules in CEL, versions, scale. */
import { ABSENT, ANY, created, invalid, ok, refused } from "./expected.ts";
import { defineGizmos, gizmo, GIZMOS } from "./gizmos.ts";
import { contract, type Expectation } from "./suite.ts";
import { GROUP } from "./widgets.ts";

type Fields = Readonly<Record<string, unknown>>;

const TYPE = `Gizmo.${GROUP}`;
const BETA = `${GROUP}/v1beta1/gizmos`;
const DEPRECATED = '299 - "use v1 of gizmos"';
/** What is filled in where nothing is said. */
const FILLED = { replicas: 1, limits: { low: 1, high: 9 } };

function fills(it: string, spec: Fields | undefined, found: Fields): Expectation {
  return {
    it,
    send: `POST ${GIZMOS}`,
    body: { ...gizmo("a"), spec },
    answers: created({ spec: found }),
  };
}

/** Refuses a spec for one reason. */
function refuses(
  it: string,
  spec: Fields,
  reason: "Invalid" | "Forbidden" | "Duplicate",
  field: string,
  message: string,
): Expectation {
  return {
    it,
    send: `POST ${GIZMOS}`,
    body: gizmo("a", spec),
    answers: invalid(TYPE, "a", [reason, `spec.${field}`, message]),
  };
}

function refusesType(it: string, spec: Fields, field: string, message: RegExp): Expectation {
  return {
    it,
    send: `POST ${GIZMOS}`,
    body: gizmo("a", spec),
    answers: refused(422, "Invalid", message, {
      name: "a",
      group: GROUP,
      kind: "Gizmo",
      causes: [{ reason: "FieldValueTypeInvalid", field: `spec.${field}`, message: ANY }, ANY],
    }),
  };
}

const make = (spec: Fields = {}) => ({ send: `POST ${GIZMOS}`, body: gizmo("a", spec) });
const change = (spec: Fields) => ({
  send: `PATCH ${GIZMOS}/a`,
  type: "merge",
  body: { spec },
});
const apply = (manager: string, tags: readonly string[]) => ({
  send: `PATCH ${GIZMOS}/a?fieldManager=${manager}`,
  type: "apply",
  body: gizmo("a", { tags }),
});

const ROWS: readonly Expectation[] = [
  fills("fills in defaults where the object that holds them is left out", undefined, FILLED),
  fills(
    "takes null for nothing, but where the schema allows it",
    { note: null, plain: null, limits: null, replicas: null },
    { ...FILLED, note: null, plain: ABSENT },
  ),
  fills("fills in what is left out of an object", { limits: { high: 5 } }, {
    limits: { low: 1, high: 5 },
  }),
  fills("takes a whole number where a number or text may be", { amount: 5 }, { amount: 5 }),
  fills("takes a text where a number or text may be", { amount: "5%" }, { amount: "5%" }),
  refusesType(
    "refuses a fraction where a whole number or text may be",
    { amount: 3.5 },
    "amount",
    /spec\.amount in body must be of type integer,string: "number"/,
  ),
  fills("keeps what it does not know where it is told so", {
    open: { known: 1, other: { x: [1] } },
  }, { open: { known: 1, other: { x: [1] } } }),
  refusesType(
    "checks what it knows, also where it keeps the rest",
    { open: { known: "x" } },
    "open.known",
    /spec\.open\.known in body must be of type integer: "string"/,
  ),
  {
    it: "refuses an embedded object that does not say what it is",
    send: `POST ${GIZMOS}`,
    body: gizmo("a", { object: { foo: 1 } }),
    answers: refused(422, "Invalid", /spec\.object\.apiVersion: Required value/, {
      name: "a",
      group: GROUP,
      kind: "Gizmo",
      causes: [
        {
          reason: "FieldValueRequired",
          message: "Required value",
          field: "spec.object.apiVersion",
        },
        { reason: "FieldValueRequired", message: "Required value", field: "spec.object.kind" },
        ANY,
      ],
    }),
  },
  {
    it: "prunes the metadata of an embedded object",
    send: `POST ${GIZMOS}`,
    body: gizmo("a", {
      object: { apiVersion: "v1", kind: "Foo", metadata: { name: "b", bar: 1 }, foo: 1 },
    }),
    answers: {
      status: 201,
      headers: { warning: '299 - "unknown field \\"spec.object.metadata.bar\\""' },
      body: { spec: { object: { metadata: { name: "b", bar: ABSENT }, foo: 1 } } },
    },
  },
  refuses(
    "refuses an item twice in a set",
    { tags: ["a", "b", "a"] },
    "Duplicate",
    "tags[2]",
    'Duplicate value: "a"',
  ),
  refuses(
    "makes the message of a rule, and names the field that it is told",
    { limits: { low: 5, high: 2 } },
    "Invalid",
    "limits.low",
    "Invalid value: low is above a small high",
  ),
  refuses(
    "gives the reason of a rule",
    { mode: "forbidden" },
    "Forbidden",
    "mode",
    "Forbidden: this mode may not be used",
  ),
  refuses(
    "compares quantities in rules",
    { size: "2Gi" },
    "Invalid",
    "size",
    'Invalid value: "2Gi": size must be a quantity of at most 1Gi',
  ),
  fills("takes a quantity that a rule allows", { size: "1000Mi" }, { size: "1000Mi" }),
  refuses(
    "takes URLs apart in rules",
    { link: "http://x" },
    "Invalid",
    "link",
    'Invalid value: "http://x": link must be an https URL',
  ),
  fills("takes a URL that a rule allows", { link: "https://x/y" }, { link: "https://x/y" }),
  refuses(
    "looks at lists in rules",
    { numbers: [3, 1] },
    "Invalid",
    "numbers",
    "Invalid value: numbers must rise, none below 0, and stay under 100 together",
  ),
  refuses(
    "finds patterns in rules",
    { code: "a-41" },
    "Invalid",
    "code",
    'Invalid value: "a-41": code must be of two parts and have 42 as its first number',
  ),
  fills("takes a list and a text that rules allow", { numbers: [1, 3], code: "a-42" }, {
    numbers: [1, 3],
    code: "a-42",
  }),
  refuses(
    "checks the values of a map, and shows a rule that has no message",
    { mapped: { a: "x", b: "vy" } },
    "Invalid",
    "mapped[a]",
    "Invalid value: \"x\": failed rule: self.startsWith('v')",
  ),
  {
    it: "takes a change that a rule about the state before allows",
    after: [make({ mode: "any" })],
    ...change({ mode: "x" }),
    answers: ok({ spec: { mode: "x" } }),
  },
  {
    it: "refuses a change that a rule about the state before forbids",
    after: [make({ mode: "x" })],
    ...change({ mode: "y" }),
    answers: invalid(TYPE, "a", [
      "Invalid",
      "spec.mode",
      'Invalid value: "y": mode can only change from any',
    ]),
  },
  {
    it: "gives an object in each version that is served",
    after: [make()],
    send: `GET ${BETA}/a`,
    answers: ok({ apiVersion: `${GROUP}/v1beta1`, kind: "Gizmo", spec: FILLED }),
  },
  {
    it: "lists objects in the version that is asked for, whichever they were written in",
    after: [make(), {
      send: `POST ${BETA}`,
      body: { ...gizmo("b"), apiVersion: `${GROUP}/v1beta1` },
    }],
    send: `GET ${GIZMOS}`,
    answers: ok({
      apiVersion: `${GROUP}/v1`,
      items: [{ apiVersion: `${GROUP}/v1` }, { apiVersion: `${GROUP}/v1` }],
    }),
  },
  {
    it: "changes an object in another version than it was written in",
    after: [make()],
    send: `PATCH ${BETA}/a`,
    type: "merge",
    body: { spec: { plain: "x" } },
    answers: ok({ apiVersion: `${GROUP}/v1beta1`, spec: { plain: "x" } }),
    then: [{
      send: `GET ${GIZMOS}/a`,
      answers: ok({ apiVersion: `${GROUP}/v1`, spec: { plain: "x" } }),
    }],
  },
  {
    it: "shows watchers of each version the object in that version",
    after: [make()],
    watch: (seen) => `${BETA}?resourceVersion=${seen("a").metadata.resourceVersion}`,
    then: [change({ plain: "x" })],
    sees: [{
      type: "MODIFIED",
      object: { apiVersion: `${GROUP}/v1beta1`, spec: { plain: "x" } },
    }],
  },
  {
    it: "warns of a version that is deprecated",
    send: `GET ${BETA}`,
    answers: { status: 200, headers: { warning: DEPRECATED } },
  },
  {
    it: "does not warn of the others",
    send: `GET ${GIZMOS}`,
    answers: { status: 200, headers: { warning: null } },
  },
  {
    it: "does not serve a version that is not to be served",
    send: `GET ${GROUP}/v1alpha1/gizmos`,
    answers: { status: 404 },
  },
  {
    it: "prefers the stable version",
    send: `GET /apis/${GROUP}`,
    answers: ok({
      versions: [{ version: "v1" }, { version: "v1beta1" }],
      preferredVersion: { version: "v1" },
    }),
  },
  {
    it: "keeps spec and status apart",
    after: [make({ plain: "x" })],
    send: `PATCH ${GIZMOS}/a/status`,
    type: "merge",
    body: { spec: { plain: "y" }, status: { replicas: 2 } },
    answers: ok({ spec: { plain: "x" }, status: { replicas: 2 }, metadata: { generation: 1 } }),
  },
  {
    it: "counts changes of the spec",
    after: [make()],
    ...change({ plain: "x" }),
    answers: ok({ metadata: { generation: 2 } }),
  },
  {
    it: "shows the scale of an object",
    after: [make({ replicas: 3 }), {
      send: `PATCH ${GIZMOS}/a/status`,
      type: "merge",
      body: { status: { replicas: 2, selector: "app=a" } },
    }],
    send: `GET ${GIZMOS}/a/scale`,
    answers: ok({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name: "a" },
      spec: { replicas: 3 },
      status: { replicas: 2, selector: "app=a" },
    }),
  },
  {
    it: "scales an object",
    after: [make()],
    send: `PATCH ${GIZMOS}/a/scale`,
    type: "merge",
    body: { spec: { replicas: 4 } },
    answers: ok({ kind: "Scale", spec: { replicas: 4 } }),
    then: [{ send: `GET ${GIZMOS}/a`, answers: ok({ spec: { replicas: 4 } }) }],
  },
  {
    it: "refuses to scale below nothing",
    after: [make()],
    send: `PATCH ${GIZMOS}/a/scale`,
    type: "merge",
    body: { spec: { replicas: -1 } },
    answers: invalid(TYPE, "a", [
      "Invalid",
      ".spec.replicas",
      "Invalid value: -1: should be a non-negative integer",
    ]),
  },
  {
    it: "merges sets of several appliers",
    after: [apply("one", ["a", "b"]), apply("two", ["b", "c"])],
    ...apply("one", ["a"]),
    answers: ok({ spec: { tags: ["a", "b", "c"] } }),
  },
  {
    it: "counts the characters of a text, not its bytes",
    after: [make({ mapped: { a: `v${"\u{1F600}".repeat(9)}` } })],
    ...change({ mapped: { a: `v${"\u{1F600}".repeat(10)}` } }),
    answers: {
      status: 422,
      body: {
        details: {
          causes: [
            {
              field: "spec.mapped.a",
              reason: "FieldValueTooLong",
              message: "Too long: may not be more than 10 bytes",
            },
            { field: "<nil>" },
          ],
        },
      },
    },
  },
];

contract("custom resources in full", ROWS, defineGizmos);
