/** Paths and queries of the Kubernetes API. */
import type { Resource } from "./resources.ts";
import type { KubeObject, ObjectKey } from "./types.ts";

/** `/api/v1/namespaces/rl/pods`; without a namespace the list over all of them. */
export function listPath(resource: Resource<KubeObject>, namespace?: string): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced && namespace
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
    : `${root}/${plural}`;
}

/** The path of one object, or of a subresource of it. */
export function objectPath(
  resource: Resource<KubeObject>,
  { namespace, name }: ObjectKey,
  subresource?: string,
): string {
  const path = `${listPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** `?a=1&b=2` of what is not undefined; "" when nothing is. */
export function queryOf(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(key, String(value));
  }
  return query.size === 0 ? "" : `?${query}`;
}
