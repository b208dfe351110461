/** A record that this process holds: renewed while the work lasts, written on as it goes. */
import { AllocationError } from "../allocation/mod.ts";
import { isConflict, isNotFound, keyOf, type KubeClient, type Lease, LEASES } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { isPassing, textOf } from "./answers.ts";
import { buildRecord, type RecordedWork, type RecordState, type RequestRecord } from "./records.ts";
import { retryPassing } from "./retry.ts";

/** How often a holder shows that it lives, in ms: well within `HOLDER_SILENCE_S`. */
const RENEW_MS = 1000;
/** How long one renewal may take, in ms. */
const RENEW_LIMIT_MS = 2000;
/** A holder that could not renew for this long stops its work, in ms: soon others take it back. */
const LET_GO_AFTER_MS = 20_000;

export class HeldRecord {
  readonly #client: KubeClient;
  readonly #holder: string;
  readonly #now: () => number;
  readonly #lost = new AbortController();
  #lease: Lease;
  #record: RequestRecord;
  #writtenAtMs: number;
  /** One write at a time: each needs the version that the last one gave. */
  #writes: Promise<unknown> = Promise.resolve();

  /** @param now A clock that only goes forward, in ms. */
  constructor(
    client: KubeClient,
    holder: string,
    lease: Lease,
    record: RequestRecord,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#writtenAtMs = now();
    this.#client = client;
    this.#holder = holder;
    this.#lease = lease;
    this.#record = record;
  }

  get work(): RecordedWork {
    return this.#record.work;
  }

  get state(): RecordState {
    return this.#record.state;
  }

  get uid(): string {
    return this.#lease.metadata.uid ?? "";
  }

  /** Aborts when somebody else has the record, or may soon have it: the work is theirs from then on. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Shows that the holder lives, until `signal` aborts or the record is lost. Never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(RENEW_MS, AbortSignal.any([signal, this.lost]));
      if (signal.aborted || this.lost.aborted) return;
      if (this.#now() - this.#writtenAtMs > LET_GO_AFTER_MS) return this.#lost.abort();
      try {
        await this.#writeOurs({}, AbortSignal.timeout(RENEW_LIMIT_MS));
      } catch {
        // Without a renewal for long enough others go on with the work, and then it is lost.
      }
    }
  }

  /**
   * Writes down what has become of the work, through short troubles.
   *
   * @returns False when somebody else has taken the record over, or it is gone.
   */
  set(change: Partial<RequestRecord>, signal: AbortSignal): Promise<boolean> {
    return retryPassing(() => this.#writeOurs(change, signal), signal);
  }

  /** Lets whoever comes next go on at once. A failure costs them the time of a silent holder. */
  async release(signal: AbortSignal): Promise<void> {
    await this.#write({}, "", signal);
  }

  /** Takes the record away; one that is gone is fine, and one that is somebody else's by now stays. */
  async remove(signal: AbortSignal): Promise<void> {
    await this.#writes.catch(() => {});
    for (;;) {
      const { resourceVersion = "" } = this.#lease.metadata;
      const preconditions = { uid: this.uid, resourceVersion };
      try {
        await this.#client.delete(LEASES, keyOf(this.#lease), { signal, preconditions });
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error)) throw error;
        if (!await this.#stands(signal)) return;
      }
    }
  }

  /** One try. @returns False, and the record is lost, when it is not ours any more. */
  async #writeOurs(change: Partial<RequestRecord>, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      try {
        await this.#write(change, this.#holder, signal);
        return true;
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
        if (await this.#stands(signal)) continue;
        this.#lost.abort();
        return false;
      }
    }
  }

  /** True when a write of ours whose answer was lost is what made the conflict. */
  async #stands(signal: AbortSignal): Promise<boolean> {
    try {
      const lease = await this.#client.get(LEASES, keyOf(this.#lease), { signal });
      const isOurs = lease.spec?.holderIdentity === this.#holder &&
        lease.metadata.uid === this.uid;
      if (isOurs) this.#lease = lease;
      return isOurs;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isPassing(error)) throw error;
      // Of no concern to the caller: it asks again.
      throw new AllocationError("later", `Cannot read a record: ${textOf(error)}`);
    }
  }

  /** What another write has changed before this one's turn is kept. */
  #write(change: Partial<RequestRecord>, holder: string, signal: AbortSignal): Promise<void> {
    const write = async () => {
      const record = { ...this.#record, ...change };
      const lease = buildRecord(keyOf(this.#lease), record, holder, Date.now(), this.#lease);
      this.#lease = await this.#client.replace(LEASES, lease, { signal });
      this.#record = record;
      this.#writtenAtMs = this.#now();
    };
    const done = this.#writes.then(write, write);
    this.#writes = done.catch(() => {});
    return done;
  }
}
