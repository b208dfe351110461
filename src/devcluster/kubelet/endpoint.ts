/** The kubelet's HTTPS endpoint: an API server asks here for logs, and for commands to be run. */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import { drained } from "../../lib/drained.ts";
import type { Logger } from "../../lib/logger.ts";
import { listenOn } from "../../lib/node_listen.ts";
import { rawAnswer } from "../../lib/raw_answer.ts";
import type { ServingCertificate } from "../certificate.ts";
import { type EndpointAccess, isAllowed } from "./endpoint_access.ts";
import { HOST_IP } from "./pod_status.ts";
import { acceptLines, WebSocketConnection } from "./websocket.ts";

/** A request that found its route. */
export interface EndpointRequest {
  /** The decoded parts of the path after the route's own name. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** The protocols to choose from on a WebSocket; undefined when the client asks for none. */
  readonly protocols: readonly string[] | undefined;
}

/** Asks for the connection to become a WebSocket. */
export interface Upgrade {
  /** One of those that the client knows. */
  readonly protocol: string;
  /** Uses the connection to its end. */
  run(connection: WebSocketConnection): Promise<void>;
}

export interface EndpointRoute {
  readonly methods: readonly string[];
  readonly answer: (request: EndpointRequest) => Response | Upgrade;
}

export interface EndpointOptions {
  readonly certificate: ServingCertificate;
  readonly access: EndpointAccess;
  /** By the first part of the path. */
  readonly routes: Readonly<Record<string, EndpointRoute>>;
  readonly log: Logger;
}

/** Starts the endpoint on a free port of the loopback address. */
export async function startEndpoint(
  options: EndpointOptions,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const endpoint = new Endpoint(options);
  return { port: await endpoint.start(), stop: () => endpoint.stop() };
}

class Endpoint {
  readonly #options: EndpointOptions;
  readonly #server: Server;
  /** Everything under way that must end before the endpoint has stopped. */
  readonly #tasks = new Set<Promise<void>>();
  readonly #connections = new Set<WebSocketConnection>();
  readonly #stopping = new AbortController();
  #port = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
    const { certPem, keyPem } = options.certificate;
    this.#server = createServer({ cert: certPem, key: keyPem });
    this.#server.on("request", (request, response) => {
      this.#track(this.#respond(request, response));
    });
    this.#server.on("upgrade", (request, socket, head) => {
      this.#track(this.#upgrade(request, socket, head));
    });
    // A client that does not trust us, or breaks off, is its own affair.
    this.#server.on("tlsClientError", () => {});
  }

  async start(): Promise<number> {
    this.#port = await listenOn(this.#server, HOST_IP, 0);
    return this.#port;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const connection of this.#connections) connection.abandon();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.all(this.#tasks);
    this.#server.closeAllConnections();
    await closed;
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request, undefined);
    const sent = answer instanceof Response
      ? answer
      : textResponse(400, "Upgrade request required");
    await sendResponse(sent, response, this.#stopping.signal);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Whatever happens to it before somebody reads or writes: "close" follows.
    socket.on("error", () => {});
    if (head.length > 0) socket.unshift(head);
    const isWebSocket = request.headers.upgrade?.toLowerCase() === "websocket";
    const offered = headerOf(request, "sec-websocket-protocol");
    const protocols = isWebSocket ? offered.split(",").map((name) => name.trim()) : undefined;
    const answer = await this.#answer(request, protocols);
    if (answer instanceof Response) {
      socket.end(await rawAnswer(answer));
      return;
    }
    socket.write(acceptLines(headerOf(request, "sec-websocket-key"), answer.protocol));
    const connection = new WebSocketConnection(socket);
    this.#connections.add(connection);
    if (this.#stopping.signal.aborted) connection.abandon();
    try {
      await answer.run(connection);
    } catch (error) {
      this.#options.log.error("Could not serve a connection", { error: String(error) });
    } finally {
      connection.abandon();
      this.#connections.delete(connection);
    }
  }

  async #answer(
    request: IncomingMessage,
    protocols: readonly string[] | undefined,
  ): Promise<Response | Upgrade> {
    try {
      const caller = {
        authorization: headerOf(request, "authorization"),
        peerPort: request.socket.remotePort ?? 0,
        ownPort: this.#port,
      };
      if (!await isAllowed(caller, this.#options.access)) return textResponse(401, "Unauthorized");
      const url = new URL(request.url ?? "/", "https://kubelet");
      const [name = "", ...segments] = url.pathname.slice(1).split("/").map(decodeURIComponent);
      const { routes } = this.#options;
      const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
      if (route === undefined) return textResponse(404, "404 page not found");
      if (!route.methods.includes(request.method ?? "")) {
        return textResponse(405, "Method not allowed");
      }
      return route.answer({ segments, query: url.searchParams, protocols });
    } catch (error) {
      if (error instanceof URIError) return textResponse(400, error.message);
      this.#options.log.error("Kubelet endpoint failed", { error: String(error) });
      return textResponse(500, "Internal error");
    }
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }
}

/** Turns a request down so that kubectl shows the text as it is: of plain text it takes `a: b` for YAML. */
export function badRequestResponse(message: string): Response {
  return Response.json({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: "BadRequest",
    code: 400,
  }, { status: 400 });
}

/** An answer of one line. */
export function textResponse(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain" } });
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0] ?? "";
}

/** Sends an answer as it comes; ends its body when the client leaves or `stopping` aborts. */
async function sendResponse(
  { status, headers, body }: Response,
  response: ServerResponse,
  stopping: AbortSignal,
): Promise<void> {
  response.writeHead(status, Object.fromEntries(headers));
  // A log that is followed may have nothing to say for long.
  response.flushHeaders();
  const reader = body?.getReader();
  let left: Promise<void> | undefined;
  const leave = () => void (left ??= reader?.cancel().catch(() => {}));
  response.once("close", leave);
  stopping.addEventListener("abort", leave, { once: true });
  if (stopping.aborted) leave();
  try {
    for (;;) {
      const { value, done } = await reader?.read() ?? { done: true };
      if (done || response.destroyed) break;
      if (!response.write(value)) await drained(response);
    }
  } catch {
    // What was being read has failed: the client sees the connection end.
    response.destroy();
  } finally {
    stopping.removeEventListener("abort", leave);
    response.off("close", leave);
    leave();
    await left;
    response.end();
  }
}
