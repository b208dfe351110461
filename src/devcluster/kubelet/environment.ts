/** The variables of a container, in the order in which Kubernetes sets them. */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from "../../kube/mod.ts";
import { ContainerRefusal } from "./refusal.ts";
import { expandReferences } from "./expansion.ts";
import { type Amounts, amountsOf, ceilDivide } from "./pod_resources.ts";
import { HOST_IP } from "./pod_status.ts";
import { allContainersOf } from "./records.ts";

/** Reads what variables and volumes refer to; undefined when there is no such object. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** What the node has for pods: the limit of a container that has none. */
  readonly allocatable: Amounts;
}

/**
 * The container's own variables: `envFrom`, then `env`, references to earlier ones replaced.
 *
 * @throws {ContainerRefusal} If an object or a key that is not optional does not exist.
 */
export async function buildVariables(
  pod: Pod,
  container: Container,
  references: References,
): Promise<Map<string, string>> {
  const variables = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    const data = source.configMapRef !== undefined
      ? await configMapData(pod, source.configMapRef, references)
      : source.secretRef !== undefined
      ? await secretData(pod, source.secretRef, references)
      : {};
    for (const [key, value] of Object.entries(data)) {
      variables.set(`${source.prefix ?? ""}${key}`, value);
    }
  }
  for (const entry of container.env ?? []) {
    const value = await valueOf(entry, pod, container, references, variables);
    if (value !== undefined) variables.set(entry.name, value);
  }
  return variables;
}

async function valueOf(
  { value, valueFrom }: EnvVar,
  pod: Pod,
  container: Container,
  references: References,
  known: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expandReferences(value ?? "", known);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return podField(pod, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined) {
    const { containerName } = resourceFieldRef;
    const owner = allContainersOf(pod).find(({ name }) => name === containerName) ?? container;
    return resourceField(owner, resourceFieldRef, references.allocatable);
  }
  if (configMapKeyRef !== undefined) {
    const data = await configMapData(pod, configMapKeyRef, references);
    return keyed(data, configMapKeyRef, "ConfigMap", pod);
  }
  if (secretKeyRef !== undefined) {
    const data = await secretData(pod, secretKeyRef, references);
    return keyed(data, secretKeyRef, "Secret", pod);
  }
  return "";
}

interface ObjectReference {
  readonly name?: string;
  readonly optional?: boolean;
}

async function configMapData(
  { metadata }: Pod,
  { name = "", optional }: ObjectReference,
  references: References,
): Promise<Readonly<Record<string, string>>> {
  const found = await references.configMap(metadata.namespace ?? "", name);
  if (found === undefined && optional !== true) {
    throw new ContainerRefusal("CreateContainerConfigError", `configmap "${name}" not found`);
  }
  return found?.data ?? {};
}

async function secretData(
  { metadata }: Pod,
  { name = "", optional }: ObjectReference,
  references: References,
): Promise<Readonly<Record<string, string>>> {
  const found = await references.secret(metadata.namespace ?? "", name);
  if (found === undefined && optional !== true) {
    throw new ContainerRefusal("CreateContainerConfigError", `secret "${name}" not found`);
  }
  return Object.fromEntries(
    Object.entries(found?.data ?? {}).map((
      [key, value],
    ) => [key, new TextDecoder().decode(Uint8Array.fromBase64(value))]),
  );
}

function keyed(
  data: Readonly<Record<string, string>>,
  { name = "", key, optional }: ObjectReference & { readonly key: string },
  kind: string,
  { metadata }: Pod,
): string | undefined {
  const value = data[key];
  if (value !== undefined || optional === true) return value;
  throw new ContainerRefusal(
    "CreateContainerConfigError",
    `couldn't find key ${key} in ${kind} ${metadata.namespace}/${name}`,
  );
}

/** A field of the pod as the downward API gives it; "" for what the pod does not have. */
export function podField(pod: Pod, path: string): string {
  const { metadata, spec } = pod;
  const entry = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (entry !== null) {
    const map = entry[1] === "labels" ? metadata.labels : metadata.annotations;
    return map?.[entry[2] ?? ""] ?? "";
  }
  switch (path) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "metadata.labels":
      return mapText(metadata.labels);
    case "metadata.annotations":
      return mapText(metadata.annotations);
    case "spec.nodeName":
      return spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.hostIP":
    case "status.hostIPs":
    case "status.podIP":
    case "status.podIPs":
      return HOST_IP;
    default:
      return "";
  }
}

function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`).join("\n");
}

/** `requests.cpu`, `limits.memory`, …, in units of the divisor, rounded up; without a limit the node's. */
export function resourceField(
  { resources }: Container,
  { resource, divisor }: { readonly resource: string; readonly divisor?: string | number },
  allocatable: Amounts,
): string {
  const [side = "", name = ""] = splitOnce(resource, ".");
  const stated = side === "limits" ? resources?.limits : resources?.requests;
  const fallback = side === "limits" ? allocatable : undefined;
  const amount = amountsOf(stated).get(name) ?? fallback?.get(name) ?? 0;
  const unit = amountsOf({ [name]: divisor ?? "1" }).get(name) ||
    amountsOf({ [name]: "1" }).get(name);
  return String(ceilDivide(amount, unit ?? 1));
}

function splitOnce(text: string, mark: string): readonly string[] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}
