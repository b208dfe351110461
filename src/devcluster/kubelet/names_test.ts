import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ObjectCache, type Pod, type Service } from "../../kube/mod.ts";
import { aContainer, aPod, aService } from "../../../tests/support/builders.ts";
import { buildNames, LABEL_INDEX, labelIndex, plainName, resolveName } from "./names.ts";
import { PodPorts } from "./ports.ts";

const NAMESPACES = new Set(["rl", "di-system"]);

function runningPod(
  name: string,
  host: number,
  ready: boolean,
  parts: Partial<Pod["metadata"]> = {},
) {
  const ports = [{ containerPort: 22271, name: "di-port" }];
  const pod = aPod(name, {
    labels: { app: "pong" },
    phase: "Running",
    spec: { containers: [aContainer({ ports })] },
  });
  pod.metadata = { ...pod.metadata, uid: name, resourceVersion: "1", ...parts };
  pod.status = { ...pod.status, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] };
  return {
    pod,
    ports: new PodPorts([22271], [{ containerPort: 22271, hostPort: host, size: 16 }]),
  };
}

function serviceOf(spec: Service["spec"]): Service {
  return { ...aService("pong"), spec: { selector: { app: "pong" }, ...spec } };
}

function namesOf(
  service: Service,
  pods: readonly ReturnType<typeof runningPod>[],
  routes: ReadonlyMap<string, string> = new Map(),
) {
  const cache = new ObjectCache<Pod>({ [LABEL_INDEX]: labelIndex });
  for (const { pod } of pods) cache.observe(pod);
  const portsOf = (uid: string) => pods.find(({ pod }) => pod.metadata.uid === uid)?.ports;
  return buildNames({ services: [service], pods: cache, portsOf, routes });
}

const HEADLESS = serviceOf({ clusterIP: "None", ports: [{ name: "di-port", port: 22271 }] });

Deno.test.each([
  {
    what: "a headless service to the ports of its pod",
    service: HEADLESS,
    pods: [runningPod("a", 20000, true)],
    entries: [{ port: 22271, host: "127.0.0.1", hostPort: 20000, size: 16 }],
  },
  {
    what: "a port to the named port behind it",
    service: serviceOf({ ports: [{ port: 80, targetPort: "di-port" }] }),
    pods: [runningPod("a", 20000, true)],
    entries: [{ port: 80, host: "127.0.0.1", hostPort: 20000, size: 16 }],
  },
  {
    what: "a port to the numbered port behind it",
    service: serviceOf({ ports: [{ port: 80, targetPort: 22272 }] }),
    pods: [runningPod("a", 20000, true)],
    entries: [{ port: 80, host: "127.0.0.1", hostPort: 20001, size: 15 }],
  },
  {
    what: "a service to a ready pod before one that is not",
    service: serviceOf({ publishNotReadyAddresses: true, ports: [{ port: 22271 }] }),
    pods: [runningPod("a", 20000, false), runningPod("b", 20016, true)],
    entries: [{ port: 22271, host: "127.0.0.1", hostPort: 20016, size: 16 }],
  },
  {
    what: "a service to a pod that is not ready when it says so",
    service: serviceOf({ publishNotReadyAddresses: true, ports: [{ port: 22271 }] }),
    pods: [runningPod("a", 20000, false)],
    entries: [{ port: 22271, host: "127.0.0.1", hostPort: 20000, size: 16 }],
  },
  {
    what: "no service to a pod that is not ready otherwise",
    service: HEADLESS,
    pods: [runningPod("a", 20000, false)],
    entries: [],
  },
  {
    what: "no service to a pod of another namespace",
    service: HEADLESS,
    pods: [runningPod("a", 20000, true, { namespace: "other" })],
    entries: [],
  },
])("buildNames() leads $what", ({ service, pods, entries }) => {
  deepStrictEqual(namesOf(service, pods).get("pong.rl"), entries);
});

Deno.test("buildNames() puts fixed routes before services", () => {
  const routes = new Map([["pong.rl:80", "127.0.0.1:4000"], ["di-server.di-system:8080", "h:5"]]);
  const names = namesOf(serviceOf({ ports: [{ port: 80 }] }), [runningPod("a", 1, true)], routes);
  deepStrictEqual([...names], [
    ["pong.rl", [{ port: 80, host: "127.0.0.1", hostPort: 4000, size: 1 }]],
    ["di-server.di-system", [{ port: 8080, host: "h", hostPort: 5, size: 1 }]],
  ]);
});

const TABLE = new Map([
  ["pong.rl", [
    { port: 80, host: "127.0.0.1", hostPort: 20000, size: 16 },
    { port: 90, host: "127.0.0.1", hostPort: 20100, size: 16 },
  ]],
  ["idle.rl", []],
]);

Deno.test.each([
  { host: "pong.rl", port: 80, found: "127.0.0.1:20000" },
  { host: "PONG.rl.", port: 81, found: "127.0.0.1:20001" },
  { host: "pong.rl.svc", port: 90, found: "127.0.0.1:20100" },
  { host: "pong.rl.svc.cluster.local", port: 91, found: "127.0.0.1:20101" },
  { host: "pong.rl", port: 79, found: 'service "pong.rl" has no port 79, only 80, 90' },
  { host: "idle.rl", port: 80, found: 'no running pod stands behind service "idle.rl"' },
  { host: "none.rl", port: 80, found: 'there is no service "none.rl" in this cluster' },
  { host: "a.b.svc", port: 80, found: 'there is no service "a.b" in this cluster' },
  { host: "example.com", port: 80, found: "external" },
  { host: "localhost", port: 80, found: "external" },
  { host: "www.pong.rl", port: 80, found: "external" },
])("resolveName() of $host:$port", ({ host, port, found }) => {
  const result = resolveName(TABLE, NAMESPACES, host, port);
  strictEqual(
    result.kind === "found"
      ? `${result.host}:${result.port}`
      : result.kind === "refused"
      ? result.message
      : result.kind,
    found,
  );
});

Deno.test("plainName() leaves a service that is called svc alone", () => {
  deepStrictEqual(plainName("svc.rl"), { name: "svc.rl", hasSuffix: false });
});
