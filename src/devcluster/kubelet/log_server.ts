/** The kubelet's HTTPS endpoint: an API server asks here for the logs of containers. */
import type { Logger } from "../../lib/logger.ts";
import type { ServingCertificate } from "../certificate.ts";
import type { LogFile } from "./log_file.ts";
import { type LogQuery, LogQueryError, parseLogQuery, readLog } from "./log_read.ts";
import { ownerOfConnection } from "./peer.ts";
import { HOST_IP } from "./pod_status.ts";

/** Who may read logs. */
export type LogAccess =
  /** Whoever sends this bearer token. */
  | { readonly kind: "token"; readonly token: string }
  /** Processes of this user and of root, for API servers that show a certificate or nothing at all. */
  | { readonly kind: "sameUser" }
  | { readonly kind: "anyone" };

/** What is known of a container's logs: `found` may lack a log when nothing has run yet. */
export type LogLookup =
  | { readonly kind: "found"; readonly log: LogFile | undefined }
  | { readonly kind: "noPod" }
  | { readonly kind: "noContainer" };

export interface LogServerOptions {
  readonly certificate: ServingCertificate;
  readonly access: LogAccess;
  readonly lookup: (
    where: { readonly namespace: string; readonly pod: string; readonly container: string },
    previous: boolean,
  ) => LogLookup;
  readonly log: Logger;
}

/** The logs that are being read. */
interface Streams {
  /** Aborts when the endpoint stops. */
  readonly signal: AbortSignal;
  readonly open: Set<AsyncGenerator<unknown, void>>;
}

/** Starts the endpoint on a free port of the loopback address. */
export function startLogServer(
  options: LogServerOptions,
): { readonly port: number; stop(): Promise<void> } {
  const abort = new AbortController();
  const streams: Streams = { signal: abort.signal, open: new Set() };
  const server = Deno.serve({
    hostname: HOST_IP,
    port: 0,
    cert: options.certificate.certPem,
    key: options.certificate.keyPem,
    onListen: () => {},
    onError: (error) => {
      options.log.error("Kubelet endpoint failed", { error: String(error) });
      return textResponse(500, "Internal error");
    },
  }, async (request, { remoteAddr }) => {
    const peerPort = remoteAddr.transport === "tcp" ? remoteAddr.port : undefined;
    if (!await isAllowed(request, peerPort, options.access, server.addr.port)) {
      return textResponse(401, "Unauthorized");
    }
    return answer(request, options, streams);
  });
  return {
    port: server.addr.port,
    async stop() {
      abort.abort();
      await server.shutdown();
      // A reader whose client has left may still be in the middle of a read.
      await Promise.all([...streams.open].map((lines) => lines.return()));
    },
  };
}

async function isAllowed(
  request: Request,
  peerPort: number | undefined,
  access: LogAccess,
  ownPort: number,
): Promise<boolean> {
  if (access.kind === "anyone") return true;
  if (access.kind === "token") {
    return await isSame(request.headers.get("authorization") ?? "", `Bearer ${access.token}`);
  }
  const owner = peerPort === undefined ? undefined : await ownerOfConnection(peerPort, ownPort);
  return owner !== undefined && (owner === 0 || owner === Deno.uid());
}

/** Compares without telling by its time how much was right. */
async function isSame(one: string, other: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [a, b] = await Promise.all([digest(one), digest(other)]);
  const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
  return left.reduce((difference, byte, at) => difference | (byte ^ (right[at] ?? 0)), 0) === 0;
}

function answer(request: Request, { lookup }: LogServerOptions, streams: Streams): Response {
  const url = new URL(request.url);
  const [, head, namespace, pod, container, ...rest] = url.pathname.split("/");
  if (url.pathname === "/healthz") return textResponse(200, "ok");
  if (head !== "containerLogs" || container === undefined || rest.length > 0) {
    return textResponse(404, "404 page not found");
  }
  if (request.method !== "GET") return textResponse(405, "Method not allowed");
  try {
    const query = parseLogQuery(url.searchParams, Date.now());
    const where = {
      namespace: decodeURIComponent(namespace ?? ""),
      pod: decodeURIComponent(pod ?? ""),
      container: decodeURIComponent(container),
    };
    const found = lookup(where, query.previous);
    if (found.kind === "noPod") {
      return textResponse(404, `pod "${where.pod}" not found on this node`);
    }
    if (found.kind === "noContainer") {
      return textResponse(404, `container "${where.container}" not found in pod "${where.pod}"`);
    }
    if (found.log !== undefined) return logResponse(found.log, query, streams);
    const which = query.previous ? "previous terminated container" : "container";
    const state = query.previous ? "not found" : "is waiting to start";
    return textResponse(400, `${which} "${where.container}" in pod "${where.pod}" ${state}`);
  } catch (error) {
    if (error instanceof LogQueryError || error instanceof URIError) {
      return textResponse(400, error.message);
    }
    throw error;
  }
}

function logResponse(
  log: LogFile,
  query: LogQuery,
  streams: Streams,
): Response {
  const closed = new AbortController();
  const lines = readLog(log, query, AbortSignal.any([closed.signal, streams.signal]));
  streams.open.add(lines);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (!done) return controller.enqueue(value);
      streams.open.delete(lines);
      controller.close();
    },
    async cancel() {
      closed.abort();
      await lines.return();
      streams.open.delete(lines);
    },
  });
  return new Response(body, { headers: { "content-type": "text/plain" } });
}

function textResponse(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain" } });
}
