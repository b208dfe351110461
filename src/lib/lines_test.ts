import { deepStrictEqual, rejects } from "node:assert/strict";
import { linesOf } from "./lines.ts";

Deno.test.each([
  { what: "one piece", pieces: ["a\nb\n"], lines: ["a", "b"] },
  { what: "a line over three pieces", pieces: ["a", "b", "c\nd\n"], lines: ["abc", "d"] },
  { what: "a border right at a line's end", pieces: ["a", "\n", "b\n"], lines: ["a", "b"] },
  { what: "a last line without an end", pieces: ["a\nb"], lines: ["a", "b"] },
  { what: "empty lines", pieces: ["\n\na\n\n"], lines: ["a"] },
  { what: "nothing", pieces: [], lines: [] },
])("linesOf() splits $what", async ({ pieces, lines }) => {
  deepStrictEqual(await Array.fromAsync(linesOf(bytesOf(pieces))), lines);
});

Deno.test("linesOf() puts characters together that a border has cut", async () => {
  const text = "größer→𝛑\nnächste\n";
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= 4; size++) {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    });
    deepStrictEqual(await Array.fromAsync(linesOf(body)), ["größer→𝛑", "nächste"]);
  }
});

/** Never ends by itself, and knows nothing of signals. */
function endlessBody(onCancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("a\nb\n")),
    cancel: onCancel,
  });
}

Deno.test.each([
  { what: "between two lines of a piece", endsAt: "a", lines: ["a"] },
  { what: "while it waits for the next piece", endsAt: "b", lines: ["a", "b"] },
])("linesOf() ends with its signal $what", async ({ endsAt, lines }) => {
  const stop = new AbortController();
  const seen: string[] = [];
  let cancelled = 0;
  const read = async () => {
    for await (const line of linesOf(endlessBody(() => cancelled++), { signal: stop.signal })) {
      seen.push(line);
      if (line !== endsAt) continue;
      if (endsAt === "a") stop.abort(new Error("enough"));
      else setTimeout(() => stop.abort(new Error("enough")), 0);
    }
  };
  await rejects(read(), { message: "enough" });
  deepStrictEqual([seen, cancelled], [lines, 1]);
});

Deno.test("linesOf() ends a stream whose reader goes away", async () => {
  let cancelled = 0;
  for await (const _line of linesOf(endlessBody(() => cancelled++))) break;
  deepStrictEqual(cancelled, 1);
});

function bytesOf(pieces: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(pieces.map((piece) => new TextEncoder().encode(piece)));
}
