/** What the server tells of its groups and kinds. */
import { ABSENT, named, ok, PAGE_NOT_FOUND, refused, WRONG_METHOD } from "./expected.ts";
import { DIENGINE } from "./objects.ts";
import { define, GROUP } from "./widgets.ts";
import { contract, type Expectation } from "./suite.ts";

const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const AGGREGATED_OR_PLAIN = `${AGGREGATED},application/json`;

const NO_SUCH = refused(404, "NotFound", "the server could not find the requested resource", {});
/** One version of a group in aggregated discovery, with some of its resources. */
function aggregated(name: string | undefined, version: string, resources: unknown) {
  return {
    metadata: name === undefined ? {} : { name },
    versions: [{ version, freshness: "Current", resources }],
  };
}

const ROWS: readonly Expectation[] = [
  {
    it: "names the versions of the core API",
    send: "GET /api",
    answers: ok({
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: /^[0-9.]+:\d+$/ }],
    }),
  },
  {
    it: "names the groups, with their versions",
    send: "GET /apis",
    answers: ok({
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: named([
        {
          name: "apps",
          versions: [{ groupVersion: "apps/v1", version: "v1" }],
          preferredVersion: { groupVersion: "apps/v1", version: "v1" },
        },
        {
          name: "diengine.opendilab.org",
          versions: [{ groupVersion: DIENGINE, version: "v1alpha1" }],
          preferredVersion: { groupVersion: DIENGINE, version: "v1alpha1" },
        },
        { name: "coordination.k8s.io" },
        { name: "rbac.authorization.k8s.io" },
        { name: "policy" },
        { name: "apiextensions.k8s.io" },
        { name: "authorization.k8s.io" },
        { name: "authentication.k8s.io" },
      ]),
    }),
  },
  {
    it: "names one group",
    send: "GET /apis/coordination.k8s.io",
    answers: ok({
      kind: "APIGroup",
      apiVersion: "v1",
      name: "coordination.k8s.io",
      versions: [{ groupVersion: "coordination.k8s.io/v1", version: "v1" }],
      preferredVersion: { groupVersion: "coordination.k8s.io/v1", version: "v1" },
    }),
  },
  {
    it: "lists the core kinds with verbs, short names, categories and subresources",
    send: "GET /api/v1",
    answers: ok({
      kind: "APIResourceList",
      groupVersion: "v1",
      resources: named([
        {
          name: "pods",
          singularName: "pod",
          namespaced: true,
          kind: "Pod",
          verbs: [
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
          ],
          shortNames: ["po"],
          categories: ["all"],
        },
        { name: "pods/status", singularName: "", verbs: ["get", "patch", "update"] },
        { name: "pods/log", kind: "Pod", verbs: ["get"] },
        { name: "pods/binding", kind: "Binding", verbs: ["create"] },
        { name: "pods/eviction", group: "policy", version: "v1", kind: "Eviction" },
        { name: "namespaces", namespaced: false, shortNames: ["ns"], categories: ABSENT },
        { name: "services", shortNames: ["svc"], categories: ["all"] },
        { name: "configmaps", shortNames: ["cm"] },
        { name: "nodes", namespaced: false, shortNames: ["no"] },
        { name: "events", shortNames: ["ev"] },
        { name: "secrets", shortNames: ABSENT },
        { name: "serviceaccounts", shortNames: ["sa"] },
        { name: "serviceaccounts/token", group: "authentication.k8s.io", kind: "TokenRequest" },
      ]),
    }),
  },
  {
    it: "lists the kinds of a group",
    send: "GET /apis/coordination.k8s.io/v1",
    answers: ok({
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: "coordination.k8s.io/v1",
      resources: named([{
        name: "leases",
        singularName: "lease",
        namespaced: true,
        kind: "Lease",
      }]),
    }),
  },
  {
    it: "lists kinds that can only be asked for an answer",
    send: "GET /apis/authorization.k8s.io/v1",
    answers: ok({
      resources: named([
        { name: "selfsubjectaccessreviews", namespaced: false, verbs: ["create"] },
        { name: "subjectaccessreviews", namespaced: false, verbs: ["create"] },
      ]),
    }),
  },
  {
    it: "lists a defined kind with its short names and categories",
    send: `GET /apis/${GROUP}/v1`,
    eventually: true,
    answers: ok({
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: `${GROUP}/v1`,
      resources: [{
        name: "widgets",
        singularName: "widget",
        namespaced: true,
        kind: "Widget",
        shortNames: ["wd"],
        categories: ["toys"],
      }],
    }),
  },
  {
    it: "tells all core kinds in one answer",
    send: "GET /api",
    accept: AGGREGATED_OR_PLAIN,
    answers: {
      status: 200,
      headers: { "content-type": AGGREGATED, vary: "Accept", etag: /^"[0-9A-F]{32,}"$/ },
      body: {
        kind: "APIGroupDiscoveryList",
        apiVersion: "apidiscovery.k8s.io/v2",
        items: [aggregated(
          undefined,
          "v1",
          named([
            {
              resource: "namespaces",
              responseKind: { group: "", version: "", kind: "Namespace" },
              scope: "Cluster",
              singularResource: "namespace",
              shortNames: ["ns"],
              subresources: [
                { subresource: "finalize", verbs: ["update"] },
                { subresource: "status", verbs: ["get", "patch", "update"] },
              ],
            },
            {
              resource: "pods",
              scope: "Namespaced",
              categories: ["all"],
              subresources: named([{
                subresource: "eviction",
                responseKind: { group: "policy", version: "v1", kind: "Eviction" },
                verbs: ["create"],
              }], "subresource"),
            },
          ], "resource"),
        )],
      },
    },
  },
  {
    it: "tells all kinds of groups in one answer, defined ones too",
    send: "GET /apis",
    accept: AGGREGATED_OR_PLAIN,
    eventually: true,
    answers: ok({
      kind: "APIGroupDiscoveryList",
      items: named([
        aggregated(
          "diengine.opendilab.org",
          "v1alpha1",
          named([{
            resource: "dijobs",
            responseKind: { group: "diengine.opendilab.org", version: "v1alpha1", kind: "DIJob" },
            scope: "Namespaced",
            singularResource: "dijob",
            shortNames: ["dijob"],
            subresources: [{
              subresource: "status",
              responseKind: { group: "diengine.opendilab.org", version: "v1alpha1", kind: "DIJob" },
            }],
          }], "resource"),
        ),
        aggregated(GROUP, "v1", [{
          resource: "widgets",
          shortNames: ["wd"],
          categories: ["toys"],
          subresources: ABSENT,
        }]),
        aggregated(
          "apiextensions.k8s.io",
          "v1",
          named([{
            resource: "customresourcedefinitions",
            scope: "Cluster",
            shortNames: ["crd", "crds"],
            categories: ["api-extensions"],
          }], "resource"),
        ),
      ], "metadata"),
    }),
  },
  {
    it: "refuses a form of discovery that it does not have",
    send: "GET /apis",
    accept: "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList",
    answers: refused(
      406,
      "NotAcceptable",
      /^only the following media types are accepted: application\/json, application\/yaml/,
    ),
  },
  {
    it: "tells groups in YAML",
    send: "GET /apis/coordination.k8s.io",
    accept: "application/yaml",
    answers: {
      status: 200,
      headers: { "content-type": "application/yaml" },
      body: /^kind: APIGroup$/m,
    },
  },
  {
    it: "knows no group that is not there",
    send: "GET /apis/nothing.opendilab.org",
    answers: PAGE_NOT_FOUND,
  },
  {
    it: "knows no version of a group that is not there",
    send: "GET /apis/nothing.opendilab.org/v1",
    answers: PAGE_NOT_FOUND,
  },
  {
    it: "knows no other version of a group",
    send: "GET /apis/coordination.k8s.io/v9",
    answers: NO_SUCH,
  },
  {
    it: "knows no other version of the core API",
    send: "GET /api/v9",
    answers: NO_SUCH,
  },
  {
    it: "knows no objects in another version of a group",
    send: "GET /apis/coordination.k8s.io/v9/namespaces/default/leases",
    answers: NO_SUCH,
  },
  {
    it: "knows no other path",
    send: "GET /nothing",
    answers: PAGE_NOT_FOUND,
  },
  {
    it: "takes no writes to the list of core kinds",
    send: "PUT /api/v1",
    answers: WRONG_METHOD,
  },
  {
    it: "takes no writes to the list of a group's kinds",
    send: "DELETE /apis/apps/v1",
    answers: WRONG_METHOD,
  },
];

contract("discovery", ROWS, define);
