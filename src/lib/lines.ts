/** Splits a stream of bytes into lines, without their line ends. Empty lines are left out. */
export async function* linesOf(
  body: ReadableStream<Uint8Array>,
  onData: () => void = () => {},
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // Pieces of an unfinished line are joined once, when it ends: objects may be large.
  let pieces: string[] = [];
  for await (const chunk of body) {
    onData();
    const text = decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      pieces.push(text.slice(start, end));
      const line = pieces.join("");
      pieces = [];
      start = end + 1;
      if (line !== "") yield line;
    }
    if (start < text.length) pieces.push(text.slice(start));
  }
  const rest = pieces.join("");
  if (rest !== "") yield rest;
}
