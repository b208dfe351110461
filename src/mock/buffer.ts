import type { Random } from "./random.ts";

/** The latest things that collectors sent, for learners to draw from. Full, it forgets the oldest. */
export class ReplayBuffer<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  /** Where the next thing goes once the buffer is full. */
  #oldest = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  push(items: readonly T[]): void {
    for (const item of items) {
      if (this.#items.length < this.#capacity) this.#items.push(item);
      else {
        this.#items[this.#oldest] = item;
        this.#oldest = (this.#oldest + 1) % this.#capacity;
      }
    }
  }

  /** `count` things drawn with replacement; none while the buffer is empty. */
  sample(count: number, random: Random): T[] {
    const drawn: T[] = [];
    for (let i = 0; i < count; i++) {
      const item = this.#items[Math.floor(random() * this.#items.length)];
      if (item !== undefined) drawn.push(item);
    }
    return drawn;
  }
}
