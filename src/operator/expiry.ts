/** When a finished job is deleted. */
import type { DIJob } from "../api/mod.ts";

/** Until a finished job's time is over, in ms; Infinity for one that stays. */
export function msToExpiry({ spec, status }: DIJob, now: number): number {
  const { ttlSecondsAfterFinished } = spec;
  if (ttlSecondsAfterFinished === undefined) return Infinity;
  // Jobs that ended before there was a completionTime have the time of their last condition.
  const ended = status?.completionTime ??
    status?.conditions?.find(({ type }) => type === status.phase)?.lastTransitionTime;
  return (Date.parse(ended ?? "") || now) + ttlSecondsAfterFinished * 1000 - now;
}
