/** Tokens that service accounts are given. */
import { ISSUER, type ServiceAccountTokens } from "../auth/tokens.ts";
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { builtIn, TOKEN_REQUEST } from "../resources.ts";
import { conflict, invalid, invalidObject, notFound, otherNamespace } from "../status.ts";
import { objectKey } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";

const TOKEN_REQUEST_TYPE: ResourceType = { info: TOKEN_REQUEST, rules: {}, custom: undefined };
const PODS = builtIn("", "pods");
const DEFAULT_LIFETIME_S = 3600;
const LIFETIME_MIN_S = 600;

/**
 * Answers a TokenRequest: a token that is good for what its holder may do, which is everything.
 *
 * @throws {StatusError} 404 when the pod it is bound to is not there, 422 for a short lifetime.
 */
export function issueToken(
  { cluster, tokens }: { readonly cluster: Cluster; readonly tokens: ServiceAccountTokens },
  account: ApiObject,
  body: unknown,
  options: WriteOptions,
): JsonObject {
  const request = decodeObject(body, TOKEN_REQUEST_TYPE, options);
  const { name, namespace = "" } = account.metadata;
  if ((request.metadata.namespace ?? namespace) !== namespace) throw otherNamespace();
  const spec = objectOf(request.spec);
  const lifetimeS = typeof spec.expirationSeconds === "number"
    ? spec.expirationSeconds
    : DEFAULT_LIFETIME_S;
  if (lifetimeS < LIFETIME_MIN_S) {
    const why = "may not specify a duration less than 10 minutes";
    throw invalidObject(TOKEN_REQUEST, "", [invalid("spec.expirationSeconds", lifetimeS, why)]);
  }
  const bound = isObject(spec.boundObjectRef) ? spec.boundObjectRef : undefined;
  const pod = bound?.kind === "Pod" ? findPod(cluster, namespace, bound) : undefined;
  const asked = listOf(spec.audiences).map(String);
  const audiences = asked.length === 0 ? [ISSUER] : asked;
  const issuedAtMs = Date.now();
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, creationTimestamp: timestamp(issuedAtMs) },
    spec: { audiences, expirationSeconds: lifetimeS, boundObjectRef: bound ?? null },
    status: {
      token: tokens.issue({
        account,
        ...(pod !== undefined && { pod }),
        audiences,
        issuedAtMs,
        lifetimeS,
      }),
      expirationTimestamp: timestamp(issuedAtMs + lifetimeS * 1000),
    },
  };
}

/** @throws {StatusError} 404, or 409 when it is another pod of that name. */
function findPod(cluster: Cluster, namespace: string, bound: JsonObject): ApiObject {
  const name = stringOf(bound.name);
  const pod = cluster.store.collection(PODS).get(objectKey(namespace, name))?.value;
  if (pod === undefined) throw notFound(PODS, name);
  const uid = stringOf(bound.uid);
  if (uid !== "" && uid !== pod.metadata.uid) {
    const why =
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict(PODS, name, why);
  }
  return pod;
}
