/** What pods refer to, read from the API server. */
import {
  type CallOptions,
  CONFIG_MAPS,
  ifFound,
  type KubeClient,
  type KubeObject,
  type Pod,
  SECRETS,
} from "../../kube/mod.ts";
import type { Amounts } from "./pod_resources.ts";
import type { ServiceToken, VolumeSources } from "./volumes.ts";

type TokenOptions = Parameters<VolumeSources["serviceAccountToken"]>[1];

interface TokenRequest extends KubeObject {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

/** Config maps, secrets and tokens, read each time they are asked for, until `signal` aborts. */
export function readSources(
  client: KubeClient,
  allocatable: Amounts,
  signal: AbortSignal,
): VolumeSources {
  const options = { signal };
  return {
    allocatable,
    configMap: (namespace, name) => ifFound(client.get(CONFIG_MAPS, { namespace, name }, options)),
    secret: (namespace, name) => ifFound(client.get(SECRETS, { namespace, name }, options)),
    serviceAccountToken: (pod, request) => requestToken(client, pod, request, options),
  };
}

async function requestToken(
  client: KubeClient,
  { metadata, spec }: Pod,
  { audience, expirationSeconds }: TokenOptions,
  options: CallOptions,
): Promise<ServiceToken> {
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
  const { token = "", expirationTimestamp } = answer.status ?? {};
  const expiresAtMs = Date.parse(expirationTimestamp ?? "");
  // The server may give another lifetime than was asked for.
  const lifetimeMs = expiresAtMs - Date.now() || expirationSeconds * 1000;
  return { token, lifetimeMs };
}

/** A token is used for this part of its life. */
const TOKEN_SHARE = 0.8;
/** And no longer than this. */
const TOKEN_LIMIT_MS = 24 * 3600_000;

/** The same sources for one pod; a token is asked for again only when most of its life is over. */
export function withKeptTokens(sources: VolumeSources, now: () => number): VolumeSources {
  const kept = new Map<string, { readonly token: ServiceToken; readonly untilMs: number }>();
  return {
    ...sources,
    async serviceAccountToken(pod, request) {
      const key = JSON.stringify(request);
      const held = kept.get(key);
      if (held !== undefined && now() < held.untilMs) return held.token;
      const token = await sources.serviceAccountToken(pod, request);
      const untilMs = now() + Math.min(TOKEN_LIMIT_MS, token.lifetimeMs * TOKEN_SHARE);
      kept.set(key, { token, untilMs });
      return token;
    },
  };
}
