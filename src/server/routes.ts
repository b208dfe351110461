/** The paths of the server. */
import { Hono } from "hono";
import type { RequestOrigin } from "../lib/listen.ts";
import { errorAnswer } from "./answers.ts";
import { buildOpenApi } from "./openapi.ts";
import {
  buildFailedHandlers,
  buildReplicaHandlers,
  dispatch,
  FAILED_PATH,
  type ReplicaRouteOptions,
  REPLICAS_PATH,
} from "./replica_routes.ts";

/** One answered request; for metrics. */
export interface RequestReport {
  /** A usual one, or `other`. */
  readonly method: string;
  /** One of the server's paths, or `other`. */
  readonly path: string;
  readonly code: number;
  /** The answer is a 200 that asks the caller to come again. */
  readonly isDeferred: boolean;
  readonly seconds: number;
}

export interface AppOptions extends ReplicaRouteOptions {
  /** Of the program. */
  readonly version: string;
  readonly isReady: () => boolean;
  readonly onRequest: (report: RequestReport) => void;
}

/** What comes with a request from the listener. */
export interface AppEnvironment {
  readonly Bindings: RequestOrigin;
}

/** Methods that metrics tell apart: a caller may invent any number of others. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OPENAPI_PATH = "/openapi.json";
const PATHS = [REPLICAS_PATH, FAILED_PATH, OPENAPI_PATH, "/healthz", "/readyz"];

export function buildApp(options: AppOptions): Hono<AppEnvironment> {
  const { deps, isReady, onRequest } = options;
  const app = new Hono<AppEnvironment>();
  app.use(async (context, next) => {
    const startedAt = performance.now();
    await next();
    const { req: { method, path }, res: { status, headers } } = context;
    onRequest({
      method: METHODS.includes(method) ? method : "other",
      path: PATHS.includes(path) ? path : "other",
      code: status,
      isDeferred: headers.has("retry-after"),
      seconds: (performance.now() - startedAt) / 1000,
    });
  });
  app.all("/healthz", (context) => context.body(null, 200));
  app.all("/readyz", (context) => context.body(null, isReady() ? 200 : 503));
  const openApi = JSON.stringify(buildOpenApi(options.limits, options.version));
  app.get(
    OPENAPI_PATH,
    (context) => context.body(openApi, 200, { "content-type": "application/json" }),
  );
  const replicas = buildReplicaHandlers(options);
  const failed = buildFailedHandlers(options);
  app.all(REPLICAS_PATH, ({ req, env }) => dispatch(replicas, req.raw, env, deps));
  app.all(FAILED_PATH, ({ req, env }) => dispatch(failed, req.raw, env, deps));
  app.notFound((context) => context.text("404 page not found", 404));
  app.onError((error) => errorAnswer(error, null, deps.log));
  return app;
}
