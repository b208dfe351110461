/** The frames of WebSocket (RFC 6455), as a server reads and writes them. */

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const NO_BYTES = new Uint8Array();

/** What comes out of the frames that a client sent. */
export type FrameEvent =
  /** A part of a message, text or not; `isStart` for a message's first one, which may be empty. */
  | { readonly kind: "data"; readonly isStart: boolean; readonly bytes: Uint8Array }
  | { readonly kind: "ping"; readonly payload: Uint8Array }
  | { readonly kind: "pong" }
  | { readonly kind: "close" };

/** The client does not keep to the protocol. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

interface FrameHead {
  readonly opcode: number;
  readonly mask: Uint8Array;
  /** Bytes of the payload. */
  readonly length: number;
  /** Bytes of the head itself. */
  readonly size: number;
}

/** Takes the bytes of a connection apart, however they are cut. */
export class FrameReader {
  /** The beginning of a head, or of a control frame. */
  #left = NO_BYTES;
  /** The data frame that is being read, and how much of it has been. */
  #open: { readonly mask: Uint8Array; readonly length: number; done: number } | undefined;

  /** @throws {FrameError} Nothing more can be read from the connection then. */
  *push(chunk: Uint8Array): Generator<FrameEvent, void> {
    let bytes = joined(this.#left, chunk);
    this.#left = NO_BYTES;
    for (;;) {
      if (this.#open !== undefined) {
        const { mask, length, done } = this.#open;
        const part = bytes.subarray(0, length - done);
        if (part.length > 0) yield data(false, unmasked(part, mask, done));
        bytes = bytes.subarray(part.length);
        this.#open.done += part.length;
        if (this.#open.done < length) return;
        this.#open = undefined;
      }
      const head = parseHead(bytes);
      const isControl = head !== undefined && head.opcode >= OPCODE.close;
      if (head === undefined || (isControl && bytes.length < head.size + head.length)) {
        this.#left = bytes.slice();
        return;
      }
      const rest = bytes.subarray(head.size);
      if (isControl) {
        yield controlEvent(head.opcode, unmasked(rest.subarray(0, head.length), head.mask, 0));
        bytes = rest.subarray(head.length);
      } else {
        if (head.opcode !== OPCODE.continuation) yield data(true, NO_BYTES);
        this.#open = { mask: head.mask, length: head.length, done: 0 };
        bytes = rest;
      }
    }
  }
}

/** A whole message in one frame: `start`, then `bytes`. */
export function binaryFrame(start: Uint8Array, bytes: Uint8Array): Uint8Array {
  return frame(OPCODE.binary, start, bytes);
}

export function pingFrame(): Uint8Array {
  return frame(OPCODE.ping, NO_BYTES, NO_BYTES);
}

export function pongFrame(payload: Uint8Array): Uint8Array {
  return frame(OPCODE.pong, NO_BYTES, payload);
}

/** @param code 1000 for an orderly end, 1002 for a breach of the protocol. */
export function closeFrame(code: number): Uint8Array {
  return frame(OPCODE.close, Uint8Array.of(code >> 8, code & 255), NO_BYTES);
}

function frame(opcode: number, start: Uint8Array, bytes: Uint8Array): Uint8Array {
  const length = start.length + bytes.length;
  const size = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const result = new Uint8Array(size + length);
  const view = new DataView(result.buffer);
  result[0] = 0x80 | opcode;
  result[1] = size === 2 ? length : size === 4 ? 126 : 127;
  if (size === 4) view.setUint16(2, length);
  if (size === 10) view.setBigUint64(2, BigInt(length));
  result.set(start, size);
  result.set(bytes, size + start.length);
  return result;
}

/** Undefined when there are not enough bytes yet. */
function parseHead(bytes: Uint8Array): FrameHead | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const opcode = first & 15;
  if ((first & 0x70) !== 0) throw new FrameError("A frame uses an extension");
  if (!Object.values<number>(OPCODE).includes(opcode)) {
    throw new FrameError(`A frame is of the unknown kind ${opcode}`);
  }
  if ((second & 0x80) === 0) throw new FrameError("A frame is not masked");
  const short = second & 127;
  if (opcode >= OPCODE.close && (short > 125 || (first & 0x80) === 0)) {
    throw new FrameError("A control frame is too long, or in parts");
  }
  const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0;
  const size = 2 + lengthSize + 4;
  if (bytes.length < size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = lengthSize === 0
    ? short
    : lengthSize === 2
    ? view.getUint16(2)
    : Number(view.getBigUint64(2));
  return { opcode, length, size, mask: bytes.slice(size - 4, size) };
}

function controlEvent(opcode: number, payload: Uint8Array): FrameEvent {
  if (opcode === OPCODE.ping) return { kind: "ping", payload };
  return { kind: opcode === OPCODE.pong ? "pong" : "close" };
}

function data(isStart: boolean, bytes: Uint8Array): FrameEvent {
  return { kind: "data", isStart, bytes };
}

/** @param from Where in the payload these bytes begin. */
function unmasked(bytes: Uint8Array, mask: Uint8Array, from: number): Uint8Array {
  return bytes.map((byte, at) => byte ^ (mask[(from + at) & 3] ?? 0));
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const result = new Uint8Array(one.length + other.length);
  result.set(one);
  result.set(other, one.length);
  return result;
}
