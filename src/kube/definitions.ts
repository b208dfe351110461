/** Custom resource definitions, as far as those need them who install some. */
import { sleep } from "../lib/abort.ts";
import type { KubeClient } from "./client.ts";
import { ConnectionError } from "./errors.ts";
import type { Resource } from "./resources.ts";
import type { KubeObject } from "./types.ts";

export interface Definition extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export const DEFINITIONS: Resource<Definition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** How long an API server may take to serve a new kind, and how often it is asked, in ms. */
const ESTABLISH_LIMIT_MS = 10_000;
const POLL_MS = 10;

/**
 * Makes a definition, and waits until its kind is served.
 *
 * @throws {ApiError} If the API server refuses it.
 * @throws {ConnectionError} If its kind is not served in 10 s.
 */
export async function createDefinition(client: KubeClient, definition: Definition): Promise<void> {
  const { metadata: { name = "" } } = await client.create(DEFINITIONS, definition);
  const wait = { limitMs: ESTABLISH_LIMIT_MS, pollMs: POLL_MS };
  if (await isServedWithin(client, name, wait)) return;
  throw new ConnectionError(`${name} is not served after ${ESTABLISH_LIMIT_MS} ms`, undefined);
}

/** Waits until the kind of a definition is served; false when it is not in time. */
export async function isServedWithin(
  client: KubeClient,
  name: string,
  { limitMs, pollMs, signal }: {
    readonly limitMs: number;
    readonly pollMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const key = { namespace: "", name };
    if (isEstablished(await client.get(DEFINITIONS, key, { ...(signal && { signal }) }))) {
      return true;
    }
    signal?.throwIfAborted();
    await sleep(pollMs, signal);
  }
  return false;
}

function isEstablished({ status }: Definition): boolean {
  return status?.conditions?.some(({ type, status }) =>
    type === "Established" && status === "True"
  ) ?? false;
}
