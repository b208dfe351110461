import { deepStrictEqual, throws } from "node:assert/strict";
import {
  binaryFrame,
  closeFrame,
  FrameError,
  type FrameEvent,
  FrameReader,
} from "./websocket_frames.ts";

const MASK = [1, 2, 3, 4];

/** A frame as a client sends it; `first` is its first byte. */
function clientFrame(first: number, payload: readonly number[]): number[] {
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return [first, ...size, ...MASK, ...payload.map((byte, at) => byte ^ (MASK[at & 3] ?? 0))];
}

/** What a reader makes of bytes that come in pieces of `size`: messages as lists, others by name. */
function read(bytes: readonly number[], size: number): (number[] | string)[] {
  const reader = new FrameReader();
  const events: FrameEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    events.push(...reader.push(Uint8Array.from(bytes.slice(at, at + size))));
  }
  const seen: (number[] | string)[] = [];
  let message: number[] = [];
  for (const event of events) {
    if (event.kind !== "data") seen.push(event.kind);
    else if (event.isStart) seen.push(message = [...event.bytes]);
    else message.push(...event.bytes);
  }
  return seen;
}

const LONG = Array.from({ length: 300 }, (_, at) => at & 255);
const STREAM = [
  ...clientFrame(0x82, [0, 65, 66]),
  ...clientFrame(0x89, [7]),
  ...clientFrame(0x02, LONG),
  ...clientFrame(0x8a, []),
  ...clientFrame(0x80, [9, 9]),
  ...clientFrame(0x82, []),
  ...clientFrame(0x88, [3, 232]),
];

Deno.test.each([{ size: 1 }, { size: 3 }, { size: 64 }, { size: 1000 }])(
  "a reader finds the same in pieces of $size bytes",
  ({ size }) => {
    deepStrictEqual(read(STREAM, size), [
      [0, 65, 66],
      "ping",
      [...LONG, 9, 9],
      "pong",
      [],
      "close",
    ]);
  },
);

Deno.test.each([
  { what: "without a mask", bytes: [0x82, 1, 0] },
  { what: "with an extension", bytes: [0xc2, 0x81, ...MASK, 0] },
  { what: "of an unknown kind", bytes: [0x83, 0x81, ...MASK, 0] },
  { what: "that controls in parts", bytes: clientFrame(0x09, []) },
  { what: "that controls at length", bytes: clientFrame(0x89, LONG) },
])("a reader refuses a frame $what", ({ bytes }) => {
  throws(() => [...new FrameReader().push(Uint8Array.from(bytes))], FrameError);
});

Deno.test.each([
  { length: 1, head: [0x82, 2] },
  { length: 300, head: [0x82, 126, 1, 45] },
  { length: 70_000, head: [0x82, 127, 0, 0, 0, 0, 0, 1, 17, 113] },
])("a frame of $length bytes tells its length", ({ length, head }) => {
  const frame = binaryFrame(Uint8Array.of(5), new Uint8Array(length).fill(6));
  deepStrictEqual(
    [[...frame.subarray(0, head.length)], frame[head.length], frame.at(-1), frame.length],
    [head, 5, 6, head.length + 1 + length],
  );
});

Deno.test("a closing frame has its code", () => {
  deepStrictEqual([...closeFrame(1000)], [0x88, 2, 3, 232]);
});
