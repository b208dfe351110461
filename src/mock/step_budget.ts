/**
 * The training steps of a job: who may make how many. A last quarter is withheld until a learner
 * that joined late has made some of them, so that a run cannot end before its newcomer has worked.
 */
export class StepBudget {
  readonly total: number;
  /** Learners that have made steps. */
  readonly #urls = new Set<string>();
  #claimed = 0;
  #done = 0;
  /** Learners that may not touch the withheld steps; all of them, while `undefined`. */
  #early: ReadonlySet<string> | undefined;
  #withheld: number;

  constructor(total: number) {
    this.total = total;
    this.#withheld = Math.ceil(total / 4);
  }

  /** Steps that were made. */
  get done(): number {
    return this.#done;
  }

  get spent(): boolean {
    return this.#done >= this.total;
  }

  /** Opens the withheld steps to every learner but these. */
  openToNewcomers(early: Iterable<string>): void {
    this.#early = new Set(early);
  }

  /** URL of the first newcomer that has made a step. */
  get newcomer(): string | undefined {
    const early = this.#early;
    return early && [...this.#urls].find((url) => !early.has(url));
  }

  /** Sets up to `wanted` steps aside for the learner at `url`; 0 when it has to wait. */
  claim(url: string, wanted: number): number {
    const newcomer = this.#early !== undefined && !this.#early.has(url);
    const limit = this.total - (newcomer ? 0 : this.#withheld);
    const steps = Math.max(0, Math.min(wanted, limit - this.#claimed));
    this.#claimed += steps;
    return steps;
  }

  /** Claimed steps that were not made after all. */
  giveBack(steps: number): void {
    this.#claimed -= steps;
  }

  /** Claimed steps that were made. */
  finish(url: string, steps: number): void {
    this.#done += steps;
    this.#urls.add(url);
    if (this.newcomer !== undefined) this.#withheld = 0;
  }
}
