/** Growing waits between tries. */

/** How waits grow. All in milliseconds. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Each wait is the last one times this. */
  readonly factor: number;
  /** Share of the wait that chance may add, 0 to 1. */
  readonly jitter: number;
}

/** The wait before try number `failures` + 1, where `failures` is 1 or more. */
export function backoffMs(
  policy: BackoffPolicy,
  failures: number,
  random: () => number = Math.random,
): number {
  const plain = policy.initialMs * policy.factor ** (failures - 1);
  return Math.min(policy.maxMs, plain) * (1 + policy.jitter * random());
}
