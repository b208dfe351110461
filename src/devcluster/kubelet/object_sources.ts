/** What pods refer to, read from the API server. */
import {
  type CallOptions,
  CONFIG_MAPS,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type Pod,
  SECRETS,
} from "../../kube/mod.ts";
import type { VolumeSources } from "./volumes.ts";

type TokenOptions = Parameters<VolumeSources["serviceAccountToken"]>[1];

interface TokenRequest extends KubeObject {
  readonly status?: { readonly token?: string };
}

/** Config maps, secrets and tokens, read each time they are asked for, until `signal` aborts. */
export function readSources(client: KubeClient, signal: AbortSignal): VolumeSources {
  const options = { signal };
  return {
    configMap: (namespace, name) =>
      orUndefined(client.get(CONFIG_MAPS, { namespace, name }, options)),
    secret: (namespace, name) => orUndefined(client.get(SECRETS, { namespace, name }, options)),
    serviceAccountToken: (pod, request) => requestToken(client, pod, request, options),
  };
}

async function requestToken(
  client: KubeClient,
  { metadata, spec }: Pod,
  { audience, expirationSeconds }: TokenOptions,
  options: CallOptions,
): Promise<string> {
  const account = encodeURIComponent(spec?.serviceAccountName || "default");
  const namespace = encodeURIComponent(metadata.namespace ?? "");
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const answer = await client.request<TokenRequest>("POST", path, options, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {
      audiences: audience === undefined ? [] : [audience],
      expirationSeconds,
      boundObjectRef: {
        apiVersion: "v1",
        kind: "Pod",
        name: metadata.name,
        uid: metadata.uid,
      },
    },
  });
  return answer.status?.token ?? "";
}

async function orUndefined<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
