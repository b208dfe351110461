/** Questions that are answered and not stored: who may do what, and who somebody is. */
import { type Authenticator, type Identity, isAllowed } from "../auth/identity.ts";
import { ISSUER } from "../auth/tokens.ts";
import { type ApiObject, isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import type { ResourcePath } from "../router.ts";
import { badRequest, type FieldError, invalid, invalidObject } from "../status.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";
import { jsonResponse } from "./respond.ts";

/** What a review looks at beside its own body. */
export interface ReviewCall {
  readonly type: ResourceType;
  readonly path: ResourcePath;
  /** Who asks. */
  readonly identity: Identity;
  readonly authenticator: Authenticator;
}

/** Answers a review. @throws {StatusError} 400 or 422 when nothing is asked. */
export function answerReview(call: ReviewCall, body: unknown, options: WriteOptions): Response {
  const review = decodeObject(body, call.type, options);
  review.status = statusOf(review, call);
  if (review.kind === "LocalSubjectAccessReview") {
    review.metadata.namespace = call.path.namespace;
  }
  return jsonResponse(JSON.stringify(review), { status: 201, warnings: options.warnings });
}

function statusOf(review: ApiObject, { identity, authenticator, path }: ReviewCall): JsonObject {
  const spec = objectOf(review.spec);
  switch (review.kind) {
    case "TokenReview":
      return tokenStatus(spec, authenticator);
    case "SelfSubjectReview":
      return { userInfo: { ...identity } };
    case "SelfSubjectRulesReview":
      return rulesStatus(spec);
    case "SelfSubjectAccessReview":
      checkAccess(attributeErrors(spec));
      return accessStatus(identity.username, identity.groups);
    default: {
      const groups = listOf(spec.groups).map(String);
      checkAccess([...attributeErrors(spec), ...subjectErrors(spec, groups, path)]);
      return accessStatus(stringOf(spec.user), groups);
    }
  }
}

function accessStatus(username: string, groups: readonly string[]): JsonObject {
  const allowed = isAllowed(username, groups);
  return { allowed, reason: "everyone who has a token may do everything here" };
}

/** @throws {StatusError} 422; the real server leaves the kind out of it. */
function checkAccess(errors: readonly FieldError[]): void {
  if (errors.length > 0) {
    throw invalidObject({ group: "authorization.k8s.io", kind: "" }, "", errors);
  }
}

function attributeErrors({ resourceAttributes, nonResourceAttributes }: JsonObject): FieldError[] {
  if (!isObject(nonResourceAttributes)) {
    if (isObject(resourceAttributes)) return [];
    const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    return [invalid("spec.resourceAttributes", null, why)];
  }
  if (!isObject(resourceAttributes)) return [];
  // The real server shows its inner form.
  const { path = "", verb = "" } = nonResourceAttributes;
  const why = "cannot be specified in combination with resourceAttributes";
  return [invalid("spec.nonResourceAttributes", { Path: path, Verb: verb }, why)];
}

function subjectErrors(
  spec: JsonObject,
  groups: readonly string[],
  { namespace }: ResourcePath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (stringOf(spec.user) === "" && groups.length === 0) {
    errors.push(invalid("spec.user", "", "at least one of user or group must be specified"));
  }
  const about = stringOf(objectOf(spec.resourceAttributes).namespace);
  if (namespace !== "" && about !== namespace) {
    const why = "must match metadata.namespace";
    errors.push(invalid("spec.resourceAttributes.namespace", about, why));
  }
  return errors;
}

/** What `kubectl auth can-i --list` shows. @throws {StatusError} 400 without a namespace. */
function rulesStatus(spec: JsonObject): JsonObject {
  if (stringOf(spec.namespace) === "") throw badRequest("no namespace on request");
  return {
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
    incomplete: false,
  };
}

function tokenStatus(spec: JsonObject, authenticator: Authenticator): JsonObject {
  const token = stringOf(spec.token);
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const asked = listOf(spec.audiences).map(String);
  const verdict = authenticator.verify(token, asked.length === 0 ? [ISSUER] : asked);
  if ("fault" in verdict) return { user: {}, error: verdict.fault };
  return { authenticated: true, user: { ...verdict.identity }, audiences: verdict.audiences };
}
