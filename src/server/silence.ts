/** How long the holder of a record has been silent, by our clock: clocks of two machines may differ. */
import type { Lease } from "../kube/mod.ts";

export class Silence {
  readonly #now: () => number;
  #version: string | undefined;
  #sinceMs = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns For how long the Lease has been seen as it is now, in ms. */
  of({ metadata: { resourceVersion } }: Lease): number {
    if (resourceVersion !== this.#version) {
      this.#version = resourceVersion;
      this.#sinceMs = this.#now();
    }
    return this.#now() - this.#sinceMs;
  }
}
