/** All paths of the server, from request to answer. */
import { timingSafeEqual } from "node:crypto";
import type { Logger } from "../../lib/logger.ts";
import { Cluster } from "./cluster.ts";
import { GarbageCollector } from "./controllers/garbage.ts";
import { Housekeeping, populate } from "./controllers/housekeeping.ts";
import { Runner } from "./controllers/runner.ts";
import {
  AGGREGATED_TYPE,
  aggregatedDiscovery,
  groupDocument,
  groupList,
  legacyVersions,
  resourceList,
  wantsAggregated,
} from "./discovery.ts";
import { handleResource } from "./http/resources.ts";
import { errorResponse, jsonResponse, pageNotFound, textResponse } from "./http/respond.ts";
import type { JsonObject } from "./json.ts";
import { openapiDocument, openapiIndex, openapiV2 } from "./openapi.ts";
import { type ParsedPath, parsePath } from "./router.ts";
import { noSuchResource, StatusError, unauthorized } from "./status.ts";

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
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/livez", "/readyz", "/version"]);

/** The API over an empty cluster; knows nothing of sockets. */
export class ApiServer {
  readonly cluster = new Cluster();
  readonly #runner: Runner;
  readonly #token: Uint8Array;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #documents = new Map<string, { generation: number; text: string }>();
  /** Shown in `/api`. */
  address = "";

  constructor({ token, kubeletToken, log }: {
    readonly token: string;
    readonly kubeletToken: string;
    readonly log: Logger;
  }) {
    this.#token = new TextEncoder().encode(token);
    this.#log = log;
    this.#runner = new Runner(log);
    new GarbageCollector(this.cluster, this.#runner);
    new Housekeeping(this.cluster, this.#runner);
    populate(this.cluster, kubeletToken);
  }

  /** Answers a request; never throws. */
  async handle(request: Request): Promise<Response> {
    try {
      return await this.#answer(request);
    } catch (error) {
      if (!(error instanceof StatusError)) {
        const { pathname } = new URL(request.url);
        this.#log.error("Could not answer a request", {
          method: request.method,
          path: pathname,
          error,
        });
      }
      await drain(request);
      return errorResponse(error);
    }
  }
  /** Resolves when owners, namespaces and definitions have taken all that goes with them. */
  idle(): Promise<void> {
    return this.#runner.idle();
  }
  /** Ends all watches, log streams and follow-up work. */
  stop(): void {
    this.#stopping.abort();
    this.#runner.stop();
    this.cluster.store.stop();
  }

  #answer(request: Request): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (!OPEN_PATHS.has(pathname) && !this.#isAuthorized(request)) throw unauthorized();
    const path = parsePath(pathname);
    if (path.type === "resource") {
      if (!this.cluster.registry.hasGroupVersion(path.group, path.version)) {
        return pageNotFound();
      }
      return handleResource(this.cluster, path, request, searchParams, this.#stopping.signal);
    }
    if (request.method !== "GET" && request.method !== "HEAD") throw noSuchResource();
    return this.#answerDocument(path, pathname, request.headers.get("accept"));
  }

  #answerDocument(path: ParsedPath, pathname: string, accept: string | null): Response {
    const { registry } = this.cluster;
    switch (path.type) {
      case "groups":
        if (wantsAggregated(accept)) {
          const document = this.#document(
            `aggregated ${path.legacy}`,
            () => aggregatedDiscovery(registry, path.legacy),
          );
          const response = jsonResponse(document);
          response.headers.set("content-type", AGGREGATED_TYPE);
          return response;
        }
        return json(path.legacy ? legacyVersions(this.address) : groupList(registry));
      case "group":
        return json(groupDocument(registry, path.group));
      case "discovery":
        return json(resourceList(registry, path.group, path.version));
      default:
        return this.#answerOther(pathname);
    }
  }

  #answerOther(pathname: string): Response {
    const { registry } = this.cluster;
    if (
      pathname === "/healthz" || pathname.startsWith("/livez") || pathname.startsWith("/readyz")
    ) {
      return textResponse("ok");
    }
    if (pathname === "/version") return json(VERSION);
    if (pathname === "/") return json({ paths: ["/api", "/apis", "/openapi/v3", "/version"] });
    if (pathname === "/openapi/v2") {
      return jsonResponse(this.#document(pathname, () => openapiV2(registry)));
    }
    if (pathname === "/openapi/v3") {
      return jsonResponse(this.#document(pathname, () => openapiIndex(registry)));
    }
    const prefix = "/openapi/v3/";
    if (pathname.startsWith(prefix)) {
      const text = this.#document(
        pathname,
        () => openapiDocument(registry, pathname.slice(prefix.length)),
      );
      return text === "" ? pageNotFound() : jsonResponse(text);
    }
    return pageNotFound();
  }

  /** A derived document as text, made anew only when the set of kinds has changed; "" for none. */
  #document(name: string, make: () => JsonObject | undefined): string {
    const { generation } = this.cluster.registry;
    const known = this.#documents.get(name);
    if (known?.generation === generation) return known.text;
    const document = make();
    const text = document === undefined ? "" : JSON.stringify(document);
    if (text !== "") this.#documents.set(name, { generation, text });
    return text;
  }

  #isAuthorized(request: Request): boolean {
    const header = request.headers.get("authorization") ?? "";
    const given = new TextEncoder().encode(header.replace(/^Bearer +/i, ""));
    return given.length === this.#token.length && timingSafeEqual(given, this.#token);
  }
}

/** Reads what is left of a body: an answer before its end would look like a broken connection. */
async function drain({ body, bodyUsed }: Request): Promise<void> {
  if (body === null || bodyUsed) return;
  try {
    for await (const _part of body);
  } catch {
    // The client has gone: nobody waits for the answer.
  }
}

function json(document: JsonObject | undefined): Response {
  if (document === undefined) return pageNotFound();
  return jsonResponse(JSON.stringify(document));
}
