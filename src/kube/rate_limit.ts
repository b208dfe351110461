/** A limit of our own on how many requests go to the API server. */
export interface RateLimit {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests that may go out at once after a rest; 1 or more. */
  readonly burst: number;
}

/** A bucket of tokens, one for each request: it holds `burst` and is filled with `perSecond`. */
export class TokenBucket {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  /** When the bucket would be full, in ms: each token that is taken moves it on. */
  #fullAtMs = -Infinity;

  constructor(limit: RateLimit, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Takes a token. @returns How long to wait before it may be used, in ms. */
  take(): number {
    const { perSecond, burst } = this.#limit;
    const now = this.#now();
    this.#fullAtMs = Math.max(this.#fullAtMs, now) + 1000 / perSecond;
    return Math.max(0, this.#fullAtMs - now - burst * 1000 / perSecond);
  }
}
