/** What the server tells of itself: discovery, OpenAPI, version, health. */
import { createHash } from "node:crypto";
import {
  AGGREGATED_TYPE,
  aggregatedDiscovery,
  groupDocument,
  groupList,
  legacyVersions,
  resourceList,
  wantsAggregated,
} from "./discovery.ts";
import { healthResponse } from "./health.ts";
import { parseAccept } from "./http/request.ts";
import { jsonResponse, pageNotFound } from "./http/respond.ts";
import type { JsonObject } from "./json.ts";
import { openapiDocument, openapiIndex, openapiPaths, openapiV2 } from "./openapi.ts";
import type { Registry } from "./registry.ts";
import type { ParsedPath } from "./router.ts";
import { methodNotAllowed, noSuchResource, StatusError } from "./status.ts";

/** What `/version` says. The API is that of this Kubernetes version. */
const VERSION = {
  major: "1",
  minor: "36",
  emulationMajor: "1",
  emulationMinor: "36",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "35",
  gitVersion: "v1.36.3+di-orchestrator",
  gitCommit: "none",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: "any/any",
};
/** A document under the hash of its own content never changes: clients may keep it that long. */
const KEPT_FOR_MS = 365 * 24 * 3600 * 1000;

/** A document as it is sent. */
interface Document {
  /** The registry's count of changes when it was made. */
  readonly generation: number;
  readonly text: string;
  /** Hash of the text. */
  readonly hash: string;
}

/** The documents over a registry, each made when first asked for and anew when kinds have changed. */
export class Documents {
  readonly #registry: Registry;
  readonly #made = new Map<string, Document>();
  /** Shown in `/api`. */
  address = "";

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Answers a request on anything but a resource. @throws {StatusError} 404, 405 or 406. */
  answer(path: ParsedPath, request: Request): Response {
    const response = this.#find(path, request);
    if (request.method !== "GET" && response.status !== 404) throw methodNotAllowed();
    return response;
  }

  #find(path: ParsedPath, request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    switch (path.type) {
      case "groups":
        if (!wantsAggregated(request.headers.get("accept"))) {
          const document = path.legacy ? legacyVersions(this.address) : groupList(this.#registry);
          return discoveryResponse(document, request);
        }
        return this.#aggregated(path.legacy, request);
      case "group":
        return discoveryResponse(groupDocument(this.#registry, path.group), request);
      case "discovery": {
        const document = resourceList(this.#registry, path.group, path.version);
        if (document === undefined && this.#registry.hasBuiltInGroup(path.group)) {
          throw noSuchResource();
        }
        return discoveryResponse(document, request);
      }
      default: {
        const plain = pathname.replace(/\/$/, "") || "/";
        return healthResponse(plain, searchParams) ?? this.#other(plain, request, searchParams);
      }
    }
  }

  #other(pathname: string, request: Request, query: URLSearchParams): Response {
    const registry = this.#registry;
    switch (pathname) {
      case "/":
        return jsonResponse(JSON.stringify({ paths: serverPaths(registry) }));
      case "/version":
        return jsonResponse(JSON.stringify(VERSION));
      case "/openapi/v2":
        return openapiResponse(this.#document(pathname, () => openapiV2(registry)), request);
      case "/openapi/v3":
        return openapiResponse(
          this.#document(
            pathname,
            () => openapiIndex(registry, (path) => this.#openapi(path).hash),
          ),
          request,
          { type: "text/plain; charset=utf-8" }, // As the real server has it.
        );
    }
    const prefix = "/openapi/v3/";
    if (!pathname.startsWith(prefix)) return pageNotFound();
    const path = pathname.slice(prefix.length);
    if (!openapiPaths(registry).includes(path)) return new Response(null, { status: 404 });
    return openapiResponse(this.#openapi(path), request, { kept: query.has("hash") });
  }

  #aggregated(legacy: boolean, request: Request): Response {
    const document = this.#document(
      `aggregated ${legacy}`,
      () => aggregatedDiscovery(this.#registry, legacy),
    );
    const headers = { "cache-control": "public", "content-type": AGGREGATED_TYPE };
    return taggedResponse(document, request, headers);
  }

  #openapi(path: string): Document {
    return this.#document(
      `/openapi/v3/${path}`,
      () => openapiDocument(this.#registry, path),
    );
  }

  #document(name: string, make: () => JsonObject): Document {
    const { generation } = this.#registry;
    const known = this.#made.get(name);
    if (known?.generation === generation) return known;
    const text = JSON.stringify(make());
    const hash = createHash("sha512").update(text).digest("hex").toUpperCase();
    const document = { generation, text, hash };
    this.#made.set(name, document);
    return document;
  }
}

function discoveryResponse(document: JsonObject | undefined, request: Request): Response {
  if (document === undefined) return pageNotFound();
  const accepted = parseAccept(request.headers.get("accept"));
  if (accepted?.as !== "object") {
    throw new StatusError(
      406,
      "NotAcceptable",
      "only the following media types are accepted: application/json, application/yaml",
    );
  }
  return jsonResponse(JSON.stringify(document), { yaml: accepted.yaml });
}

/** @param kept Whether the client asked by the hash of the content, which never changes then. */
function openapiResponse(
  document: Document,
  request: Request,
  { kept = false, type = "application/json" } = {},
): Response {
  const accepted = parseAccept(request.headers.get("accept"));
  if (accepted === undefined || accepted.yaml) {
    return new Response(null, { status: 406, headers: { vary: "Accept" } });
  }
  return taggedResponse(document, request, {
    "content-type": type,
    "cache-control": kept ? "public, immutable" : "no-cache, private",
    ...(kept && { expires: new Date(Date.now() + KEPT_FOR_MS).toUTCString() }),
  });
}

/** The document, or 304 for a client that has it already. */
function taggedResponse(
  { text, hash }: Document,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Response {
  const etag = JSON.stringify(hash);
  const tagged = { ...headers, etag, vary: "Accept" };
  const known = request.headers.get("if-none-match") ?? "";
  return known.split(",").some((tag) => tag.trim() === etag)
    ? new Response(null, { status: 304, headers: tagged })
    : new Response(text, { headers: tagged });
}

/** All paths beside those of objects. */
function serverPaths(registry: Registry): string[] {
  const paths = new Set(["/api", "/apis", "/openapi/v2", "/openapi/v3", "/version"]);
  for (const check of ["/healthz", "/livez", "/readyz"]) paths.add(check).add(`${check}/ping`);
  for (const path of openapiPaths(registry)) {
    paths.add(`/${path}`);
    if (path.startsWith("apis/")) paths.add(`/${path.slice(0, path.lastIndexOf("/"))}`);
  }
  return [...paths].sort();
}
