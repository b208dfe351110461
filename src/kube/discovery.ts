/** The kinds that an API server has. */
import * as z from "zod";
import type { KubeClient } from "./client.ts";
import { ifFound } from "./errors.ts";
import type { Resource } from "./resources.ts";
import type { KubeObject } from "./types.ts";

const RESOURCE_LIST = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
});

/**
 * The kinds of a version (`v1`, `apps/v1`), subresources left out; none of one that is not served. `T` is
 * what the caller takes their objects for.
 */
export async function discoverKinds<T extends KubeObject>(
  client: KubeClient,
  apiVersion: string,
  signal?: AbortSignal,
): Promise<Resource<T>[]> {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const path = group === "" ? `/api/${version}` : `/apis/${apiVersion}`;
  const list = await ifFound(client.request<unknown>("GET", path, { ...(signal && { signal }) }));
  const { resources } = RESOURCE_LIST.parse(list ?? { resources: [] });
  return resources.filter(({ name }) => !name.includes("/"))
    .map(({ name: plural, kind, namespaced }) => ({ group, version, kind, plural, namespaced }));
}
