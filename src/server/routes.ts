/** The paths of the API, and what happens on each. */
import { Hono } from "hono";
import { AllocationError } from "../allocation/mod.ts";
import { startDeadline } from "../lib/abort.ts";
import type { Logger } from "../lib/logger.ts";
import { errorAnswer, NOTHING_DONE, type ReplicaSet, successAnswer } from "./answers.ts";
import { readBody } from "./body.ts";
import { addReplicas } from "./create.ts";
import { listReplicas } from "./list.ts";
import { ReplicaRemover } from "./remove.ts";
import { replaceFailed } from "./replace.ts";
import { buildSchemas, parseBody, parseQuery, type ScaleRequest } from "./requests.ts";
import type { WriteDeps } from "./writes.ts";

/** What one call may cost. */
export interface Limits {
  /** Replicas of one role. */
  readonly maxReplicasPerCall: number;
  readonly bodyLimitBytes: number;
}

export const DEFAULT_LIMITS: Limits = { maxReplicasPerCall: 10_000, bodyLimitBytes: 1024 * 1024 };

/** One answered request; for metrics. */
export interface RequestReport {
  readonly method: string;
  /** One of the server's paths, or `other`. */
  readonly path: string;
  readonly code: number;
  readonly seconds: number;
}

export interface AppOptions {
  readonly deps: WriteDeps;
  readonly limits: Limits;
  readonly isReady: () => boolean;
  readonly onRequest: (report: RequestReport) => void;
}

const REPLICAS_PATH = "/v1alpha1/replicas";
const FAILED_PATH = "/v1alpha1/replicas/failed";
const PATHS = [REPLICAS_PATH, FAILED_PATH, "/healthz", "/readyz"];

/** How long reading a request, or its work, may take, in ms. */
const TIME_LIMIT_MS = 20_000;
/** What the work of a big call may take longer for each replica, in ms: an API server's slow day. */
const TIME_PER_REPLICA_MS = 20;

/** One method of one path. */
interface Handler {
  readonly serve: (request: Request) => Promise<Response>;
  /** `data` of an error that does not say itself what was done. */
  readonly emptyData: ReplicaSet | null;
}
type Handlers = Readonly<Record<string, Handler>>;

export function buildApp(options: AppOptions): Hono {
  const { deps: { log }, isReady, onRequest } = options;
  const app = new Hono();
  app.use(async (context, next) => {
    const startedAt = performance.now();
    await next();
    const { method, path } = context.req;
    onRequest({
      method,
      path: PATHS.includes(path) ? path : "other",
      code: context.res.status,
      seconds: (performance.now() - startedAt) / 1000,
    });
  });
  app.all("/healthz", (context) => context.body(null, 200));
  app.all("/readyz", (context) => context.body(null, isReady() ? 200 : 503));
  const replicas = buildReplicaHandlers(options);
  const failed = buildFailedHandlers(options);
  app.all(REPLICAS_PATH, ({ req }) => dispatch(replicas, req.raw, log));
  app.all(FAILED_PATH, ({ req }) => dispatch(failed, req.raw, log));
  app.notFound((context) => context.text("404 page not found", 404));
  app.onError((error) => errorAnswer(error, null, log));
  return app;
}

async function dispatch(handlers: Handlers, request: Request, log: Logger): Promise<Response> {
  const handler = handlers[request.method];
  if (handler === undefined) {
    const error = new AllocationError("notImplemented", `${request.method} not implemented`);
    return errorAnswer(error, null, log);
  }
  try {
    return await handler.serve(request);
  } catch (error) {
    return errorAnswer(error, handler.emptyData, log);
  }
}

function buildReplicaHandlers({ deps, limits }: AppOptions): Handlers {
  const schema = buildSchemas(limits.maxReplicasPerCall).scale;
  const remover = new ReplicaRemover(deps);
  const read = async (request: Request) => parseBody(schema, await readText(request, deps, limits));
  return {
    GET: {
      serve: async ({ url }) => {
        const query = parseQuery(new URL(url).searchParams);
        const work = (signal: AbortSignal) => listReplicas(deps.view, query, signal);
        return successAnswer("successfully get replicas", await inTime(0, deps, work));
      },
      emptyData: null,
    },
    POST: {
      serve: async (request) => {
        const body = await read(request);
        const work = (signal: AbortSignal) => addReplicas(deps, body, signal);
        return successAnswer(
          "successfully create replicas",
          await inTime(countOf(body), deps, work),
        );
      },
      emptyData: NOTHING_DONE,
    },
    DELETE: {
      serve: async (request) => {
        const body = await read(request);
        const work = (signal: AbortSignal) => remover.remove(body, signal);
        return successAnswer(
          "successfully delete replicas",
          await inTime(countOf(body), deps, work),
        );
      },
      emptyData: NOTHING_DONE,
    },
  };
}

function buildFailedHandlers({ deps, limits }: AppOptions): Handlers {
  const schema = buildSchemas(limits.maxReplicasPerCall).failed;
  return {
    POST: {
      serve: async (request) => {
        const body = parseBody(schema, await readText(request, deps, limits));
        const count = body.collectors.length + body.learners.length;
        const work = (signal: AbortSignal) => replaceFailed(deps, body, signal);
        return successAnswer("successfully recreate replicas", await inTime(count, deps, work));
      },
      emptyData: NOTHING_DONE,
    },
  };
}

function readText(request: Request, deps: WriteDeps, limits: Limits): Promise<string> {
  return inTime(0, deps, (signal) => readBody(request, limits.bodyLimitBytes, signal));
}

function countOf({ collectors, learners }: ScaleRequest): number {
  return collectors.replicas + learners.replicas;
}

/** Runs `work` with a time limit that grows with the number of replicas it is about. */
async function inTime<T>(
  replicas: number,
  { lifetime }: WriteDeps,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = startDeadline(TIME_LIMIT_MS + replicas * TIME_PER_REPLICA_MS, lifetime);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.clear();
  }
}
