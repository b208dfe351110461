/** Replacing objects: what kinds keep, and what they do not let change. */
import type { ApiObject } from "./exchange.ts";
import { ABSENT, created, invalid, isRecord, ok, whole } from "./expected.ts";
import {
  changed,
  configMap,
  eventBeside,
  lease,
  merge,
  object,
  secret,
  service,
} from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

/** The port of its node that a service's first port has. */
function nodePortOf({ spec }: ApiObject): unknown {
  const [port] = isRecord(spec) && Array.isArray(spec["ports"]) ? spec["ports"] : [];
  return isRecord(port) ? port["nodePort"] : undefined;
}

const ROWS: readonly Expectation[] = [
  {
    it: "refuses another address for a service",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { clusterIP: "10.0.77.77", clusterIPs: ["10.0.77.77"] } }),
    answers: {
      status: 422,
      body: {
        reason: "Invalid",
        details: {
          causes: [{
            field: "spec.clusterIPs[0]",
            reason: "FieldValueInvalid",
            message: /: may not change once set$/,
          }],
        },
      },
    },
  },
  {
    it: "takes other ports for a service",
    given: [service("a")],
    send: "PUT services/a",
    body: changed("a", { spec: { ports: [{ port: 81 }] } }),
    answers: ok({ spec: { ports: [{ port: 81, targetPort: 81, protocol: "TCP" }] } }),
  },
  {
    it: "keeps the address of a service that leaves it out",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { clusterIP: null, clusterIPs: null, selector: { x: "y" } } }),
    answers: ok({ spec: { clusterIP: /^10\./, selector: { x: "y" } } }),
  },
  {
    it: "refuses to take a service's address away",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { clusterIP: "None", clusterIPs: ["None"] } }),
    answers: {
      status: 422,
      body: { details: { causes: [{ field: "spec.clusterIPs[0]", reason: "FieldValueInvalid" }] } },
    },
  },
  {
    it: "takes the address of a service that becomes an external name",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { type: "ExternalName", externalName: "a.b.c" } }),
    answers: ok({
      spec: { clusterIP: ABSENT, clusterIPs: ABSENT, ipFamilies: ABSENT, externalName: "a.b.c" },
    }),
  },
  {
    it: "keeps a service's status when the service is written",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } }),
    answers: ok({ status: whole({ loadBalancer: {} }) }),
  },
  {
    it: "refuses an entry to a service that has no balancer",
    given: [service("a", { clusterIP: undefined })],
    send: "PUT services/a/status",
    body: changed("a", { status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } }),
    answers: invalid("Service", "a", [
      "Forbidden",
      "status.loadBalancer.ingress",
      "Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    ]),
  },
  {
    it: "refuses other data for an immutable config map",
    given: [{ ...configMap("a", { x: "1" }), immutable: true }],
    send: "PUT configmaps/a",
    body: changed("a", { data: { x: "2" } }),
    answers: invalid("ConfigMap", "a", [
      "Forbidden",
      "data",
      "Forbidden: field is immutable when `immutable` is set",
    ]),
  },
  {
    it: "does not let an immutable config map be mutable again",
    given: [{ ...configMap("a", { x: "1" }), immutable: true }],
    send: "PUT configmaps/a",
    body: changed("a", { immutable: false }),
    answers: invalid("ConfigMap", "a", [
      "Forbidden",
      "immutable",
      "Forbidden: field is immutable when `immutable` is set",
    ]),
  },
  {
    it: "takes other labels for an immutable config map",
    given: [{ ...configMap("a", { x: "1" }), immutable: true }],
    send: "PUT configmaps/a",
    body: changed("a", { metadata: { labels: { x: "1" } } }),
    answers: ok({ metadata: { labels: { x: "1" } } }),
  },
  {
    it: "refuses another type for a secret",
    given: [secret("a")],
    send: "PUT secrets/a",
    body: changed("a", { type: "example.com/other" }),
    answers: invalid("Secret", "a", [
      "Invalid",
      "type",
      'Invalid value: "example.com/other": field is immutable',
    ]),
  },
  {
    it: "lays stringData over the data of a secret",
    given: [secret("a", { data: { x: "eA==" } })],
    send: "PUT secrets/a",
    body: changed("a", { stringData: { y: "y" } }),
    answers: ok({ data: { x: "eA==", y: "eQ==" } }),
  },
  {
    it: "refuses a lease without resourceVersion",
    given: [lease("a")],
    send: "PUT coordination.k8s.io/v1/leases/a",
    body: lease("a"),
    answers: invalid("leases.coordination.k8s.io", "a", [
      "Invalid",
      "metadata.resourceVersion",
      "Invalid value: 0: must be specified for an update",
    ]),
  },
  {
    it: "makes a lease that is not there, whatever version it names",
    send: "PUT coordination.k8s.io/v1/leases/a",
    body: lease({ name: "a", resourceVersion: "5" }, { holderIdentity: "me" }),
    answers: created({ spec: { holderIdentity: "me" } }),
  },
  {
    it: "does not make a lease that has a uid already",
    send: "PUT coordination.k8s.io/v1/leases/a",
    body: lease({ name: "a", uid: "5" }),
    answers: {
      status: 409,
      body: { message: /Precondition failed: UID in precondition: 5, UID in object meta: $/ },
    },
  },
  {
    it: "counts an event again",
    given: [configMap("a"), eventBeside("a", "e")],
    send: "PUT events/e",
    body: changed("e", { count: 2, message: "n" }),
    answers: ok({ count: 2, message: "n" }),
  },
  {
    it: "keeps a namespace's finalizers, its status and the label of its name",
    given: [configMap("a")],
    after: [{ send: (seen) => `GET /api/v1/namespaces/${seen("a").metadata.namespace}` }],
    send: (seen) => `PUT /api/v1/namespaces/${seen("a").metadata.namespace}`,
    body: (seen) =>
      merge(seen(seen("a").metadata.namespace ?? ""), {
        metadata: { labels: { "kubernetes.io/metadata.name": "x", y: "1" } },
        spec: { finalizers: ["example.com/x"] },
        status: { phase: "Terminating" },
      }),
    answers: ok({
      metadata: { labels: { "kubernetes.io/metadata.name": /^contract-/, y: "1" } },
      spec: { finalizers: ["kubernetes"] },
      status: whole({ phase: "Active" }),
    }),
  },
  {
    it: "keeps a node's status when the node is written, and its pods' addresses",
    after: [{
      send: "POST /api/v1/nodes",
      body: object("v1", "Node", "contract-update", { spec: { podCIDR: "10.1.0.0/24" } }),
    }],
    send: "PUT /api/v1/nodes/contract-update",
    body: changed("contract-update", {
      spec: { unschedulable: true },
      status: { capacity: { cpu: "3" } },
    }),
    answers: ok({ spec: { unschedulable: true }, status: { capacity: ABSENT } }),
    then: [
      {
        send: "PUT /api/v1/nodes/contract-update",
        body: changed("contract-update", {
          spec: { podCIDR: "10.2.0.0/24", podCIDRs: ["10.2.0.0/24"] },
        }),
        answers: invalid("Node", "contract-update", [
          "Forbidden",
          "spec.podCIDRs",
          'Forbidden: node updates may not change podCIDR except from "" to valid',
        ]),
      },
      { send: "DELETE /api/v1/nodes/contract-update" },
    ],
  },
  {
    it: "keeps the port of its node for a service that leaves it out",
    given: [service("a", { type: "NodePort", clusterIP: undefined })],
    send: "PUT services/a",
    body: changed("a", { spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
    answers: (seen) =>
      ok({ spec: { ports: [{ targetPort: 8080, nodePort: nodePortOf(seen("a")) }] } }),
  },
];

contract("update, kinds", ROWS);
