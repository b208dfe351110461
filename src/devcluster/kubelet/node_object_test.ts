import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Node } from "../../kube/mod.ts";
import {
  buildNode,
  buildNodeStatus,
  isNews,
  metadataPatch,
  type NodeFacts,
  stoppedConditions,
} from "./node_object.ts";

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = "2026-01-01T00:00:00Z";
const FACTS: NodeFacts = {
  name: "laptop",
  kubeletPort: 10250,
  caPem: "PEM",
  resources: { cpu: "4", memory: "8Gi", "nvidia.com/gpu": "1" },
  info: {
    architecture: "amd64",
    bootID: "b",
    kernelVersion: "6",
    machineID: "m",
    operatingSystem: "linux",
    osImage: "Debian",
  },
};
const PRESSURE = {
  type: "NetworkUnavailable",
  status: "False",
  lastHeartbeatTime: NOW,
  lastTransitionTime: NOW,
} as const;

/** The node as the API server holds it after its first status. */
function held(change: Partial<NodeFacts> = {}): Node {
  const facts = { ...FACTS, ...change };
  const node = buildNode(facts);
  return { ...node, status: buildNodeStatus(facts, node, NOW_MS) };
}

Deno.test("buildNodeStatus() offers what there is, and keeps conditions of others", () => {
  const node = { ...buildNode(FACTS), status: { conditions: [PRESSURE] } };
  const { capacity, allocatable, addresses, daemonEndpoints, conditions } = buildNodeStatus(
    FACTS,
    node,
    NOW_MS,
  );
  deepStrictEqual({ capacity, allocatable, addresses, daemonEndpoints, conditions }, {
    capacity: FACTS.resources,
    allocatable: FACTS.resources,
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }, {
      type: "Hostname",
      address: "laptop",
    }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    conditions: [PRESSURE, {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: "processes can be run",
      lastHeartbeatTime: NOW,
      lastTransitionTime: NOW,
    }],
  });
});

Deno.test("a node that stops is not ready, since now", () => {
  const later = stoppedConditions(held(), NOW_MS + MINUTE_MS);
  deepStrictEqual(later, [{
    type: "Ready",
    status: "False",
    reason: "KubeletNotReady",
    message: "node is shutting down",
    lastHeartbeatTime: "2026-01-01T00:01:00Z",
    lastTransitionTime: "2026-01-01T00:01:00Z",
  }]);
  const again = stoppedConditions(
    { ...held(), status: { conditions: later } },
    NOW_MS + 2 * MINUTE_MS,
  );
  strictEqual(again[0]?.lastTransitionTime, "2026-01-01T00:01:00Z");
});

const REPORTS: readonly { when: string; node: Node; afterMs: number; news: boolean }[] = [
  { when: "nothing was ever written", node: buildNode(FACTS), afterMs: 0, news: true },
  { when: "all is as it was", node: held(), afterMs: 4 * MINUTE_MS, news: false },
  { when: "the last word is old", node: held(), afterMs: 5 * MINUTE_MS, news: true },
  { when: "there was less", node: held({ resources: { cpu: "4" } }), afterMs: 0, news: true },
  {
    when: "there was more",
    node: held({ resources: { ...FACTS.resources, "example.com/tpu": "1" } }),
    afterMs: 0,
    news: true,
  },
  { when: "its port was another", node: held({ kubeletPort: 1 }), afterMs: 0, news: true },
  {
    when: "it was stopped",
    node: {
      ...held(),
      status: { ...held().status, conditions: stoppedConditions(held(), NOW_MS) },
    },
    afterMs: 0,
    news: true,
  },
];

Deno.test.each(REPORTS)("isNews() is $news when $when", ({ node, afterMs, news }) => {
  const nowMs = NOW_MS + afterMs;
  strictEqual(isNews(buildNodeStatus(FACTS, node, nowMs), node.status, nowMs), news);
});

Deno.test("metadataPatch() adds what is missing and leaves what others added", () => {
  const node = held();
  const { labels, annotations } = node.metadata;
  const withMore = { ...node, metadata: { ...node.metadata, labels: { ...labels, zone: "a" } } };
  strictEqual(metadataPatch(withMore, FACTS), undefined);
  deepStrictEqual(metadataPatch(withMore, { ...FACTS, caPem: "NEW" }), {
    metadata: {
      labels,
      annotations: { ...annotations, "kubelet.di-orchestrator/ca": btoa("NEW") },
    },
  });
  const stripped = { ...node, metadata: { name: "laptop" } };
  deepStrictEqual(metadataPatch(stripped, FACTS), { metadata: { labels, annotations } });
});
