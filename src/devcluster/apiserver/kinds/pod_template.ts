/** Defaults of pod specs, in pods and in templates. */
import { childOf, fill, isObject, type JsonObject, objectsOf, stringOf } from "../json.ts";
import { canonicalQuantity } from "./quantity.ts";

/** Fills what the real server fills in a pod's spec. */
export function setPodSpecDefaults(spec: JsonObject): void {
  fill(spec, "restartPolicy", "Always");
  fill(spec, "terminationGracePeriodSeconds", 30);
  fill(spec, "dnsPolicy", "ClusterFirst");
  fill(spec, "securityContext", {});
  fill(spec, "schedulerName", "default-scheduler");
  if (typeof spec.serviceAccountName === "string") spec.serviceAccount = spec.serviceAccountName;
  else if (typeof spec.serviceAccount === "string") spec.serviceAccountName = spec.serviceAccount;
  for (const container of objectsOf(spec.initContainers)) setContainerDefaults(container, spec);
  for (const container of objectsOf(spec.containers)) setContainerDefaults(container, spec);
  for (const volume of objectsOf(spec.volumes)) setVolumeDefaults(volume);
}

function setContainerDefaults(container: JsonObject, spec: JsonObject): void {
  fill(container, "resources", {});
  fill(container, "terminationMessagePath", "/dev/termination-log");
  fill(container, "terminationMessagePolicy", "File");
  if (!container.imagePullPolicy) {
    container.imagePullPolicy = pullPolicyOf(stringOf(container.image));
  }
  for (const port of objectsOf(container.ports)) {
    fill(port, "protocol", "TCP");
    if (spec.hostNetwork === true) fill(port, "hostPort", port.containerPort);
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    const probe = container[name];
    if (!isObject(probe)) continue;
    for (const [key, value] of PROBE_DEFAULTS) if (!probe[key]) probe[key] = value;
    if (isObject(probe.httpGet)) setHttpGetDefaults(probe.httpGet);
    if (isObject(probe.grpc)) fill(probe.grpc, "service", "");
  }
  if (isObject(container.lifecycle)) {
    for (const name of ["postStart", "preStop"]) {
      const handler = container.lifecycle[name];
      if (isObject(handler) && isObject(handler.httpGet)) setHttpGetDefaults(handler.httpGet);
    }
  }
  for (const variable of objectsOf(container.env)) {
    const source = variable.valueFrom;
    if (isObject(source) && isObject(source.fieldRef)) fill(source.fieldRef, "apiVersion", "v1");
  }
  setResourceDefaults(childOf(container, "resources"));
}
const PROBE_DEFAULTS: readonly (readonly [string, number])[] = [
  ["timeoutSeconds", 1],
  ["periodSeconds", 10],
  ["successThreshold", 1],
  ["failureThreshold", 3],
];
function setHttpGetDefaults(action: JsonObject): void {
  fill(action, "path", "/");
  fill(action, "scheme", "HTTP");
}

/** Limits become requests where none are given; quantities get their shortest form. */
export function setResourceDefaults(resources: JsonObject): void {
  for (const part of ["limits", "requests"]) {
    const quantities = resources[part];
    if (!isObject(quantities)) continue;
    for (const [name, quantity] of Object.entries(quantities)) {
      quantities[name] = canonicalQuantity(quantity);
    }
  }
  if (!isObject(resources.limits)) return;
  const requests = childOf(resources, "requests");
  for (const [name, quantity] of Object.entries(resources.limits)) fill(requests, name, quantity);
}

/** `Always` for `latest` and for no tag, else `IfNotPresent`. */
function pullPolicyOf(image: string): string {
  if (image.includes("@")) return "IfNotPresent";
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

const FILE_MODE = 0o644;
function setVolumeDefaults(volume: JsonObject): void {
  for (const name of ["secret", "configMap", "downwardAPI", "projected"]) {
    const source = volume[name];
    if (isObject(source)) fill(source, "defaultMode", FILE_MODE);
  }
  if (isObject(volume.hostPath)) fill(volume.hostPath, "type", "");
  const downward = [
    volume.downwardAPI,
    ...objectsOf(objectsOf([volume.projected])[0]?.sources)
      .map(({ downwardAPI }) => downwardAPI),
  ];
  for (const source of objectsOf(downward)) {
    for (const item of objectsOf(source.items)) {
      if (isObject(item.fieldRef)) fill(item.fieldRef, "apiVersion", "v1");
    }
  }
  // A volume without any source is an emptyDir.
  if (Object.keys(volume).every((key) => key === "name")) volume.emptyDir = {};
}
