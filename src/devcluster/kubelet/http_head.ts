/** The first part of an HTTP/1 message: its start line and headers. */

/** More than this is no head of a request that anyone means well with. */
const HEAD_LIMIT = 64 * 1024;

export interface HttpHead {
  /** `GET http://a/b HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** In the order in which they came, with their names as they were written. */
  readonly headers: readonly (readonly [string, string])[];
}

/** The message cannot be read. */
export class HttpHeadError extends Error {
  override readonly name = "HttpHeadError";
}

/** Reads heads off a connection, and what follows them. */
export class HeadReader {
  readonly #connection: Deno.Conn;
  #buffer = new Uint8Array();

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** What has been read beyond the last head. */
  takeRest(): Uint8Array {
    const rest = this.#buffer;
    this.#buffer = new Uint8Array();
    return rest;
  }

  /**
   * The next head; undefined when the connection ends before one begins.
   *
   * @throws {HttpHeadError} If it is cut off, too long, or no HTTP/1 head.
   */
  async read(): Promise<HttpHead | undefined> {
    for (;;) {
      const end = endOfHead(this.#buffer);
      if (end !== -1) {
        const text = new TextDecoder("latin1").decode(this.#buffer.subarray(0, end - 4));
        this.#buffer = this.#buffer.slice(end);
        return parseHead(text);
      }
      if (this.#buffer.length > HEAD_LIMIT) throw new HttpHeadError("The head is too long");
      const chunk = new Uint8Array(16 * 1024);
      const count = await this.#connection.read(chunk);
      if (count === null) {
        if (this.#buffer.length === 0) return undefined;
        throw new HttpHeadError("The head was cut off");
      }
      const joined = new Uint8Array(this.#buffer.length + count);
      joined.set(this.#buffer);
      joined.set(chunk.subarray(0, count), this.#buffer.length);
      this.#buffer = joined;
    }
  }
}

/** Where the head ends, its empty line included; -1 when it has not ended. */
function endOfHead(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at !== -1; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}

/** @throws {HttpHeadError} If a line is no header. */
export function parseHead(text: string): HttpHead {
  const [startLine = "", ...lines] = text.split("\r\n");
  const headers = lines.map((line): readonly [string, string] => {
    const at = line.indexOf(":");
    if (at < 1) throw new HttpHeadError(`Cannot read header "${line.slice(0, 100)}"`);
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
  return { startLine, headers };
}

/** The head as it is sent. */
export function headBytes({ startLine, headers }: HttpHead): Uint8Array {
  const lines = [startLine, ...headers.map(([name, value]) => `${name}: ${value}`)];
  const text = `${lines.join("\r\n")}\r\n\r\n`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Headers without those of these names (lower case). */
export function withoutHeaders(
  headers: HttpHead["headers"],
  names: readonly string[],
): HttpHead["headers"] {
  return headers.filter(([name]) => !names.includes(name.toLowerCase()));
}

export function headerOf({ headers }: HttpHead, name: string): string | undefined {
  return headers.find(([one]) => one.toLowerCase() === name)?.[1];
}
