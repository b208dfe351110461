/** Questions that are answered and not stored: who may do what, and who a token is. */
import { type ApiObject, copyOf, isObject, type JsonObject, objectOf } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { timestamp } from "../timestamp.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";
import { jsonResponse } from "./respond.ts";

/** Who everyone with the token is. */
const USER = { username: "di-orchestrator", groups: ["system:masters", "system:authenticated"] };
const TOKEN_LIFETIME_S = 3600;

/** Answers a review: there is one user here, and it may do everything. */
export function answerReview(type: ResourceType, body: unknown, options: WriteOptions): Response {
  const review = decodeObject(body, type, options);
  review.status = type.info.kind === "TokenReview"
    ? { authenticated: objectOf(review.spec).token !== undefined, user: USER }
    : { allowed: true, reason: "everyone with the token may do everything here" };
  return jsonResponse(JSON.stringify(review), { status: 201, warnings: options.warnings });
}

/** A token for a service account: it opens nothing, since only the server's own does. */
export function issueToken({ metadata }: ApiObject, body: unknown): JsonObject {
  const request = isObject(body) ? copyOf(body) : {};
  const spec = objectOf(request.spec);
  const lifetime = typeof spec.expirationSeconds === "number"
    ? spec.expirationSeconds
    : TOKEN_LIFETIME_S;
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      creationTimestamp: timestamp(),
    },
    spec: { ...spec, expirationSeconds: lifetime },
    status: {
      token: crypto.randomUUID(),
      expirationTimestamp: timestamp(Date.now() + lifetime * 1000),
    },
  };
}
