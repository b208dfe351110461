/** The envelope that every answer of the API has, and the one place where an error becomes an answer. */
import { AllocationError, type AllocationFailure } from "../allocation/mod.ts";
import { ApiError, ConnectionError } from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";

/** Replicas of one coordinator (or aggregator), as addresses `<pod>.<namespace>:<port>`. */
export interface ReplicaSet {
  readonly namespace: string;
  readonly coordinator: string;
  readonly collectors: readonly string[] | null;
  readonly learners: readonly string[] | null;
}

/** `data` of a POST or DELETE that failed before it did anything. */
export const NOTHING_DONE: ReplicaSet = {
  namespace: "",
  coordinator: "",
  collectors: null,
  learners: null,
};

/** Work that failed after it had begun. `cause` says why. */
export class UnfinishedError extends Error {
  override readonly name = "UnfinishedError";
  /** @param data What of the work stands. */
  constructor(message: string, readonly data: ReplicaSet, cause: unknown) {
    super(message, { cause });
  }
}

/** `unforeseen` is a fault of ours. */
export type Failure = AllocationFailure | "unforeseen";

/**
 * Clients of DI-engine die of any answer but 2xx and try again on `success: false`: so what passes by
 * itself, or is nobody's fault, is a 200.
 */
const STATUS: Readonly<Record<Failure, number>> = {
  badRequest: 400,
  forbidden: 403,
  notFound: 404,
  tooLarge: 413,
  notImplemented: 501,
  later: 200,
  unforeseen: 500,
};
/** What a client is asked to wait, in s, when the API server has not said. DI-engine waits as long. */
const RETRY_AFTER_S = 2;

/** An answer to a request that was met. */
export function successAnswer(message: string, data: unknown): Response {
  return Response.json({ success: true, code: 0, message, data });
}

/** The same answer, its body as a stream. */
export async function streamed(answer: Response): Promise<Response> {
  const { status, headers } = answer;
  const bytes = await answer.bytes();
  headers.set("content-length", String(bytes.length));
  return new Response(ReadableStream.from([bytes]), { status, headers });
}

/** @param data What `data` is where the error does not say itself what was done. */
export function errorAnswer(error: unknown, data: unknown, log: Logger): Response {
  const unfinished = error instanceof UnfinishedError ? error : undefined;
  const cause = unfinished?.cause ?? error;
  const failure = failureOf(cause);
  if (failure === "unforeseen") log.error("Could not serve a request", { error: traceOf(cause) });
  const body = {
    success: false,
    code: 1,
    message: failure === "unforeseen" ? "Internal error" : textOf(error),
    data: unfinished?.data ?? data,
  };
  const headers = failure === "later" ? { "retry-after": String(retryAfterS(cause)) } : {};
  return Response.json(body, { status: STATUS[failure], headers });
}

/** What kind of failure an error is to the caller. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AllocationError) return error.failure;
  if (error instanceof ConnectionError) return "later";
  if (!(error instanceof ApiError)) return "unforeseen";
  switch (error.code) {
    case 400:
    case 422:
      return "badRequest"; // a template that the API server refuses
    case 404:
      return "notFound"; // only a namespace can be missing where objects are made
    case 401:
    case 403:
    case 409:
    case 410: // a list took longer than its pages are kept
    case 429:
      return "later";
    default:
      return error.code >= 500 ? "later" : "unforeseen";
  }
}

/** True for errors after which the very same write may be tried at once again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.code >= 500 || error.code === 429 ||
    (error.code === 409 && error.reason !== "AlreadyExists");
}

/** The message of an error, for callers and logs. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function traceOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function retryAfterS(error: unknown): number {
  const waitMs = error instanceof ApiError ? error.retryAfterMs : undefined;
  return waitMs === undefined ? RETRY_AFTER_S : Math.max(1, Math.ceil(waitMs / 1000));
}
