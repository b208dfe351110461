/** Splits a stream of bytes into lines, without their line ends. Empty lines are left out. */

export interface LineOptions {
  /** Told of every piece that comes. */
  readonly onData?: () => void;
  /**
   * Ends the reading: a body of `fetch()` is not to be relied on for that. Once the garbage collector
   * has run, Deno 2.9 no longer ends it when the signal of its request aborts.
   */
  readonly signal?: AbortSignal;
}

/** @throws What `signal` was aborted with, or the stream's own error. */
export async function* linesOf(
  body: ReadableStream<Uint8Array>,
  { onData = () => {}, signal }: LineOptions = {},
): AsyncGenerator<string> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  const decoder = new TextDecoder();
  // Pieces of an unfinished line are joined once, when it ends: objects may be large.
  let pieces: string[] = [];
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) break;
      onData();
      const text = decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
        pieces.push(text.slice(start, end));
        const line = pieces.join("");
        pieces = [];
        start = end + 1;
        signal?.throwIfAborted();
        if (line !== "") yield line;
      }
      if (start < text.length) pieces.push(text.slice(start));
    }
    signal?.throwIfAborted();
    const rest = pieces.join("");
    if (rest !== "") yield rest;
  } finally {
    signal?.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
}
