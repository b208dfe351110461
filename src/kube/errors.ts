import type { Status } from "./types.ts";

/** The API server answered, and the answer was no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /**
   * @param code HTTP status, 400 to 599.
   * @param reason Kubernetes' word for it (`NotFound`, `AlreadyExists`, …); "" when the answer had none.
   * @param status The whole `Status` object, where one came.
   * @param retryAfterMs What the server asked us to wait, where it did.
   */
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly status?: Status,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** No answer came: refused, cut off, or too late. A write may have happened all the same. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

/** The kubeconfig, or the in-cluster files, cannot be used. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** The name is taken (a conflict of versions is `isConflict`). */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409 && error.reason === "AlreadyExists";
}

/** Somebody else wrote first, or a precondition did not hold. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409 && error.reason !== "AlreadyExists";
}

/** What a request for an object gives, or undefined when there is no such object. */
export async function ifFound<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
