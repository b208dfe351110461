/** All paths of the server, from request to answer. */
import type { Logger } from "../../lib/logger.ts";
import { Authenticator, authorize } from "./auth/identity.ts";
import { ServiceAccountTokens } from "./auth/tokens.ts";
import { Cluster } from "./cluster.ts";
import { GarbageCollector } from "./controllers/garbage.ts";
import { Housekeeping, populate } from "./controllers/housekeeping.ts";
import { Runner } from "./controllers/runner.ts";
import { Documents } from "./documents.ts";
import { handleResource } from "./http/resources.ts";
import { errorResponse, pageNotFound } from "./http/respond.ts";
import { parsePath } from "./router.ts";
import { noSuchResource, StatusError } from "./status.ts";

/** The API over an empty cluster; knows nothing of sockets. */
export class ApiServer {
  readonly cluster = new Cluster();
  readonly #runner: Runner;
  readonly #tokens = new ServiceAccountTokens(this.cluster);
  readonly #authenticator: Authenticator;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #documents = new Documents(this.cluster.registry);

  constructor({ token, kubeletToken, log }: {
    readonly token: string;
    readonly kubeletToken: string;
    readonly log: Logger;
  }) {
    this.#authenticator = new Authenticator(token, this.#tokens);
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
  /** Where the server can be reached, `HOST:PORT`; shown in `/api`. */
  set address(address: string) {
    this.#documents.address = address;
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
    const url = new URL(request.url);
    const identity = this.#authenticator.identify(request);
    const path = parsePath(url.pathname);
    authorize(identity, request, path, url);
    if (path.type === "resource") {
      if (!this.cluster.registry.hasGroupVersion(path.group, path.version)) {
        if (!this.cluster.registry.hasBuiltInGroup(path.group)) return pageNotFound();
        throw noSuchResource();
      }
      return handleResource(path, request, url.searchParams, {
        cluster: this.cluster,
        identity,
        authenticator: this.#authenticator,
        tokens: this.#tokens,
        stopping: this.#stopping.signal,
      });
    }
    return this.#documents.answer(path, request);
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
