/** How many events about one object are written, so that one that fails on and on does not fill the cluster. */

/** As client-go's recorder has it: 25 at once, and then one in five minutes. */
const BURST = 25;
const REFILL_MS = 5 * 60_000;
/** Objects that are kept in mind. */
const REMEMBERED = 4096;

interface Account {
  readonly left: number;
  readonly atMs: number;
}

/** One token bucket for each object. No I/O. */
export class EventBudget {
  /** By uid, the one that was not spoken of for longest first. */
  readonly #accounts = new Map<string, Account>();

  /** Takes one event's worth from the object's budget; false when there is none left. */
  spend(uid: string, nowMs: number): boolean {
    const held = this.#accounts.get(uid) ?? { left: BURST, atMs: nowMs };
    const left = Math.min(BURST, held.left + (nowMs - held.atMs) / REFILL_MS);
    const isEnough = left >= 1;
    this.#accounts.delete(uid);
    this.#accounts.set(uid, { left: isEnough ? left - 1 : left, atMs: nowMs });
    const oldest = this.#accounts.keys().next().value;
    if (this.#accounts.size > REMEMBERED && oldest !== undefined) this.#accounts.delete(oldest);
    return isEnough;
  }
}
