/** The admission webhook: fills in and checks DIJobs over HTTPS. */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { endsWithin } from "../lib/abort.ts";
import type { HealthCheck } from "../lib/health.ts";
import { listenError, parseBindAddress } from "../lib/listen.ts";
import type { Logger } from "../lib/logger.ts";
import { listenOn } from "../lib/node_listen.ts";
import { type CertificatePair, followCertificate } from "./certificate_files.ts";
import { answerReview, JUDGES } from "./review.ts";

export interface WebhookOptions {
  /** `host:port` or `:port`; port 0 takes any free one. */
  readonly bindAddress: string;
  /** Folder with `tls.crt` and `tls.key`. */
  readonly certFolder: string;
  /** Pause between two looks at the certificate, in ms; default 2 s. */
  readonly certIntervalMs?: number;
  /** How long requests at work may take when it is to stop, in ms; default 5 s. */
  readonly drainMs?: number;
  readonly log: Logger;
  /** Told of every answer, with its duration in s; `code` is the HTTP status. */
  readonly onRequest?: (report: WebhookReport) => void;
}

export interface WebhookReport {
  /** One of ours, or `other`. */
  readonly path: string;
  readonly code: number;
  readonly seconds: number;
}

export interface RunningWebhook {
  /** What has to hold before it serves: a certificate. */
  readonly checks: readonly HealthCheck[];
  /** The port, once it listens. Rejects when it cannot. */
  readonly listening: Promise<number>;
  stop(): Promise<void>;
}

/** A request to the API server has at most 3 MiB; a review has the object twice. */
const BODY_LIMIT_BYTES = 7 * 1024 * 1024;
const CERT_INTERVAL_MS = 2000;
/** Longest time for a whole request, in ms: the API server waits for 10 s by itself. */
const REQUEST_LIMIT_MS = 10_000;
const DRAIN_MS = 5000;

/** Starts to wait for the certificate, and to listen once it is there. */
export function startWebhook(options: WebhookOptions): RunningWebhook {
  const stopping = new AbortController();
  const listening = Promise.withResolvers<number>();
  listening.promise.catch(() => {}); // whoever asks for the port learns of it
  let failure: string | undefined = `${options.certFolder}: not looked at yet`;
  let server: Server | undefined;
  const serve = async (pair: CertificatePair) => {
    if (server !== undefined) {
      server.setSecureContext(pair);
      return;
    }
    const made = createServer(pair, (request, response) => {
      const startedAt = performance.now();
      void respond(request, response, options.log).then((path) =>
        options.onRequest?.({
          path,
          code: response.statusCode,
          seconds: (performance.now() - startedAt) / 1000,
        })
      );
    });
    made.requestTimeout = REQUEST_LIMIT_MS;
    made.on("tlsClientError", () => {}); // a client that does not trust us is its own affair
    server = made;
    await listen(made, options.bindAddress).then(listening.resolve, listening.reject);
  };
  const following = followCertificate({
    folder: options.certFolder,
    intervalMs: options.certIntervalMs ?? CERT_INTERVAL_MS,
    log: options.log,
    signal: stopping.signal,
    onChange: serve,
  }, (found) => failure = found);
  return {
    checks: [{ name: "certificate", failure: () => failure }],
    listening: listening.promise,
    async stop() {
      stopping.abort();
      await following;
      const running = server;
      if (running === undefined) return;
      const closed = new Promise((resolve) => running.close(resolve));
      running.closeIdleConnections();
      // The API server keeps connections for its next review, and Deno does not count all of them as idle.
      if (await endsWithin(closed, options.drainMs ?? DRAIN_MS)) return;
      running.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, bindAddress: string): Promise<number> {
  const { hostname, port } = parseBindAddress(bindAddress);
  try {
    return await listenOn(server, hostname, port);
  } catch (error) {
    throw listenError(bindAddress, error);
  }
}

/** @returns The path, or `other` for one that is not ours. Never rejects. */
async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<string> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "";
  const judge = Object.hasOwn(JUDGES, path) ? JUDGES[path] : undefined;
  if (judge === undefined) {
    end(response, 404, "404 page not found\n");
    return "other";
  }
  if (request.method !== "POST") {
    end(response, 405, "only POST is allowed\n");
    return path;
  }
  let text: string | undefined;
  try {
    text = await readText(request);
  } catch {
    response.destroy(); // the client has broken off in the middle of its request
    return path;
  }
  if (text === undefined) {
    end(response, 413, `a review has at most ${BODY_LIMIT_BYTES} bytes\n`);
    return path;
  }
  try {
    end(response, 200, JSON.stringify(answerReview(judge, text)), "application/json");
  } catch (error) {
    log.error("Could not answer a review", { path, error: String(error) });
    end(response, 500, "Internal error\n");
  }
  return path;
}

/** The body, or undefined when it is too long. */
async function readText(request: IncomingMessage): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_LIMIT_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function end(response: ServerResponse, status: number, text: string, type = "text/plain"): void {
  response.writeHead(status, {
    "content-type": type,
    // What is left of a body that is too long is not read.
    ...(status === 413 && { connection: "close" }),
  });
  response.end(text);
}
