/** Waiting for something to become true, without guessing how long it takes. */

type Falsy = undefined | null | false | 0 | "";

export interface EventuallyOptions {
  /** When to give up, in ms. */
  readonly timeoutMs?: number;
  /** Pause between two checks, in ms. */
  readonly intervalMs?: number;
}

/**
 * Runs `check` again and again until it gives something truthy, and returns that. A check that throws
 * counts as "not yet", so assertions may stand in it.
 *
 * @param what What is awaited, for the message: `pod rl/pong-coordinator to be gone`.
 * @throws {Error} After `timeoutMs`, also when a check hangs; names `what` and the last result. The
 * last error is its `cause`.
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  { timeoutMs = 20_000, intervalMs = 25 }: EventuallyOptions = {},
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + timeoutMs;
  let last = "the check has not answered";
  let cause: unknown;
  do {
    const result = await within(end - performance.now(), check);
    if (result.kind === "late") break;
    if (result.kind === "value" && isTruthy(result.value)) return result.value;
    cause = result.kind === "error" ? result.error : undefined;
    last = result.kind === "error"
      ? `last error: ${messageOf(result.error)}`
      : `last value: ${String(result.value)}`;
    await pause(Math.min(intervalMs, end - performance.now()));
  } while (performance.now() < end);
  throw new Error(`Waited ${timeoutMs} ms for ${what}; ${last}`, { cause });
}

type Result<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "late" };

async function within<T>(limitMs: number, check: () => T | Promise<T>): Promise<Result<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Result<T>>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "late" }), limitMs);
  });
  try {
    return await Promise.race([late, attempt(check)]);
  } finally {
    clearTimeout(timer);
  }
}

async function attempt<T>(check: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return { kind: "value", value: await check() };
  } catch (error) {
    return { kind: "error", error };
  }
}

function isTruthy<T>(value: T): value is Exclude<T, Falsy> {
  return Boolean(value);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
