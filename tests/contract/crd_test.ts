/** Custom resources: this project's kinds, and definitions of the tests' own. */
import {
  ABSENT,
  ANY,
  type Cause,
  created,
  invalid,
  named,
  notFound,
  ok,
  refused,
} from "./expected.ts";
import { aggregatorConfig, changed, DIENGINE, dijob } from "./objects.ts";
import { define, definition, GROUP, widget, WIDGETS } from "./widgets.ts";
import { contract, type Expectation } from "./suite.ts";

const DIJOB = "DIJob.diengine.opendilab.org";
const AGCONFIG = "AggregatorConfig.diengine.opendilab.org";
const POLICIES = '"Running", "All", "None", "ALL", ""';

/** What is added where the schema is broken, since the rules in CEL are then not looked at. */
const UNCHECKED: Cause = [
  "Invalid",
  "<nil>",
  "Invalid value: null: some validation rules were not checked because the object was invalid; " +
  "correct the existing errors to complete validation",
];

const NAME_RULE =
  "metadata.name must have at most 45 characters and be a DNS label that starts with a letter " +
  "(a-z, 0-9 and '-'): pods and services are named after it";

/** Refuses a DIJob whose name cannot lead those of pods and services. */
function refusesName(name: string, why: string): Expectation {
  return {
    it: `refuses a DIJob whose name ${why}`,
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob(name),
    answers: {
      status: 422,
      body: { reason: "Invalid", message: new RegExp(RegExp.escape(NAME_RULE)) },
    },
    then: [{
      send: `GET ${DIENGINE}/dijobs/${name}`,
      answers: notFound("dijobs.diengine.opendilab.org", name),
    }],
  };
}

const EVERY_MISTAKE = new RegExp(
  [
    "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
    "spec.colour: Invalid value: \"Blue\": spec.colour in body should match '^[a-z]+$'",
    'spec.parts[1]: Duplicate value: {"name":"p"}',
  ].map((text) => `(?=.*${RegExp.escape(text)})`).join(""),
);

const ROWS: readonly Expectation[] = [
  {
    it: "fills in the clean-up policy of a DIJob",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a"),
    answers: created({ metadata: { generation: 1 }, spec: { cleanPodPolicy: "Running" } }),
  },
  {
    it: "fills in how an AggregatorConfig is used",
    send: `POST ${DIENGINE}/aggregatorconfigs`,
    body: aggregatorConfig("a"),
    answers: created({ spec: { provisioning: "OnDemand" } }),
  },
  {
    it: "refuses a DIJob with an unknown clean-up policy",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a", { cleanPodPolicy: "Some" }),
    answers: invalid(DIJOB, "a", [
      "NotSupported",
      "spec.cleanPodPolicy",
      `Unsupported value: "Some": supported values: ${POLICIES}`,
    ], UNCHECKED),
    then: [{
      send: `GET ${DIENGINE}/dijobs/a`,
      answers: notFound("dijobs.diengine.opendilab.org", "a"),
    }],
  },
  {
    it: "refuses an AggregatorConfig with an unknown way of use",
    send: `POST ${DIENGINE}/aggregatorconfigs`,
    body: aggregatorConfig("a", { provisioning: "Never" }),
    answers: invalid(AGCONFIG, "a", [
      "NotSupported",
      "spec.provisioning",
      'Unsupported value: "Never": supported values: "OnDemand", "PerJob"',
    ]),
  },
  {
    it: "refuses a DIJob without coordinator",
    send: `POST ${DIENGINE}/dijobs`,
    body: { ...dijob("a"), spec: {} },
    answers: refused(422, "Invalid", /spec\.coordinator: Required value/, {
      name: "a",
      group: "diengine.opendilab.org",
      kind: "DIJob",
      causes: [{
        reason: "FieldValueRequired",
        message: "Required value",
        field: "spec.coordinator",
      }, ANY],
    }),
  },
  {
    it: "refuses a DIJob whose coordinator has no template",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a", { coordinator: {} }),
    answers: refused(422, "Invalid", /spec\.coordinator\.template: Required value/, ANY),
  },
  {
    it: "refuses a template without containers",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a", { collector: { template: { spec: { containers: [] } } } }),
    answers: refused(
      422,
      "Invalid",
      /spec\.collector\.template\.spec\.containers: Invalid value: 0: .*should have at least 1 items/,
      ANY,
    ),
  },
  {
    it: "refuses a value of another type",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a", { group: 7 }),
    answers: refused(
      422,
      "Invalid",
      /spec\.group: Invalid value: "integer": spec\.group in body must be of type string: "integer"/,
      ANY,
    ),
  },
  refusesName("a".repeat(46), "has 46 characters"),
  refusesName("1st", "starts with a digit"),
  refusesName("a.b", "has a dot"),
  {
    it: "takes a DIJob whose name has 45 characters",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a".repeat(45)),
    answers: created(),
  },
  {
    it: "prunes unknown fields outside of templates, and warns of them",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a", { colour: "red" }),
    answers: {
      status: 201,
      body: { spec: { colour: ABSENT } },
      headers: { warning: '299 - "unknown field \\"spec.colour\\""' },
    },
  },
  {
    it: "refuses unknown fields with fieldValidation=Strict",
    send: `POST ${DIENGINE}/dijobs?fieldValidation=Strict`,
    body: dijob("a", { colour: "red" }),
    answers: refused(
      400,
      "BadRequest",
      'DIJob in version "v1alpha1" cannot be handled as a DIJob: strict decoding error: unknown field "spec.colour"',
    ),
  },
  {
    it: "keeps everything inside of templates",
    send: `POST ${DIENGINE}/dijobs?fieldValidation=Strict`,
    body: dijob("a", {
      coordinator: {
        template: {
          metadata: { labels: { x: "1" }, annotations: { y: "2" } },
          spec: { containers: [{ name: "c", whatever: [1] }], tolerations: [{ key: "k" }] },
        },
      },
    }),
    answers: created({
      spec: {
        coordinator: {
          template: {
            metadata: { labels: { x: "1" }, annotations: { y: "2" } },
            spec: { containers: [{ name: "c", whatever: [1] }], tolerations: [{ key: "k" }] },
          },
        },
      },
    }),
  },
  {
    it: "drops a status that is sent along with a new object",
    send: `POST ${DIENGINE}/dijobs`,
    body: { ...dijob("a"), status: { phase: "Succeeded" } },
    answers: created({ status: ABSENT }),
  },
  {
    it: "checks the status as well",
    given: [dijob("a")],
    send: `PUT ${DIENGINE}/dijobs/a/status`,
    body: changed("a", { status: { phase: "Dreaming" } }),
    answers: invalid(DIJOB, "a", [
      "NotSupported",
      "status.phase",
      'Unsupported value: "Dreaming": supported values: "Created", "Running", "Suspended", "Succeeded", "Failed"',
    ], UNCHECKED),
  },
  {
    it: "checks an update too",
    given: [dijob("a")],
    send: `PATCH ${DIENGINE}/dijobs/a`,
    type: "merge",
    body: { spec: { cleanPodPolicy: "all" } },
    answers: invalid(DIJOB, "a", [
      "NotSupported",
      "spec.cleanPodPolicy",
      `Unsupported value: "all": supported values: ${POLICIES}`,
    ], UNCHECKED),
  },
  {
    it: "lists this project's kinds in discovery",
    send: `GET /apis/${DIENGINE}`,
    answers: ok({
      kind: "APIResourceList",
      groupVersion: DIENGINE,
      resources: named([
        {
          name: "aggregatorconfigs",
          singularName: "aggregatorconfig",
          namespaced: true,
          kind: "AggregatorConfig",
          shortNames: ["agconfig"],
        },
        {
          name: "dijobs",
          singularName: "dijob",
          namespaced: true,
          kind: "DIJob",
          shortNames: ["dijob"],
        },
        {
          name: "dijobs/status",
          singularName: "",
          kind: "DIJob",
          verbs: ["get", "patch", "update"],
        },
      ]),
    }),
  },
  {
    it: "names this project's group",
    send: "GET /apis/diengine.opendilab.org",
    answers: ok({
      kind: "APIGroup",
      name: "diengine.opendilab.org",
      preferredVersion: { groupVersion: DIENGINE, version: "v1alpha1" },
    }),
  },
  {
    it: "establishes a definition",
    send:
      "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/dijobs.diengine.opendilab.org",
    answers: ok({
      status: {
        acceptedNames: {
          kind: "DIJob",
          listKind: "DIJobList",
          plural: "dijobs",
          singular: "dijob",
          shortNames: ["dijob"],
        },
        storedVersions: ["v1alpha1"],
        conditions: [{ type: "NamesAccepted", status: "True" }, {
          type: "Established",
          status: "True",
        }],
      },
    }),
  },
  {
    it: "refuses a definition whose name is not plural and group",
    send: "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    body: { ...definition(GROUP), metadata: { name: `gadgets.${GROUP}` } },
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        message: new RegExp(
          `metadata\\.name: Invalid value: "gadgets\\.${GROUP}": must be spec\\.names\\.plural\\+"\\."\\+spec\\.group`,
        ),
      },
    },
  },
  {
    it: "refuses a definition without a schema",
    send: "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    body: {
      ...definition(`x${GROUP}`),
      spec: {
        ...definition(`x${GROUP}`).spec,
        versions: [{ name: "v1", served: true, storage: true }],
      },
    },
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        message: /spec\.versions\[0\]\.schema\.openAPIV3Schema: Required value$/,
      },
    },
  },
  {
    it: "fills in defaults, deep ones too",
    send: `POST ${WIDGETS}`,
    body: widget("a", { parts: [{ name: "p" }] }),
    answers: created({ spec: { size: 3, parts: [{ name: "p", count: 1 }] } }),
  },
  {
    it: "names every mistake in a custom resource",
    send: `POST ${WIDGETS}`,
    body: widget("a", { size: 0, colour: "Blue", parts: [{ name: "p" }, { name: "p" }] }),
    answers: {
      status: 422,
      // In any order.
      body: { reason: "Invalid", details: { causes: [ANY, ANY, ANY] }, message: EVERY_MISTAKE },
    },
  },
  {
    it: "refuses what breaks a rule in CEL, in the rule's own words",
    send: `POST ${WIDGETS}`,
    body: widget("a", { size: 5, largest: 4 }),
    answers: invalid(`Widget.${GROUP}`, "a", [
      "Invalid",
      "spec",
      "Invalid value: size must not exceed largest",
    ]),
  },
  {
    it: "refuses a change that a rule forbids",
    after: [{ send: `POST ${WIDGETS}`, body: widget("a", { fixed: "x" }) }],
    send: `PATCH ${WIDGETS}/a`,
    type: "merge",
    body: { spec: { fixed: "y" } },
    answers: refused(422, "Invalid", /spec\.fixed: Invalid value: .*fixed must not change/, ANY),
  },
  {
    it: "writes a kind without status subresource as a whole",
    send: `POST ${WIDGETS}`,
    body: { ...widget("a"), status: { seen: true } },
    answers: created({ status: { seen: true } }),
    then: [{ send: `PUT ${WIDGETS}/a/status`, body: changed("a", {}), answers: { status: 404 } }],
  },
  {
    it: "shows the columns of a definition, by priority",
    after: [{ send: `POST ${WIDGETS}`, body: widget("a", { colour: "red" }) }],
    send: `GET ${WIDGETS}`,
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
    answers: ok({
      columnDefinitions: [{ name: "Name" }, { name: "Size", type: "integer", priority: 0 }, {
        name: "Colour",
        type: "string",
        priority: 1,
        description: "What it looks like.",
      }],
      rows: [{ cells: ["a", 3, "red"] }],
    }),
  },
  {
    it: "says that a version from before the definition is too old to watch from",
    watch: `${WIDGETS}?resourceVersion=1`,
    sees: [{
      type: "ERROR",
      object: {
        kind: "Status",
        code: 410,
        reason: "Expired",
        message: /^too old resource version: 1 \(\d+\)$/,
      },
    }],
  },
  {
    it: "serves no version that the definition does not serve",
    send: `GET /apis/${GROUP}/v2/namespaces/default/widgets`,
    answers: { status: 404 },
  },
];

contract("custom resources", ROWS, define);
