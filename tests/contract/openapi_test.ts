/** What the server tells of schemas, of its version and health. */
import { ANY, named, ok, PAGE_NOT_FOUND, TEXT, WRONG_METHOD } from "./expected.ts";
import { define, GROUP } from "./widgets.ts";
import { contract, type Expectation } from "./suite.ts";

const WIDGET_SCHEMA = `${GROUP.split(".").reverse().join(".")}.v1.Widget`;
const INDEX_ENTRY =
  /"api\/v1":\{"serverRelativeURL":"\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{32,}"\}/;

function answersHealth(path: string, body: string | RegExp): Expectation {
  return {
    it: `answers ${path}`,
    send: `GET ${path}`,
    answers: { status: 200, body, headers: TEXT },
  };
}

const ROWS: readonly Expectation[] = [
  {
    it: "takes no writes to its version",
    send: "POST /version",
    answers: WRONG_METHOD,
  },
  {
    it: "says which version it is",
    send: "GET /version",
    answers: ok({
      major: "1",
      minor: "36",
      gitVersion: /^v1\.36\./,
      platform: ANY,
      goVersion: ANY,
    }),
  },
  {
    it: "names the schemas of each version, by the hash of their content",
    send: "GET /openapi/v3",
    answers: { status: 200, body: INDEX_ENTRY, headers: TEXT },
  },
  {
    it: "gives the schemas of the core kinds, as explain reads them",
    send: "GET /openapi/v3/api/v1",
    answers: {
      status: 200,
      headers: {
        "content-type": "application/json",
        vary: "Accept",
        etag: /^"[0-9A-F]{32,}"$/,
        "cache-control": "no-cache, private",
      },
      body: {
        openapi: "3.0.0",
        info: { title: "Kubernetes" },
        components: {
          schemas: {
            "io.k8s.api.core.v1.Pod": {
              description: /^Pod is a collection of containers/,
              type: "object",
              properties: {
                spec: {
                  description: /^Specification of the desired behavior of the pod/,
                  allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodSpec" }],
                },
              },
              "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Pod" }],
            },
            "io.k8s.api.core.v1.PodSpec": {
              required: ["containers"],
              properties: {
                containers: {
                  type: "array",
                  "x-kubernetes-patch-merge-key": "name",
                  "x-kubernetes-patch-strategy": "merge",
                  "x-kubernetes-list-type": "map",
                  "x-kubernetes-list-map-keys": ["name"],
                },
              },
            },
          },
        },
      },
    },
  },
  {
    it:
      "says in the schemas' paths which kind is written where, and that unknown fields can be refused",
    send: "GET /openapi/v3/api/v1",
    answers: ok({
      paths: {
        "/api/v1/namespaces/{namespace}/pods": {
          post: {
            "x-kubernetes-action": "post",
            "x-kubernetes-group-version-kind": { group: "", version: "v1", kind: "Pod" },
            parameters: named([{ name: "dryRun", in: "query" }, {
              name: "fieldValidation",
              in: "query",
            }]),
          },
        },
        "/api/v1/namespaces/{namespace}/pods/{name}": {
          patch: {
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": { group: "", version: "v1", kind: "Pod" },
            parameters: named([{ name: "dryRun", in: "query" }, {
              name: "fieldValidation",
              in: "query",
            }, { name: "fieldManager", in: "query" }]),
          },
        },
      },
    }),
  },
  {
    it: "gives the schema of a defined kind, with what every object has",
    send: `GET /openapi/v3/apis/${GROUP}/v1`,
    eventually: true,
    answers: ok({
      components: {
        schemas: {
          [WIDGET_SCHEMA]: {
            type: "object",
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: {
                allOf: [{
                  $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
                }],
              },
              spec: {
                type: "object",
                properties: {
                  size: { type: "integer", minimum: 1, maximum: 9, default: 3 },
                  colour: { type: "string", pattern: "^[a-z]+$", maxLength: 8 },
                  parts: {
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                  },
                },
              },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
            "x-kubernetes-group-version-kind": [{ group: GROUP, version: "v1", kind: "Widget" }],
          },
          "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": { type: "object" },
        },
      },
      paths: {
        [`/apis/${GROUP}/v1/namespaces/{namespace}/widgets/{name}`]: {
          patch: {
            "x-kubernetes-group-version-kind": { group: GROUP, version: "v1", kind: "Widget" },
          },
        },
      },
    }),
  },
  {
    it: "has no schemas for a version that is not there",
    send: "GET /openapi/v3/apis/nothing.opendilab.org/v1",
    answers: { status: 404, body: "" },
  },
  {
    it: "gives schemas as JSON only, or as protobuf",
    send: "GET /openapi/v3/api/v1",
    accept: "text/html",
    answers: { status: 406, body: "" },
  },
  {
    it: "gives schemas of the older form too",
    send: "GET /openapi/v2",
    answers: ok({
      swagger: "2.0",
      definitions: {
        "io.k8s.api.core.v1.ConfigMap": {
          properties: {
            metadata: { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
          },
          "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "ConfigMap" }],
        },
      },
    }),
  },
  answersHealth("/healthz", "ok"),
  answersHealth("/livez", "ok"),
  answersHealth("/readyz", "ok"),
  answersHealth("/readyz/ping", "ok"),
  answersHealth("/readyz?verbose", /^\[\+\]ping ok\n(.*\n)*readyz check passed\n$/),
  answersHealth(
    "/livez?verbose&exclude=ping",
    /^\[\+\]ping excluded: ok\n(.*\n)*livez check passed\n$/,
  ),
  answersHealth("/readyz?verbose&exclude=nothing", /^warn: some .*: no matches for "nothing"$/m),
  {
    it: "knows no other check",
    send: "GET /livez/nothing",
    answers: PAGE_NOT_FOUND,
  },
];

contract("schemas and health", ROWS, define);
