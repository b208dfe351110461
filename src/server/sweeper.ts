/** Clears away the records of requests that nobody came back for. */
import { isConflict, isNotFound, keyOf, type KubeClient, type Lease, LEASES } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { textOf } from "./answers.ts";
import { HeldRecord } from "./held_record.ts";
import type { LedgerOptions, RequestLedger } from "./ledger.ts";
import { mapLimited } from "../lib/parallel.ts";
import { readRecord, RECORD_SELECTOR, type RequestRecord } from "./records.ts";

const SWEEP_EVERY_MS = 10_000;
/** Sweeps in a row that must see a record unchanged: nobody has touched it for 30 s. */
const SWEEPS = 4;
const CLEARED_AT_ONCE = 8;
/** How long clearing away one record may take, in ms. */
const CLEAR_LIMIT_MS = 60_000;

interface Sighting {
  readonly version: string | undefined;
  readonly count: number;
}

export interface SweeperOptions extends LedgerOptions {
  readonly ledger: RequestLedger;
}

/** Sweeps until the server stops. Never rejects. */
export async function runSweeper(options: SweeperOptions): Promise<void> {
  const { lifetime, log } = options;
  let seen: ReadonlyMap<string, Sighting> = new Map();
  let isTroubled = false;
  while (!lifetime.aborted) {
    try {
      seen = await sweep(options, seen);
      isTroubled = false;
    } catch (error) {
      // Holders could not renew either: what was seen before says nothing.
      seen = new Map();
      if (!isTroubled && !lifetime.aborted) {
        log.warning("Could not look for left records", { error: textOf(error) });
      }
      isTroubled = true;
    }
    await sleep(SWEEP_EVERY_MS, lifetime);
  }
}

/** @returns What to compare the next sweep with. */
export async function sweep(
  options: SweeperOptions,
  seen: ReadonlyMap<string, Sighting>,
): Promise<ReadonlyMap<string, Sighting>> {
  const { client, namespace, lifetime, ledger } = options;
  const { items } = await listRecords(client, namespace, lifetime);
  const next = new Map<string, Sighting>();
  const left: Lease[] = [];
  for (const lease of items) {
    const { name = "", resourceVersion: version } = lease.metadata;
    if (ledger.isBusy(name)) continue;
    const before = seen.get(name);
    const count = before?.version === version ? (before?.count ?? 0) + 1 : 1;
    if (count < SWEEPS) next.set(name, { version, count });
    else left.push(lease);
  }
  await mapLimited(left, CLEARED_AT_ONCE, (lease) => clear(options, lease));
  return next;
}

function listRecords(client: KubeClient, namespace: string, signal: AbortSignal) {
  return client.list(LEASES, { namespace, labelSelector: RECORD_SELECTOR, signal });
}

/** Work that was begun and never answered is taken back; of what was answered only the record goes. */
async function clear(options: SweeperOptions, lease: Lease): Promise<void> {
  const { client, lifetime, ledger, log } = options;
  const { name = "", uid = "" } = lease.metadata;
  const signal = AbortSignal.any([lifetime, AbortSignal.timeout(CLEAR_LIMIT_MS)]);
  try {
    const record = readRecord(lease);
    if (record === undefined) {
      await client.delete(LEASES, keyOf(lease), { signal, preconditions: { uid } });
    } else {
      // An equal request that comes now waits until this is done.
      await ledger.exclusively(name, () => clearHeld(options, lease, record, signal), signal);
    }
  } catch (error) {
    if (isConflict(error) || isNotFound(error) || lifetime.aborted) return;
    log.warning("Could not clear a left request away", { error: textOf(error) });
  }
}

async function clearHeld(
  { client, holder, undo, log }: SweeperOptions,
  lease: Lease,
  record: RequestRecord,
  signal: AbortSignal,
): Promise<void> {
  const held = new HeldRecord(client, holder, lease, record);
  if (!await held.set({}, signal)) return; // somebody is at work on it after all
  const renewing = new AbortController();
  const renewed = held.keep(renewing.signal);
  try {
    if (record.state === "working") {
      await undo(record.work, AbortSignal.any([signal, held.lost]));
    }
    await held.remove(signal);
  } finally {
    renewing.abort();
    await renewed;
  }
  log.info("Cleared a left request away", { record: lease.metadata.name, state: record.state });
}
