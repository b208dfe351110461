/** The HTTP side of every role: a few exact paths, JSON in and out. */
import * as z from "zod";
import { MockFailure } from "./failure.ts";
import type { MockIo } from "./io.ts";
import type { ResourceAnswer } from "./protocol.ts";

/** Answers one kind of request. `body` is the parsed JSON of a POST and `undefined` for a GET. */
export type Handler = (body: unknown) => unknown;

/** A role that answers requests until its signal aborts. */
export interface RoleServer {
  readonly finished: Promise<void>;
}

/** What a role listens as. */
export interface RoleServerOptions {
  /** 0 for any free one. */
  readonly port: number;
  readonly resource: ResourceAnswer;
  /** By method and path, as in `"POST /learn"`. `GET /resource` is always answered. */
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly io: Pick<MockIo, "log" | "signal" | "listening">;
}

/**
 * Listens on all addresses: in a pod it is the pod's own that others call.
 *
 * @throws {MockFailure} `cannotListen` when the port is taken or not allowed.
 */
export function startRoleServer(
  { port, resource, handlers, io }: RoleServerOptions,
): RoleServer {
  // Deno.serve does not look at a signal that has aborted before.
  if (io.signal.aborted) return { finished: Promise.resolve() };
  const routes: Record<string, Handler> = { ...handlers, "GET /resource": () => resource };
  try {
    return Deno.serve({
      hostname: "0.0.0.0",
      port,
      signal: io.signal,
      onListen: (address) => {
        io.log(`${resource.role} ${resource.name} listens on port ${address.port}`);
        io.listening?.(address.port);
      },
    }, (request) => answer(request, routes, io.log));
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse
      ? "it is in use"
      : error instanceof Deno.errors.PermissionDenied
      ? "this user may not (in a pod, set the sysctl net.ipv4.ip_unprivileged_port_start to 0)"
      : undefined;
    if (why === undefined) throw error;
    throw new MockFailure("cannotListen", `Cannot listen on port ${port}: ${why}`, {
      cause: error,
    });
  }
}

/**
 * Serves a role that does nothing else, until its signal aborts.
 *
 * @returns The exit code: 0, or 1 with one line of output when it cannot listen.
 */
export async function serveRole(options: RoleServerOptions): Promise<number> {
  try {
    await startRoleServer(options).finished;
    return 0;
  } catch (error) {
    if (!(error instanceof MockFailure)) throw error;
    options.io.log(`error: ${error.message}`);
    return 1;
  }
}

async function answer(
  request: Request,
  routes: Readonly<Record<string, Handler>>,
  log: MockIo["log"],
): Promise<Response> {
  const route = `${request.method} ${new URL(request.url).pathname}`;
  const handler = routes[route];
  if (handler === undefined) {
    return Response.json({ error: `${route} is not served here` }, { status: 404 });
  }
  try {
    const body = request.method === "POST" ? await request.json() : undefined;
    return Response.json(await handler(body));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      return Response.json({ error: `Cannot read the request: ${error.message}` }, { status: 400 });
    }
    log(`${route} failed: ${error}`);
    return Response.json({ error: "Internal error" }, { status: 500 });
  }
}
