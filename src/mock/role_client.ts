/** Requests from the coordinator to another role. */
import type { z } from "zod";
import { startDeadline } from "../lib/abort.ts";

/** How requests to other roles are made. */
export interface RoleClientOptions {
  readonly requestTimeoutMs: number;
  /** `host:port` to dial for a URL. */
  readonly resolve: (url: string) => string;
}

/** A role gave no answer, or none that can be used. Whether it is tried again is the caller's matter. */
export class RoleCallError extends Error {
  override readonly name = "RoleCallError";
  /** HTTP status, or `undefined` when there was no answer at all. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Calls other roles, each request under its own time limit. */
export class RoleClient {
  readonly #options: RoleClientOptions;

  constructor(options: RoleClientOptions) {
    this.#options = options;
  }

  /**
   * One request: POST with `body`, GET without.
   *
   * @param url `host:port` of the role.
   * @throws {RoleCallError} For anything but a 200 that `shape` accepts, and when `signal` aborts.
   */
  async call<T>(
    { url, path, body, shape, signal }: {
      readonly url: string;
      readonly path: string;
      readonly body?: unknown;
      readonly shape: z.ZodType<T>;
      readonly signal: AbortSignal;
    },
  ): Promise<T> {
    const deadline = startDeadline(this.#options.requestTimeoutMs, signal);
    let status: number | undefined;
    try {
      const response = await fetch(`http://${this.#options.resolve(url)}${path}`, {
        signal: deadline.signal,
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      });
      status = response.status;
      const text = await response.text();
      if (status !== 200) throw new Error(`status ${status}`);
      return shape.parse(JSON.parse(text));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new RoleCallError(`Cannot call ${url}${path}: ${why}`, status, { cause: error });
    } finally {
      deadline.clear();
    }
  }
}
