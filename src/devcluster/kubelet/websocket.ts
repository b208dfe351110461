/** The server's end of a WebSocket on a node socket. Reads no further than what has been used. */
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { drained } from "../../lib/drained.ts";
import {
  binaryFrame,
  closeFrame,
  FrameError,
  FrameReader,
  pingFrame,
  pongFrame,
} from "./websocket_frames.ts";

/** Makes the accepting key out of the client's (RFC 6455, 1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** A client that died while its input waits is found by what cannot be written to it. */
const PING_MS = 2_000;
/** How long a client may take to answer that the connection is to be closed. */
const CLOSE_LIMIT_MS = 1_000;

/** A part of a message. */
export interface MessagePart {
  readonly isStart: boolean;
  readonly bytes: Uint8Array;
}

export class WebSocketConnection {
  readonly #socket: Duplex;
  readonly #reader = new FrameReader();
  readonly #gone = new AbortController();
  readonly #pings: ReturnType<typeof setInterval>;
  #isClosing = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    // Where something waits to go out, that does what a ping would do.
    this.#pings = setInterval(() => {
      if (!socket.writableNeedDrain) void this.#write(pingFrame());
    }, PING_MS);
    socket.on("error", () => {}); // "close" follows
    const end = () => {
      clearInterval(this.#pings);
      this.#gone.abort();
    };
    // A client may have left before: "close" is over then.
    if (socket.destroyed) end();
    else socket.once("close", end);
  }

  /** Aborts when the client cannot be reached any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What the client sends, until it closes or is gone; never throws. The connection is over then. */
  async *messages(): AsyncGenerator<MessagePart, void> {
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
        for (const event of this.#reader.push(chunk)) {
          if (event.kind === "close") return await this.#end(1000);
          if (event.kind === "ping") await this.#write(pongFrame(event.payload));
          if (event.kind === "data") yield event;
        }
      }
    } catch (error) {
      if (error instanceof FrameError) await this.#end(1002);
    } finally {
      if (this.#isClosing) this.#socket.resume();
      else this.abandon();
    }
  }

  /** Sends one message: `start`, then `bytes`. Resolves when the next may follow, or nobody is there. */
  async send(start: Uint8Array, bytes: Uint8Array): Promise<void> {
    await this.#write(binaryFrame(start, bytes));
  }

  /** Says that this was all. {@link messages} must be read meanwhile, to see the client agree. */
  async close(): Promise<void> {
    await this.#end(1000);
    if (this.gone.aborted) return;
    await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  /** Cuts the connection. */
  abandon(): void {
    this.#socket.destroy();
  }

  async #end(code: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    await this.#push(closeFrame(code));
    if (this.gone.aborted) return;
    const limit = setTimeout(() => this.abandon(), CLOSE_LIMIT_MS);
    this.#socket.once("close", () => clearTimeout(limit));
    this.#socket.end();
  }

  async #write(frame: Uint8Array): Promise<void> {
    if (!this.#isClosing) await this.#push(frame);
  }

  async #push(frame: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (!this.gone.aborted && !socket.write(frame)) await drained(socket);
  }
}

/** The lines that turn an HTTP connection into a WebSocket. @param key The client's. */
export function acceptLines(key: string, protocol: string): string {
  const accept = createHash("sha1").update(key + ACCEPT_SUFFIX).digest("base64");
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
    "",
    "",
  ].join("\r\n");
}
