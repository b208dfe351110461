import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { ConfigMap, EnvVar, Pod, Secret } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { buildVariables, podField, type References, resourceField } from "./environment.ts";
import { expandReferences } from "./expansion.ts";
import { ContainerRefusal } from "./refusal.ts";

const KNOWN = new Map([["A", "1"], ["EMPTY", ""], ["a.b", "odd"]]);

Deno.test.each([
  { text: "x$(A)y", expanded: "x1y" },
  { text: "$(EMPTY)|", expanded: "|" },
  { text: "$(a.b)", expanded: "odd" },
  { text: "$(NONE)", expanded: "$(NONE)" },
  { text: "$$(A)", expanded: "$(A)" },
  { text: "$$$(A)", expanded: "$1" },
  { text: "$A ${A} $( $", expanded: "$A ${A} $( $" },
])("expandReferences() of $text", ({ text, expanded }) => {
  strictEqual(expandReferences(text, KNOWN), expanded);
});

const CONFIG: ConfigMap = { metadata: { name: "conf" }, data: { lr: "0.1", "a.b": "c" } };
const SECRET: Secret = { metadata: { name: "key" }, data: { token: btoa("s3cret") } };
const REFERENCES: References = {
  configMap: (_, name) => Promise.resolve(name === "conf" ? CONFIG : undefined),
  secret: (_, name) => Promise.resolve(name === "key" ? SECRET : undefined),
  allocatable: new Map([["cpu", 8000], ["ephemeral-storage", 3 * 2 ** 30]]),
};
const POD: Pod = {
  ...aPod("pong", { labels: { app: "x" }, spec: { nodeName: "laptop" } }),
  metadata: {
    name: "pong",
    namespace: "rl",
    uid: "pong-uid",
    labels: { app: "x" },
    annotations: { "a/b": "line\nline", c: "d" },
  },
};

Deno.test("buildVariables() takes envFrom first, then env in order", async () => {
  const container = aContainer({
    resources: { limits: { cpu: "1500m", memory: "1Gi" } },
    envFrom: [{ prefix: "P_", configMapRef: { name: "conf" } }, {
      configMapRef: { name: "none", optional: true },
    }],
    env: [
      { name: "ONE", value: "1" },
      { name: "TWO", value: "$(ONE)$(P_lr)$(LATER)" },
      { name: "LATER", value: "x" },
      { name: "ONE", value: "$(ONE)1" },
      { name: "NS", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "KEY", valueFrom: { secretKeyRef: { name: "key", key: "token" } } },
      { name: "LR", valueFrom: { configMapKeyRef: { name: "conf", key: "lr" } } },
      { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
      { name: "NO", valueFrom: { configMapKeyRef: { name: "conf", key: "no", optional: true } } },
    ],
  });
  deepStrictEqual(Object.fromEntries(await buildVariables(POD, container, REFERENCES)), {
    P_lr: "0.1",
    "P_a.b": "c",
    ONE: "11",
    TWO: "10.1$(LATER)",
    LATER: "x",
    NS: "rl",
    KEY: "s3cret",
    LR: "0.1",
    CPU: "2",
  });
});

const MISSING: readonly { what: string; entry: EnvVar["valueFrom"]; message: string }[] = [
  {
    what: "a config map",
    entry: { configMapKeyRef: { name: "none", key: "x" } },
    message: 'configmap "none" not found',
  },
  {
    what: "a key of a secret",
    entry: { secretKeyRef: { name: "key", key: "x" } },
    message: "couldn't find key x in Secret rl/key",
  },
];
Deno.test.each(MISSING)("buildVariables() refuses without $what", async ({ entry, message }) => {
  const env = [{ name: "X", ...(entry && { valueFrom: entry }) }];
  await rejects(
    buildVariables(POD, aContainer({ env }), REFERENCES),
    new ContainerRefusal("CreateContainerConfigError", message),
  );
});

Deno.test.each([
  { path: "metadata.name", value: "pong" },
  { path: "metadata.namespace", value: "rl" },
  { path: "metadata.uid", value: "pong-uid" },
  { path: "metadata.annotations", value: 'a/b="line\\nline"\nc="d"' },
  { path: "metadata.annotations['a/b']", value: "line\nline" },
  { path: "spec.nodeName", value: "laptop" },
  { path: "spec.serviceAccountName", value: "" },
  { path: "status.podIPs", value: "127.0.0.1" },
  { path: "status.hostIP", value: "127.0.0.1" },
  { path: "status.hostIPs", value: "127.0.0.1" },
  { path: "metadata.labels['app']", value: "x" },
  { path: "metadata.labels", value: 'app="x"' },
  { path: "metadata.annotations['none']", value: "" },
  { path: "status.podIP", value: "127.0.0.1" },
])("podField() gives $path", ({ path, value }) => strictEqual(podField(POD, path), value));

Deno.test.each([
  { resource: "limits.memory", divisor: "1Mi", value: "1024" },
  { resource: "limits.cpu", divisor: "1m", value: "100" },
  { resource: "limits.cpu", divisor: "0", value: "1" },
  { resource: "requests.cpu", divisor: undefined, value: "0" },
  { resource: "limits.memory", divisor: undefined, value: "1073741824" },
  { resource: "limits.memory", divisor: "1G", value: "2" },
  { resource: "limits.ephemeral-storage", divisor: "1Gi", value: "3" },
  { resource: "limits.nvidia.com/gpu", divisor: "1", value: "0" },
])("resourceField() gives $resource in units of $divisor", ({ resource, divisor, value }) => {
  const container = aContainer({ resources: { limits: { cpu: "0.1", memory: "1Gi" } } });
  const field = { resource, ...(divisor !== undefined && { divisor }) };
  strictEqual(resourceField(container, field, REFERENCES.allocatable), value);
});
