import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { PodSpec } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { amountText, requestsOf } from "./pod_resources.ts";

type Resources = NonNullable<PodSpec["resources"]>;

function container(requests: Record<string, string>, more: Parameters<typeof aContainer>[0] = {}) {
  return aContainer({ resources: { requests }, ...more });
}

function sidecar(requests: Record<string, string>) {
  return container(requests, { restartPolicy: "Always" });
}

const ROWS: readonly { what: string; spec: PodSpec; amounts: Record<string, number> }[] = [
  { what: "a pod that asks for nothing", spec: { containers: [aContainer()] }, amounts: {} },
  {
    what: "containers together, in whole thousandths and bytes",
    spec: { containers: [container({ cpu: "0.1", memory: "1Ki" }), container({ cpu: "200.5m" })] },
    amounts: { cpu: 301, memory: 1024 },
  },
  {
    what: "a limit as a request where there is none",
    spec: {
      containers: [
        aContainer({ resources: { requests: { cpu: "1" }, limits: { cpu: "2", memory: "3" } } }),
      ],
    },
    amounts: { cpu: 1000, memory: 3 },
  },
  {
    what: "the largest init container where that is more",
    spec: {
      containers: [container({ cpu: "1", memory: "7" })],
      initContainers: [container({ cpu: "3" }), container({ cpu: "2", memory: "5" })],
    },
    amounts: { cpu: 3000, memory: 7 },
  },
  {
    what: "side-cars with the containers",
    spec: {
      containers: [container({ cpu: "1" })],
      initContainers: [sidecar({ cpu: "2" }), container({ cpu: "500m" })],
    },
    amounts: { cpu: 3000 },
  },
  {
    what: "an init container with the side-cars before it alone",
    spec: {
      containers: [container({ cpu: "1" })],
      initContainers: [sidecar({ cpu: "1" }), container({ cpu: "5" }), sidecar({ cpu: "2" })],
    },
    amounts: { cpu: 6000 },
  },
  {
    what: "overhead on top",
    spec: { containers: [container({ cpu: "1" })], overhead: { cpu: "250m", memory: "10" } },
    amounts: { cpu: 1250, memory: 10 },
  },
  {
    what: "the pod's own request before its containers'",
    spec: {
      containers: [container({ cpu: "1", "nvidia.com/gpu": "1" })],
      resources: { requests: { cpu: "4" } } satisfies Resources,
      overhead: { cpu: "1" },
    },
    amounts: { cpu: 5000, "nvidia.com/gpu": 1 },
  },
  { what: "no zeros", spec: { containers: [container({ cpu: "0" })] }, amounts: {} },
];

Deno.test.each(ROWS)("requestsOf() counts $what", ({ spec, amounts }) => {
  deepStrictEqual(Object.fromEntries(requestsOf(aPod("pong", { spec }))), amounts);
});

Deno.test.each([
  { name: "cpu", amount: 2000, text: "2" },
  { name: "cpu", amount: 1500, text: "1500m" },
  { name: "memory", amount: 1000, text: "1000" },
  { name: "memory", amount: 1.5 * 2 ** 30, text: "1.5Gi" },
  { name: "ephemeral-storage", amount: 2 ** 51, text: "2048Ti" },
  { name: "nvidia.com/gpu", amount: 4096, text: "4096" },
])("amountText() of $amount $name is $text", ({ name, amount, text }) => {
  strictEqual(amountText(name, amount), text);
});
