/** Server-side apply to objects of many kinds, and by kubectl. */
import { applies, share } from "./applies.ts";
import type { Exchange } from "./exchange.ts";
import { ABSENT, created, notFound, ok, whole } from "./expected.ts";
import { configMap, deployment, DIENGINE, dijob, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";
import { define, GROUP, WIDGETS } from "./widgets.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** A ConfigMap as `kubectl apply` in the client makes it. */
const APPLIED_IN_CLIENT: Exchange = {
  send: "POST configmaps?fieldManager=kubectl-client-side-apply",
  body: configMap({
    name: "a",
    annotations: { [LAST_APPLIED]: JSON.stringify(configMap("a", { x: "1" })) },
  }, { x: "1" }),
};

/** An apply of a deployment whose pods have this toleration. */
function appliesToleration(toleration: Readonly<Record<string, string>>): Exchange {
  return {
    send: "PATCH apps/v1/deployments/a?fieldManager=me",
    type: "apply",
    body: deployment("a", {
      template: {
        metadata: { labels: { app: "a" } },
        spec: {
          containers: [{ name: "main", image: "nowhere/none:1" }],
          tolerations: [toleration],
        },
      },
    }),
  };
}

const ROWS: readonly Expectation[] = [
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
    it: "makes no status of an object that is not there",
    send: `PATCH ${DIENGINE}/dijobs/a/status?fieldManager=me`,
    type: "apply",
    body: { ...dijob("a"), status: { phase: "Running" } },
    answers: notFound("dijobs.diengine.opendilab.org", "a"),
  },
  {
    it: "applies a status beside the rest",
    after: [{
      send: `PATCH ${DIENGINE}/dijobs/a?fieldManager=me`,
      type: "apply",
      body: { ...dijob("a"), status: { phase: "Failed" } },
      answers: created({ status: ABSENT }),
    }],
    send: `PATCH ${DIENGINE}/dijobs/a/status?fieldManager=me`,
    type: "apply",
    body: {
      apiVersion: DIENGINE,
      kind: "DIJob",
      metadata: { name: "a" },
      status: { phase: "Running" },
    },
    answers: ok({
      metadata: {
        managedFields: [
          { manager: "me", operation: "Apply", subresource: ABSENT },
          share("me", "Apply", { "f:status": { "f:phase": {} } }, {
            apiVersion: DIENGINE,
            subresource: "status",
          }),
        ],
      },
      spec: { cleanPodPolicy: "Running" },
      status: { phase: "Running" },
    }),
  },
  {
    it: "merges the keyed items of custom resources, and takes them away again",
    after: [
      applied("one", [{ name: "x", count: 4 }]),
      applied("two", [{ name: "y" }]),
    ],
    ...applied("one", []),
    answers: ok({ spec: { parts: [{ name: "y", count: 1 }] } }),
  },
  {
    it: "merges containers, variables and ports by their keys",
    after: [deploys("me", [{ name: "A", value: "1" }], 80)],
    ...deploys("you", [{ name: "B", value: "2" }], 81),
    answers: ok({
      spec: {
        template: {
          spec: {
            containers: [{
              env: [{ name: "A", value: "1" }, { name: "B", value: "2" }],
              ports: [{ containerPort: 80 }, { containerPort: 81 }],
            }],
          },
        },
      },
    }),
  },
  {
    it: "owns a service's selector as a whole",
    given: [service("a", { selector: { x: "1" } })],
    send: "PATCH services/a?fieldManager=me&force=true",
    type: "apply",
    body: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a" },
      spec: { selector: { y: "1" } },
    },
    answers: ok({ spec: { selector: whole({ y: "1" }) } }),
  },
  {
    it: "applies leases",
    send: "PATCH coordination.k8s.io/v1/leases/a?fieldManager=me",
    type: "apply",
    body: {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "a" },
      spec: { holderIdentity: "x", leaseDurationSeconds: 15 },
    },
    answers: created({ spec: { holderIdentity: "x", leaseDurationSeconds: 15 } }),
  },
  {
    it: "applies secrets, plain text among them",
    send: "PATCH secrets/a?fieldManager=me",
    type: "apply",
    body: { apiVersion: "v1", kind: "Secret", metadata: { name: "a" }, stringData: { x: "1" } },
    answers: created({ type: "Opaque", data: { x: "MQ==" }, stringData: ABSENT }),
  },
  {
    it: "does not let kubectl stand in its own way after applying in the client",
    after: [APPLIED_IN_CLIENT],
    ...applies("kubectl", { x: "2" }),
    answers: ok({
      metadata: { annotations: { [LAST_APPLIED]: /"x":"2"/ } },
      data: { x: "2" },
    }),
  },
  {
    it: "lets nobody else take over what kubectl has applied in the client",
    after: [APPLIED_IN_CLIENT],
    ...applies("me", { x: "2" }),
    answers: {
      status: 409,
      body: {
        message:
          'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.x',
      },
    },
  },
  {
    it: "replaces a list that is owned as a whole",
    after: [appliesToleration({ key: "x", operator: "Equal", value: "1" })],
    ...appliesToleration({ key: "y", operator: "Exists" }),
    answers: ok({
      spec: {
        template: { spec: { tolerations: [{ key: "y", operator: "Exists", value: ABSENT }] } },
      },
    }),
  },
];

/** An apply of a widget called `a`. */
function applied(manager: string, parts: readonly unknown[]): Exchange {
  return {
    send: `PATCH ${WIDGETS}/a?fieldManager=${manager}`,
    type: "apply",
    body: { apiVersion: `${GROUP}/v1`, kind: "Widget", metadata: { name: "a" }, spec: { parts } },
  };
}

/** An apply of a Deployment called `a`, with one container. */
function deploys(manager: string, env: readonly unknown[], containerPort: number): Exchange {
  const ports = [{ containerPort }];
  const container = { name: "main", image: "nowhere/none:1", env, ports };
  return {
    send: `PATCH apps/v1/deployments/a?fieldManager=${manager}`,
    type: "apply",
    body: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "a" },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: "a" } },
        template: { metadata: { labels: { app: "a" } }, spec: { containers: [container] } },
      },
    },
  };
}

contract("apply, kinds", ROWS, define);
