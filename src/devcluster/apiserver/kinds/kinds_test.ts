import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { JsonObject } from "../json.ts";
import { qosClassOf } from "./pod.ts";
import { setPodSpecDefaults } from "./pod_template.ts";
import { validatePodSpec } from "./pod_validation.ts";
import { canonicalQuantity } from "./quantity.ts";

Deno.test.each<{ given: unknown; shown: unknown }>([
  { given: "1000m", shown: "1" },
  { given: "100m", shown: "100m" },
  { given: "0.5", shown: "500m" },
  { given: 2, shown: "2" },
  { given: "1024Mi", shown: "1Gi" },
  { given: "1536Mi", shown: "1536Mi" },
  { given: "1000k", shown: "1M" },
  { given: "1e3", shown: "1k" },
  { given: "0", shown: "0" },
  { given: "many", shown: "many" },
])("canonicalQuantity($given) is $shown", ({ given, shown }) => {
  strictEqual(canonicalQuantity(given), shown);
});

const withResources = (resources: JsonObject): JsonObject => ({ containers: [{ resources }] });
Deno.test.each<{ spec: JsonObject; qos: string }>([
  { spec: withResources({}), qos: "BestEffort" },
  { spec: withResources({ requests: { cpu: "1" } }), qos: "Burstable" },
  { spec: withResources({ limits: { cpu: "1", memory: "1Gi" } }), qos: "Guaranteed" },
  {
    spec: withResources({ limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "1" } }),
    qos: "Burstable",
  },
])("qosClassOf() is $qos", ({ spec, qos }) => {
  strictEqual(qosClassOf(spec), qos);
});

Deno.test("setPodSpecDefaults() fills what the real server fills", () => {
  const spec: JsonObject = {
    containers: [{ name: "c", image: "x:1", ports: [{ containerPort: 80 }] }],
    volumes: [{ name: "v" }, { name: "s", secret: { secretName: "t" } }],
  };
  setPodSpecDefaults(spec);
  deepStrictEqual(spec, {
    containers: [{
      name: "c",
      image: "x:1",
      ports: [{ containerPort: 80, protocol: "TCP" }],
      resources: {},
      terminationMessagePath: "/dev/termination-log",
      terminationMessagePolicy: "File",
      imagePullPolicy: "IfNotPresent",
    }],
    volumes: [
      { name: "v", emptyDir: {} },
      { name: "s", secret: { secretName: "t", defaultMode: 420 } },
    ],
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  });
});

Deno.test.each([
  { image: "busybox", policy: "Always" },
  { image: "busybox:latest", policy: "Always" },
  { image: "host:5000/busybox", policy: "Always" },
  { image: "busybox:1.36", policy: "IfNotPresent" },
  { image: "busybox@sha256:aa", policy: "IfNotPresent" },
])("image $image is pulled $policy", ({ image, policy }) => {
  const container: JsonObject = { name: "c", image };
  setPodSpecDefaults({ containers: [container] });
  strictEqual(container.imagePullPolicy, policy);
});

const good: JsonObject = { name: "c", image: "x" };
Deno.test.each<{ spec: JsonObject; faults: string[] }>([
  { spec: { containers: [good] }, faults: [] },
  { spec: {}, faults: ["spec.containers: Required value"] },
  { spec: { containers: [{ name: "c" }] }, faults: ["spec.containers[0].image: Required value"] },
  {
    spec: { containers: [good, good] },
    faults: ['spec.containers[1].name: Duplicate value: "c"'],
  },
  {
    spec: { containers: [{ ...good, ports: [{ containerPort: 70000 }] }] },
    faults: [
      "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ],
  },
  {
    spec: { containers: [{ ...good, volumeMounts: [{ name: "v", mountPath: "/v" }] }] },
    faults: ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  },
  {
    spec: { containers: [good], restartPolicy: "Sometimes" },
    faults: [
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
  },
])("validatePodSpec() finds $faults", ({ spec, faults }) => {
  const found = validatePodSpec(spec, "spec");
  deepStrictEqual(found.map(({ field, message }) => `${field}: ${message}`), faults);
});
