/** Who sends a request, and whether it may be answered: everyone who is known may do everything. */
import { timingSafeEqual } from "node:crypto";
import type { ParsedPath, ResourcePath } from "../router.ts";
import { forbiddenRequest, type StatusError, unauthorized } from "../status.ts";
import { ISSUER, type ServiceAccountTokens } from "./tokens.ts";

/** A user as reviews show it. */
export interface Identity {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Who has the server's own token. */
const ADMIN: Identity = {
  username: "di-orchestrator",
  groups: ["system:masters", "system:authenticated"],
};
/** Who says nothing of himself. */
const ANONYMOUS: Identity = {
  username: "system:anonymous",
  groups: ["system:unauthenticated"],
};
/** What everybody may read. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/healthz",
  "/livez",
  "/readyz",
  "/version",
  "/version/",
]);

/** Tells by a token who sends it. */
export class Authenticator {
  readonly #token: Uint8Array;
  readonly #tokens: ServiceAccountTokens;

  constructor(token: string, tokens: ServiceAccountTokens) {
    this.#token = new TextEncoder().encode(token);
    this.#tokens = tokens;
  }

  /** @throws {StatusError} 401 for a token that does not count. */
  identify(request: Request): Identity {
    const header = request.headers.get("authorization") ?? "";
    const [, token = ""] = /^bearer +([^ ]+)/i.exec(header) ?? [];
    if (token === "") return ANONYMOUS;
    const verdict = this.verify(token, [ISSUER]);
    if ("fault" in verdict) throw unauthorized();
    return impersonated(request.headers) ?? verdict.identity;
  }

  /** What a token says to the given audiences. */
  verify(
    token: string,
    audiences: readonly string[],
  ): ReturnType<ServiceAccountTokens["verify"]> {
    const given = new TextEncoder().encode(token);
    if (given.length === this.#token.length && timingSafeEqual(given, this.#token)) {
      return { identity: ADMIN, audiences };
    }
    return this.#tokens.verify(token, audiences, Date.now());
  }
}

/** Whom a known user wants to be taken for: `kubectl --as`. */
function impersonated(headers: Headers): Identity | undefined {
  const username = headers.get("impersonate-user") ?? "";
  if (username === "") return undefined;
  const uid = headers.get("impersonate-uid") ?? "";
  const asked = (headers.get("impersonate-group") ?? "").split(",").map((group) => group.trim())
    .filter((group) => group !== "");
  const known = username === ANONYMOUS.username ? ANONYMOUS.groups : ["system:authenticated"];
  return {
    username,
    ...(uid !== "" && { uid }),
    groups: [...new Set([...asked, ...known])],
  };
}

/** Whether a user may do what nobody else than a known user may. */
export function isAllowed(username: string, groups: readonly string[]): boolean {
  return username !== ANONYMOUS.username || groups.includes("system:masters");
}

/** @throws {StatusError} 403 when the user may not send such a request. */
export function authorize(
  { username, groups }: Identity,
  request: Request,
  path: ParsedPath,
  url: URL,
): void {
  if (isAllowed(username, groups)) return;
  const { method } = request;
  if (method === "GET" && OPEN_PATHS.has(url.pathname)) return;
  if (path.type === "resource") throw forbiddenResource(username, method, path, url.searchParams);
  const why = `User "${username}" cannot ${method.toLowerCase()} path "${url.pathname}"`;
  throw forbiddenRequest(undefined, "", why);
}

function forbiddenResource(
  username: string,
  method: string,
  path: ResourcePath,
  query: URLSearchParams,
): StatusError {
  const { group, plural, name, subresource } = path;
  const namespace = plural === "namespaces" && group === "" ? name : path.namespace;
  const resource = subresource === "" ? plural : `${plural}/${subresource}`;
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const what = `${verbOf(method, path, query)} resource "${resource}" in API group "${group}"`;
  return forbiddenRequest(path, name, `User "${username}" cannot ${what} ${scope}`);
}

function verbOf(method: string, path: ResourcePath, query: URLSearchParams): string {
  const named = path.name !== "";
  switch (method) {
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    case "GET":
    case "HEAD":
      if (path.watch || query.get("watch") === "true" || query.get("watch") === "1") return "watch";
      return named ? "get" : "list";
    default:
      return method.toLowerCase();
  }
}
