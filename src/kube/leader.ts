/** Leader election on a Lease: of many copies one works, the others stand by. */
import { sleep } from "../lib/abort.ts";
import type { Logger } from "../lib/logger.ts";
import type { KubeClient } from "./client.ts";
import { ifFound, isAlreadyExists, isConflict } from "./errors.ts";
import { LeaseWatch } from "./lease_watch.ts";
import { LEASES } from "./resources.ts";
import type { Lease, ObjectKey } from "./types.ts";

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly lease: ObjectKey;
  /** Who we are: no two copies may have the same. */
  readonly identity: string;
  readonly timing?: ElectionTiming;
  readonly log: Logger;
  /** Ends the candidacy, and gives the lease back if we hold it. */
  readonly signal: AbortSignal;
  /** Called once, when this copy may begin to work. */
  readonly onLead: () => void;
  readonly now?: () => number;
}

/** All in milliseconds; the values of controller-runtime. */
export interface ElectionTiming {
  /** A holder silent for this long has lost the lease. */
  readonly leaseMs: number;
  /** A holder that could not renew for this long stops of itself, before another may start. */
  readonly renewMs: number;
  readonly retryMs: number;
}

export const ELECTION_TIMING: ElectionTiming = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/** Longest time for each request that gives the lease back, in ms. */
const RELEASE_LIMIT_MS = 2000;

/** How an election ended: `stopped` by the caller, or the lease was `lost` and work must end at once. */
export type ElectionEnd = "stopped" | "lost";

/** What a candidate saw last: a lease counts as silent from when *we* saw it change, by our clock. */
interface Sighting {
  readonly text: string;
  readonly atMs: number;
}

/** Stands for the lease, holds it, and resolves when that ends. Never rejects. */
export async function runElection(options: ElectionOptions): Promise<ElectionEnd> {
  const watch = new LeaseWatch(options);
  try {
    return await standAndHold(options, watch);
  } finally {
    await watch.stop();
  }
}

async function standAndHold(options: ElectionOptions, watch: LeaseWatch): Promise<ElectionEnd> {
  const { signal, timing = ELECTION_TIMING, log, now = Date.now } = options;
  let sighting: Sighting = { text: "", atMs: now() };
  let heldSinceMs: number | undefined;
  /** A try must not outlast our right to lead: others go by the lease, whatever we wait for. */
  const limitMs = () =>
    Math.max(1, Math.min(timing.renewMs / 2, (heldSinceMs ?? now()) + timing.renewMs - now()));
  while (!signal.aborted) {
    /** When another's lease runs out, as far as we know. */
    let expiryMs = Infinity;
    try {
      const lease = await readLease(options, limitMs());
      const text = JSON.stringify(lease?.spec ?? null);
      if (text !== sighting.text) sighting = { text, atMs: now() };
      if (mayTake(lease, options.identity, now() - sighting.atMs)) {
        const writtenMs = now();
        await writeLease(lease, options, writtenMs, limitMs());
        if (heldSinceMs === undefined) {
          options.onLead();
          watch.stop();
        }
        // Others count from the write, not from its answer.
        heldSinceMs = writtenMs;
      } else if (heldSinceMs !== undefined) return "lost";
      else expiryMs = sighting.atMs + durationMs(lease) + 1;
    } catch (error) {
      // Another copy was faster, or the API server is away: both are seen at the next try.
      if (!isConflict(error) && !isAlreadyExists(error)) {
        log.warning("Could not renew leadership; trying again", { error: String(error) });
      }
    }
    if (heldSinceMs === undefined) {
      await watch.wait(Math.min(timing.retryMs, expiryMs - now()), signal);
      continue;
    }
    const leftMs = heldSinceMs + timing.renewMs - now();
    if (leftMs <= 0) return "lost";
    await sleep(Math.min(timing.retryMs, leftMs), signal);
  }
  if (heldSinceMs !== undefined) await release(options);
  return "stopped";
}

/** True when the lease is free, ours, given back, or its holder has been silent for too long. */
export function mayTake(lease: Lease | undefined, identity: string, silentMs: number): boolean {
  const holder = lease?.spec?.holderIdentity;
  if (!holder || holder === identity) return true;
  return silentMs > durationMs(lease);
}

function durationMs(lease: Lease | undefined): number {
  return (lease?.spec?.leaseDurationSeconds ?? 0) * 1000;
}

function readLease(
  { client, lease }: ElectionOptions,
  timeoutMs: number,
): Promise<Lease | undefined> {
  return ifFound(client.get(LEASES, lease, { timeoutMs }));
}

async function writeLease(
  before: Lease | undefined,
  { client, lease, identity, timing = ELECTION_TIMING }: ElectionOptions,
  nowMs: number,
  timeoutMs: number,
): Promise<void> {
  const time = new Date(nowMs).toISOString().replace("Z", "000Z");
  const isOurs = before?.spec?.holderIdentity === identity;
  const spec = {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(timing.leaseMs / 1000),
    acquireTime: isOurs ? before?.spec?.acquireTime ?? time : time,
    renewTime: time,
    leaseTransitions: (before?.spec?.leaseTransitions ?? 0) +
      (before === undefined || isOurs ? 0 : 1),
  };
  const limit = { timeoutMs };
  if (before === undefined) await client.create(LEASES, { metadata: { ...lease }, spec }, limit);
  else await client.replace(LEASES, { ...before, spec }, limit);
}

/** Lets the next copy start at once. A failure costs it the lease's time, no more. */
async function release(options: ElectionOptions): Promise<void> {
  try {
    const lease = await readLease(options, RELEASE_LIMIT_MS);
    if (lease?.spec?.holderIdentity !== options.identity) return;
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    await options.client.replace(LEASES, { ...lease, spec }, {
      timeoutMs: RELEASE_LIMIT_MS,
    });
  } catch (error) {
    options.log.warning("Could not give the lease back", { error: String(error) });
  }
}
