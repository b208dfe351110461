/** Tokens of service accounts: signed statements that hold while what they speak of exists. */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";
import { builtIn } from "../resources.ts";
import { objectKey, type Stored } from "../store.ts";
import type { Identity } from "./identity.ts";

/** Who signs, and at the same time the audience that is this server. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

const ACCOUNTS = builtIn("", "serviceaccounts");
const PODS = builtIn("", "pods");
const HEADER = encode({ alg: "HS256", typ: "JWT" });

/** What a token is to say. */
export interface TokenGrant {
  readonly account: ApiObject;
  /** The token holds no longer than this pod. */
  readonly pod?: ApiObject;
  readonly audiences: readonly string[];
  readonly issuedAtMs: number;
  readonly lifetimeS: number;
}

/** Who holds a token and for whom it was made, or why it does not count. */
export type TokenVerdict =
  | { readonly identity: Identity; readonly audiences: readonly string[] }
  | { readonly fault: string };

/** Signs tokens with a key of its own, and knows them again. */
export class ServiceAccountTokens {
  readonly #cluster: Cluster;
  readonly #key = randomBytes(32);

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  issue({ account, pod, audiences, issuedAtMs, lifetimeS }: TokenGrant): string {
    const { name, namespace, uid } = account.metadata;
    const issuedAt = Math.floor(issuedAtMs / 1000);
    const claims = {
      aud: audiences,
      exp: issuedAt + lifetimeS,
      iat: issuedAt,
      iss: ISSUER,
      jti: crypto.randomUUID(),
      "kubernetes.io": {
        namespace,
        ...(pod !== undefined && { pod: { name: pod.metadata.name, uid: pod.metadata.uid } }),
        serviceaccount: { name, uid },
      },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${name}`,
    };
    const statement = `${HEADER}.${encode(claims)}`;
    return `${statement}.${this.#sign(statement).toString("base64url")}`;
  }

  /** @param audiences One of them must be the token's. */
  verify(token: string, audiences: readonly string[], nowMs: number): TokenVerdict {
    const claims = this.#read(token);
    if (claims === undefined) return { fault: "invalid bearer token" };
    if (Number(claims.exp) * 1000 <= nowMs) {
      return { fault: "[invalid bearer token, service account token has expired]" };
    }
    const own = listOf(claims.aud).map(String);
    const shared = own.filter((audience) => audiences.includes(audience));
    if (shared.length === 0) {
      const [found, wanted] = [own, audiences].map((list) =>
        `[${list.map((audience) => JSON.stringify(audience)).join(" ")}]`
      );
      return {
        fault:
          `[invalid bearer token, token audiences ${found} is invalid for the target audiences ${wanted}]`,
      };
    }
    const { namespace, serviceaccount, pod } = objectOf(claims["kubernetes.io"]);
    const account = objectOf(serviceaccount);
    for (const [info, bound] of [[ACCOUNTS, account], [PODS, pod]] as const) {
      if (!isObject(bound)) continue;
      const name = stringOf(bound.name);
      const found = this.#find(info, stringOf(namespace), name);
      if (found?.value.metadata.uid === bound.uid) continue;
      return { fault: `[invalid bearer token, ${info.plural} ${JSON.stringify(name)} not found]` };
    }
    return { identity: identityOf(claims), audiences: shared };
  }

  #read(token: string): JsonObject | undefined {
    const [header = "", claims = "", signature = ""] = token.split(".");
    const given = Buffer.from(signature, "base64url");
    const expected = this.#sign(`${header}.${claims}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    // Nobody else has the key: what is signed was written here.
    return objectOf(JSON.parse(Buffer.from(claims, "base64url").toString()));
  }
  #sign(statement: string): Buffer {
    return createHmac("sha256", this.#key).update(statement).digest();
  }
  #find(info: typeof ACCOUNTS, namespace: string, name: string): Stored | undefined {
    return this.#cluster.store.collection(info).get(objectKey(namespace, name));
  }
}

function identityOf(claims: JsonObject): Identity {
  const { namespace, serviceaccount, pod } = objectOf(claims["kubernetes.io"]);
  const extra: Record<string, readonly string[]> = {
    "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`],
  };
  if (isObject(pod)) {
    extra["authentication.kubernetes.io/pod-name"] = [stringOf(pod.name)];
    extra["authentication.kubernetes.io/pod-uid"] = [stringOf(pod.uid)];
  }
  return {
    username: stringOf(claims.sub),
    uid: stringOf(objectOf(serviceaccount).uid),
    groups: [
      "system:serviceaccounts",
      `system:serviceaccounts:${namespace}`,
      "system:authenticated",
    ],
    extra,
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
