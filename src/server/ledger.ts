/**
 * Makes a repeat of a request the same request. A client sends again when a connection breaks, perhaps to
 * another copy of the server, perhaps after the first was killed: what a request has been decided to come
 * to is written down in a Lease before the first write, and stays until the answer was handed over.
 *
 * Two equal requests that are each answered both count; `docs/http-api.md` has the rule.
 */
import { AllocationError } from "../allocation/mod.ts";
import {
  ifFound,
  isAlreadyExists,
  isConflict,
  isNotFound,
  keyOf,
  type KubeClient,
  type Lease,
  LEASES,
} from "../kube/mod.ts";
import { endsBefore, endsWithin, sleep } from "../lib/abort.ts";
import { backoffMs, type BackoffPolicy } from "../lib/backoff.ts";
import type { Logger } from "../lib/logger.ts";
import { failureOf, isPassing, textOf, UnfinishedError } from "./answers.ts";
import { HeldRecord } from "./held_record.ts";
import {
  buildRecord,
  HOLDER_SILENCE_S,
  readRecord,
  RECORD_SELECTOR,
  type RecordedWork,
  recordNameOf,
  type RequestIdentity,
  type RequestRecord,
} from "./records.ts";
import { RETRY, retryPassing, TRIES } from "./retry.ts";
import { Silence } from "./silence.ts";

/** How often a record that somebody else holds is looked at, in ms. */
const POLL_MS = 250;
/** How long an answer waits for what was made to be taken back, in ms. After it that goes on alone. */
const TAKE_BACK_WAIT_MS = 5000;
const TAKE_BACK_RETRY: BackoffPolicy = { initialMs: 500, maxMs: 15_000, factor: 2, jitter: 0.5 };
/** Tries before what was made is left to whoever sweeps: about 1 min. */
const TAKE_BACK_TRIES = 8;
/** A write that was cut off may still arrive this much later, in ms. */
const LATE_WRITE_MS = 2000;
/** How long the connection may take for an answer; beyond it the caller counts as gone, in ms. */
const SEND_LIMIT_MS = 5000;
/** Tries to take away the record of an answer that was handed over: about 40 s, as long as it would stand. */
const HAND_OVER_TRIES = 24;
/** How long the last words of a stopping server may take, in ms. */
const LAST_WORDS_MS = 1000;
/** Records of handed-over answers that could not be taken away, kept in mind at once. */
const DELIVERED_KEPT = 1000;

export interface LedgerOptions {
  readonly client: KubeClient;
  /** Where the records are kept. */
  readonly namespace: string;
  /** Who we are: no two processes may have the same. */
  readonly holder: string;
  readonly log: Logger;
  /** Aborts when the server stops. */
  readonly lifetime: AbortSignal;
  /** A clock that only goes forward, in ms; default: this process's own. */
  readonly now?: () => number;
  /** Takes back what of `work` has been done. Doing it again is harmless. */
  readonly undo: (work: RecordedWork, signal: AbortSignal) => Promise<void>;
}

/** One request that changes something. */
export interface Order<T> {
  readonly identity: RequestIdentity;
  /** Decides what the request comes to. Writes nothing. */
  plan(): Promise<RecordedWork>;
  /** Does it, or the rest of it, while the task's signal lets it. */
  perform(task: Task): Promise<T>;
  /** True once the caller has hung up. */
  isGone(): boolean;
  /** Resolves when the connection has taken the answer, or the caller is gone. */
  readonly sent: Promise<void>;
}

/** Recorded work to be done. */
export interface Task {
  readonly work: RecordedWork;
  /** True when somebody has begun with it before: what is gone may be our doing. */
  readonly isResumed: boolean;
  /** Aborts with the request, and when another process has taken the work over. */
  readonly signal: AbortSignal;
  /** Records other work, before any of it is done. @throws {AllocationError} `later`, see `signal`. */
  amend(work: RecordedWork): Promise<void>;
}

export class RequestLedger {
  readonly #options: LedgerOptions;
  /** By record: resolves when the last equal request of this process is over. */
  readonly #turns = new Map<string, Promise<void>>();
  /** uids of records whose answers were handed over, and which stand because nobody could delete them. */
  readonly #delivered = new Set<string>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** True while a request of this process is about this record. */
  isBusy(name: string): boolean {
    return this.#turns.has(name);
  }

  /** Resolves when no request of this process is at work, nor what follows its answer. */
  async settled(): Promise<void> {
    await Promise.all(this.#turns.values());
  }

  /** The records, of all copies, of requests that nobody has been given an answer to. */
  async unanswered(signal: AbortSignal): Promise<readonly RequestRecord[]> {
    const { client, namespace } = this.#options;
    const options = { namespace, labelSelector: RECORD_SELECTOR, signal };
    const { items } = await retryPassing(() => client.list(LEASES, options), signal);
    return items.map(readRecord).filter((record) => record !== undefined)
      .filter(({ state }) => state !== "answered");
  }

  /** Does something about a record while no request of this process is about it. */
  async exclusively(name: string, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const leave = await this.#waitForTurn(name, signal);
    try {
      await act();
    } finally {
      leave();
    }
  }

  /**
   * Serves one request; equal ones wait for each other.
   *
   * @returns What `perform` gave. Unless the caller is gone by then it counts as handed over, once sent.
   * @throws What `plan` or `perform` threw; what was done is then taken back.
   */
  async serve<T>(order: Order<T>, signal: AbortSignal): Promise<T> {
    const name = recordNameOf(order.identity);
    const leave = await this.#waitForTurn(name, signal);
    let record: HeldRecord;
    let isResumed: boolean;
    try {
      ({ record, isResumed } = await this.#claim(name, order, signal));
    } catch (error) {
      leave();
      throw error;
    }
    const renewing = new AbortController();
    const renewed = record.keep(renewing.signal);
    const rest = async () => {
      renewing.abort();
      await renewed;
    };
    const wasAnswered = record.state !== "working";
    const write = async (change: Partial<RequestRecord>) => {
      if (!await record.set(change, signal)) throw takenOver();
    };
    try {
      const value = await order.perform({
        work: record.work,
        isResumed,
        signal: AbortSignal.any([signal, record.lost]),
        amend: (work) => write({ work }),
      });
      // Only what is written down as answered is never taken back.
      await write({ state: "answered" });
      void this.#handOver(record, order).finally(rest).finally(leave);
      return value;
    } catch (error) {
      const after = this.#afterFailure(record, error, { wasAnswered, isResumed })
        .finally(rest).finally(leave);
      await endsWithin(after, TAKE_BACK_WAIT_MS);
      throw record.lost.aborted ? takenOver() : error;
    }
  }

  /** @returns What lets the next equal request begin. */
  async #waitForTurn(name: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#turns.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = Promise.all([before, promise]).then(() => {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    });
    this.#turns.set(name, turn);
    if (before !== undefined) {
      if (!await endsBefore(before, signal)) {
        resolve();
        throw new AllocationError("later", "an equal request is still being worked on");
      }
    }
    return resolve;
  }

  /** Makes the request's record, or takes over the one that a first try has left. */
  async #claim<T>(
    name: string,
    order: Order<T>,
    signal: AbortSignal,
  ): Promise<{ record: HeldRecord; isResumed: boolean }> {
    const { client, namespace, holder } = this.#options;
    const key = { namespace, name };
    const silence = new Silence(this.#options.now);
    let planned: RequestRecord | undefined;
    let failures = 0;
    // Once an answer was lost, what stands there as we wanted it is ours.
    let mayBeOurs = false;
    while (!signal.aborted) {
      const lease = await this.#read(name, signal);
      const found = lease && readRecord(lease);
      if (lease !== undefined && (found === undefined || this.#isDelivered(lease))) {
        await this.#drop(lease, signal);
        continue;
      }
      if (lease !== undefined && found !== undefined) {
        if (
          silence.of(lease) < HOLDER_SILENCE_S * 1000 && !isFree(lease, found, holder)
        ) {
          await sleep(POLL_MS, signal);
          continue;
        }
        const isOurs = mayBeOurs && lease.spec?.holderIdentity === holder &&
          JSON.stringify(found.work) === JSON.stringify(planned?.work);
        const record = await this.#takeOver(lease, found, signal);
        if (record !== undefined) return { record, isResumed: !isOurs };
        continue;
      }
      // Nothing is begun for nobody. What a first try has left is another matter.
      if (order.isGone()) throw new AllocationError("later", "the caller has hung up");
      planned ??= { state: "working", work: await order.plan() };
      try {
        const created = buildRecord(key, planned, holder, Date.now());
        const lease = await client.create(LEASES, created, { signal });
        return { record: new HeldRecord(client, holder, lease, planned), isResumed: false };
      } catch (error) {
        if (isNotFound(error)) {
          throw new AllocationError("later", `Cannot record the request: ${textOf(error)}`);
        }
        if (isAlreadyExists(error)) continue;
        if (!isPassing(error) || ++failures >= TRIES) throw error;
        mayBeOurs = true;
        await sleep(backoffMs(RETRY, failures), signal);
      }
    }
    throw new AllocationError("later", "an equal request is still being worked on");
  }

  #isDelivered({ metadata: { uid = "" } }: Lease): boolean {
    return this.#delivered.has(uid);
  }

  /** Deletes a Lease that stands for no request. One that is another's by now is left to the next look. */
  async #drop(lease: Lease, signal: AbortSignal): Promise<void> {
    const { uid = "" } = lease.metadata;
    const options = { signal, preconditions: { uid } };
    try {
      await retryPassing(
        () => this.#options.client.delete(LEASES, keyOf(lease), options),
        signal,
        (error) => isPassing(error) && !isConflict(error),
      );
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.#delivered.delete(uid);
  }

  #read(name: string, signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace } = this.#options;
    const read = () => client.get(LEASES, { namespace, name }, { signal });
    return ifFound(retryPassing(read, signal));
  }

  /** @returns Undefined when somebody else was faster. */
  async #takeOver(
    lease: Lease,
    { state, work }: RequestRecord,
    signal: AbortSignal,
  ): Promise<HeldRecord | undefined> {
    const { client, holder } = this.#options;
    // What was answered once is never taken back.
    const record = { state: state === "working" ? state : "answered" as const, work };
    const held = new HeldRecord(client, holder, lease, record);
    return await held.set({}, signal) ? held : undefined;
  }

  /** Takes the record away once its answer is sent, or leaves word that nobody took it. */
  async #handOver<T>(record: HeldRecord, { isGone, sent }: Order<T>): Promise<void> {
    const { lifetime, log } = this.#options;
    let isTaken = false;
    try {
      // `sent` comes also of a caller that hangs up before the answer is on its way.
      isTaken = !isGone() && await endsWithin(sent, SEND_LIMIT_MS) && !isGone();
      await withLastWords(lifetime, async (signal) => {
        // While it stands another copy would give the same answer to a new equal request.
        if (isTaken) {
          await retryPassing(() => record.remove(signal), signal, isPassing, HAND_OVER_TRIES);
        } else await record.set({ state: "undelivered" }, signal);
      });
    } catch (error) {
      // The next equal request is one of its own all the same.
      if (isTaken) this.#keepInMind(record.uid);
      log.warning("Left a record of an answered request", { error: textOf(error) });
    }
  }

  #keepInMind(uid: string): void {
    this.#delivered.add(uid);
    const [oldest] = this.#delivered;
    if (this.#delivered.size > DELIVERED_KEPT && oldest !== undefined) {
      this.#delivered.delete(oldest);
    }
  }

  /** Never rejects. */
  async #afterFailure(
    record: HeldRecord,
    error: unknown,
    { wasAnswered, isResumed }: { readonly wasAnswered: boolean; readonly isResumed: boolean },
  ): Promise<void> {
    const { lifetime, log } = this.#options;
    if (record.lost.aborted) return; // the work is another's, and what was done of it too
    try {
      if (lifetime.aborted) await record.release(AbortSignal.timeout(LAST_WORDS_MS));
      else if (wasAnswered) await record.set({ state: "undelivered" }, lifetime);
      else await this.#takeBack(record, error, isResumed);
    } catch (trouble) {
      log.warning("Left a request to be taken back later", { error: textOf(trouble) });
    }
  }

  async #takeBack(record: HeldRecord, error: unknown, isResumed: boolean): Promise<void> {
    const { lifetime, undo, log } = this.#options;
    const cause = error instanceof UnfinishedError ? error.cause : error;
    // What was deleted cannot be given back: whoever asks again, as `later` invites to, has it finished.
    if (record.work.kind === "remove" && failureOf(cause) === "later") {
      return await record.release(lifetime);
    }
    for (let tries = 1;; tries++) {
      try {
        // Whoever has taken the work over may have answered it by now.
        if (!await record.set({}, lifetime)) return;
        await undo(record.work, lifetime);
        // So may those of a holder that was only slow, and hears just now that it is none any more.
        if (isPassing(cause) || isResumed) {
          await sleep(LATE_WRITE_MS, lifetime);
          if (!await record.set({}, lifetime)) return;
          await undo(record.work, lifetime);
        }
        return await record.remove(lifetime);
      } catch (trouble) {
        if (tries >= TAKE_BACK_TRIES || lifetime.aborted) throw trouble;
        log.warning("Could not take replicas back yet", { error: textOf(trouble) });
        await sleep(backoffMs(TAKE_BACK_RETRY, tries), lifetime);
      }
    }
  }
}

/** Acts while the server runs; what its end cut off is done again, in short. It must be harmless twice. */
async function withLastWords(
  lifetime: AbortSignal,
  act: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    if (!lifetime.aborted) return await act(lifetime);
  } catch (error) {
    if (!lifetime.aborted) throw error;
  }
  await act(AbortSignal.timeout(LAST_WORDS_MS));
}

function takenOver(): AllocationError {
  return new AllocationError("later", "another server has taken this request over");
}

/** True for a record that nobody is at work on. Equal requests of one process wait for each other. */
function isFree({ spec }: Lease, { state }: RequestRecord, holder: string): boolean {
  return state === "undelivered" || !spec?.holderIdentity || spec.holderIdentity === holder;
}
