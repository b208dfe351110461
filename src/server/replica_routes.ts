/** What happens on the paths of the allocation API. */
import { AllocationError } from "../allocation/mod.ts";
import type { DIJob } from "../api/mod.ts";
import { keyOf, keyText } from "../kube/mod.ts";
import { startDeadline } from "../lib/abort.ts";
import type { RequestOrigin } from "../lib/listen.ts";
import { traced } from "../lib/trace.ts";
import {
  errorAnswer,
  NOTHING_DONE,
  type ReplicaSet,
  streamed,
  successAnswer,
  textOf,
} from "./answers.ts";
import { readBody } from "./body.ts";
import type { Caller, CallerGuard, Verb } from "./caller.ts";
import { performAddition, planAddition } from "./create.ts";
import type { RequestLedger } from "./ledger.ts";
import { listReplicas } from "./list.ts";
import { findOwner, type OwnedPod, requireUnfinished } from "./owner.ts";
import type { RecordedWork } from "./records.ts";
import { ReplicaRemover } from "./remove.ts";
import { replaceFailed } from "./replace.ts";
import {
  buildSchemas,
  type FailedRequest,
  parseBody,
  parseQuery,
  type ScaleRequest,
} from "./requests.ts";
import type { WriteDeps } from "./writes.ts";

/** What one call may cost. */
export interface Limits {
  /** Replicas of one role. */
  readonly maxReplicasPerCall: number;
  readonly bodyLimitBytes: number;
  /** How long reading a request, or its work, may take, in ms; more for many replicas. */
  readonly timeLimitMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxReplicasPerCall: 10_000,
  bodyLimitBytes: 1024 * 1024,
  timeLimitMs: 20_000,
};

export interface ReplicaRouteOptions {
  readonly deps: WriteDeps;
  readonly ledger: RequestLedger;
  readonly guard: CallerGuard;
  readonly limits: Limits;
}

export const REPLICAS_PATH = "/v1alpha1/replicas";
export const FAILED_PATH = "/v1alpha1/replicas/failed";
const KEY_HEADER = "idempotency-key";

/** What the work of a big call may take longer for each replica, in ms: an API server's slow day. */
const TIME_PER_REPLICA_MS = 20;

/** One request, and who sent it. */
export interface Call {
  readonly request: Request;
  readonly caller: Caller;
  /** True once the caller has hung up. */
  readonly isGone: () => boolean;
  /** Resolves when the connection has taken the answer, or the caller is gone. */
  readonly sent: Promise<void>;
}

/** One method of one path. */
interface Handler {
  readonly serve: (call: Call) => Promise<Response>;
  /** `data` of an error that does not say itself what was done. */
  readonly emptyData: ReplicaSet | null;
}
export type Handlers = Readonly<Record<string, Handler>>;

/** Answers by the handler of the method. */
export async function dispatch(
  handlers: Handlers,
  request: Request,
  { address, sent }: RequestOrigin,
  { log }: WriteDeps,
): Promise<Response> {
  const handler = Object.hasOwn(handlers, request.method) ? handlers[request.method] : undefined;
  if (handler === undefined) {
    const error = new AllocationError("notImplemented", `${request.method} not implemented`);
    return errorAnswer(error, null, log);
  }
  // Taken before the work: one that is first looked at afterwards does not tell.
  const { signal } = request;
  const caller = { address, authorization: request.headers.get("authorization") };
  const { method } = request;
  return await traced("allocate", { method }, async () => {
    try {
      const answer = await handler.serve({ request, caller, sent, isGone: () => signal.aborted });
      // Only of a streamed answer it is known when the connection has it.
      return method === "GET" ? answer : await streamed(answer);
    } catch (error) {
      const answer = errorAnswer(error, handler.emptyData, log);
      const level = method === "GET" ? "debug" : "info"; // Many clients look every second.
      log[level]("Refused a request", { status: answer.status, error: textOf(error) });
      return answer;
    }
  });
}

/** GET, POST and DELETE of `/replicas`. */
export function buildReplicaHandlers(options: ReplicaRouteOptions): Handlers {
  const { deps, ledger, guard, limits } = options;
  const schema = buildSchemas(limits.maxReplicasPerCall).scale;
  const remover = new ReplicaRemover(deps, (signal) => ledger.unanswered(signal));
  const read = async ({ request }: Call) => parseBody(schema, await readText(request, options));
  return {
    GET: {
      serve: async ({ request, caller }) => {
        const query = parseQuery(new URL(request.url).searchParams);
        const work = (signal: AbortSignal) =>
          listReplicas(deps.view, { guard, caller }, query, signal);
        return successAnswer("successfully get replicas", await inTime(0, options, work));
      },
      emptyData: null,
    },
    POST: {
      serve: async (call) => {
        const body = await read(call);
        const replicas = await inTime(
          countPods(body, limits),
          options,
          (signal) => add(options, call, body, signal),
        );
        return successAnswer("successfully create replicas", replicas);
      },
      emptyData: NOTHING_DONE,
    },
    DELETE: {
      serve: async (call) => {
        const body = await read(call);
        const work = (signal: AbortSignal) => removeOnce(options, remover, call, body, signal);
        const replicas = await inTime(countPods(body, limits), options, work);
        return successAnswer("successfully delete replicas", replicas);
      },
      emptyData: NOTHING_DONE,
    },
  };
}

/** POST of `/replicas/failed`. */
export function buildFailedHandlers(options: ReplicaRouteOptions): Handlers {
  const { deps, limits } = options;
  const schema = buildSchemas(limits.maxReplicasPerCall).failed;
  return {
    POST: {
      serve: async ({ request, caller }) => {
        const body = parseBody(schema, await readText(request, options));
        const count = body.collectors.length + body.learners.length;
        const work = async (signal: AbortSignal) => {
          const { job } = await passOwner(options, caller, "update", body, signal);
          requireUnfinished(job);
          const replaced = await replaceFailed(deps, job, body, signal);
          logDone("Replaced failed replicas", job, replaced, deps);
          return replaced;
        };
        return successAnswer("successfully recreate replicas", await inTime(count, options, work));
      },
      emptyData: NOTHING_DONE,
    },
  };
}

async function add(
  options: ReplicaRouteOptions,
  call: Call,
  body: ScaleRequest,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { deps, ledger, limits } = options;
  const owner = await passOwner(options, call.caller, "create", body, signal);
  requireUnfinished(owner.job);
  if (isNothing(body)) return nothingOf(body);
  const added = await ledger.serve({
    identity: identityOf(call.request, owner, body),
    plan: () => planAddition(deps, owner.job, body, limits.maxReplicasPerCall, signal),
    perform: (task) => performAddition(deps, owner.job, body, task),
    isGone: call.isGone,
    sent: call.sent,
  }, signal);
  logDone("Added replicas", owner.job, added, deps);
  return added;
}

async function removeOnce(
  options: ReplicaRouteOptions,
  remover: ReplicaRemover,
  call: Call,
  body: ScaleRequest,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const owner = await passOwner(options, call.caller, "delete", body, signal);
  if (isNothing(body)) return nothingOf(body);
  let planned: RecordedWork | undefined;
  try {
    const removed = await options.ledger.serve({
      identity: identityOf(call.request, owner, body),
      plan: async () => planned = await remover.plan(owner.job, body, signal),
      perform: (task) => remover.perform(owner.job, body, task),
      isGone: call.isGone,
      sent: call.sent,
    }, signal);
    logDone("Took replicas back", owner.job, removed, options.deps);
    return removed;
  } finally {
    if (planned !== undefined) remover.release(planned);
  }
}

function logDone(
  what: string,
  job: DIJob,
  { collectors, learners }: ReplicaSet,
  { log }: WriteDeps,
): void {
  const counts = { collectors: collectors?.length ?? 0, learners: learners?.length ?? 0 };
  log.info(what, { key: keyText(keyOf(job)), ...counts });
}

/** The job of the pod that a request names, if its caller may ask for that. */
async function passOwner(
  { deps, guard }: ReplicaRouteOptions,
  caller: Caller,
  verb: Verb,
  { namespace, coordinator }: ScaleRequest | FailedRequest,
  signal: AbortSignal,
): Promise<OwnedPod> {
  const owner = await findOwner(deps.view, { namespace, name: coordinator }, signal);
  await guard.passForJob(caller, verb, { job: owner.job, named: coordinator }, signal);
  return owner;
}

function identityOf(
  request: Request,
  { pod }: { readonly pod: OwnedPod["pod"]; readonly job: DIJob },
  body: ScaleRequest,
) {
  const { method, url, headers } = request;
  return {
    caller: pod.metadata.uid ?? "",
    method,
    path: new URL(url).pathname,
    content: headers.get(KEY_HEADER) || JSON.stringify(body),
  };
}

function readText(
  request: Request,
  options: ReplicaRouteOptions,
): Promise<string> {
  const { bodyLimitBytes } = options.limits;
  return inTime(0, options, (signal) => readBody(request, bodyLimitBytes, signal));
}

/** How many pods a request may come to; what {@link requirePodCount} refuses is not counted. */
function countPods({ collectors, learners }: ScaleRequest, { maxReplicasPerCall }: Limits): number {
  const ofEach = learners.gpus > 1 ? learners.gpus + 1 : 1;
  return collectors.replicas + Math.min(learners.replicas * ofEach, maxReplicasPerCall);
}

function isNothing({ collectors, learners }: ScaleRequest): boolean {
  return collectors.replicas + learners.replicas === 0;
}

function nothingOf({ namespace, coordinator }: ScaleRequest): ReplicaSet {
  return { namespace, coordinator, collectors: [], learners: [] };
}

/** Runs `work` with a time limit that grows with the number of replicas it is about. */
async function inTime<T>(
  replicas: number,
  { deps, limits }: ReplicaRouteOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limitMs = limits.timeLimitMs + replicas * TIME_PER_REPLICA_MS;
  const deadline = startDeadline(limitMs, deps.lifetime);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.clear();
  }
}
