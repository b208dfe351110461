/** A container's output on disk, line by line with times, in the form that container runtimes use. */

/** Bytes after which a log file is put aside and a new one begun; a real kubelet's default. */
export const LOG_SIZE_LIMIT = 10 * 1024 * 1024;
/** A line longer than this is cut into parts. */
const PART_LIMIT = 16 * 1024;
const NEWLINE = 10;
const LINE_END = Uint8Array.of(NEWLINE);

/**
 * The log of one run of a container: `<path>` and, once that has grown too large, `<path>.1` with what
 * came before. Each line is `<RFC 3339 time> stdout F|P <text>`; P marks a part without its line end.
 * What cannot be written is dropped: a full disk must not hold the container up.
 */
export class LogFile {
  readonly path: string;
  readonly #limit: number;
  readonly #now: () => number;
  #file: Deno.FsFile | undefined;
  #size = 0;
  /** Counts rotations, so that readers know where they are. */
  #generation = 0;
  /** A write broke off inside a line. */
  #isTorn = false;
  /** The unfinished line, in pieces. */
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #isClosed = false;
  #waiters: (() => void)[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, now: () => number = Date.now, limit = LOG_SIZE_LIMIT) {
    this.path = path;
    this.#now = now;
    this.#limit = limit;
    this.#file = createFile(path);
  }

  get generation(): number {
    return this.#generation;
  }
  /** Bytes in the current file. */
  get size(): number {
    return this.#size;
  }
  /** True once nothing more will come. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes in output as it comes; resolves when it is on disk, or given up. */
  write(data: Uint8Array): Promise<void> {
    return this.#queue(() => this.#append(data, false));
  }

  /** Writes what is left of an unfinished line, and ends the log. */
  close(): Promise<void> {
    return this.#queue(async () => {
      if (this.#isClosed) return;
      await this.#append(new Uint8Array(), true);
      this.#isClosed = true;
      this.#file?.close();
      this.#wakeReaders();
    });
  }

  /** Resolves at the next change, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = () => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
      this.#waiters.push(wake);
    });
  }

  #queue(step: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(step);
    return this.#writing;
  }

  async #append(data: Uint8Array, isLast: boolean): Promise<void> {
    const time = new Date(this.#now()).toISOString();
    const lines = new LineBuffer(time, data.length + this.#restLength);
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      this.#takeLine(lines, "F", data.subarray(start, end));
      start = end + 1;
    }
    for (; data.length - start > PART_LIMIT; start += PART_LIMIT) {
      this.#takeLine(lines, "P", data.subarray(start, start + PART_LIMIT));
    }
    this.#keep(data.subarray(start));
    if (this.#restLength > PART_LIMIT || (isLast && this.#restLength > 0)) {
      this.#takeLine(lines, "P", new Uint8Array());
    }
    const bytes = lines.bytes();
    if (bytes.length > 0) await this.#store(bytes);
  }

  async #store(bytes: Uint8Array): Promise<void> {
    let written = 0;
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#limit) await this.#rotate();
      const file = this.#file ??= createFile(this.path);
      if (this.#isTorn) this.#size += await file.write(LINE_END);
      this.#isTorn = false;
      while (written < bytes.length) written += await file.write(bytes.subarray(written));
    } catch {
      this.#isTorn ||= written > 0;
    }
    this.#size += written;
    this.#wakeReaders();
  }

  async #rotate(): Promise<void> {
    this.#file?.close();
    this.#file = undefined;
    this.#size = 0;
    this.#generation++;
    this.#isTorn = false;
    await Deno.rename(this.path, rotatedPath(this.path));
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#rest.push(piece.slice());
    this.#restLength += piece.length;
  }

  #takeLine(lines: LineBuffer, tag: "F" | "P", end: Uint8Array): void {
    lines.add(tag, [...this.#rest, end]);
    this.#rest = [];
    this.#restLength = 0;
  }

  #wakeReaders(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** Lines in their stored form, in one growing array: programs may write millions of short ones. */
class LineBuffer {
  readonly #heads: Readonly<Record<"F" | "P", Uint8Array>>;
  #bytes: Uint8Array;
  #length = 0;

  constructor(time: string, size: number) {
    const head = (tag: string) => new TextEncoder().encode(`${time} stdout ${tag} `);
    this.#heads = { F: head("F"), P: head("P") };
    this.#bytes = new Uint8Array(size + 1024);
  }

  add(tag: "F" | "P", pieces: readonly Uint8Array[]): void {
    this.#put(this.#heads[tag]);
    for (const piece of pieces) this.#put(piece);
    this.#put(LINE_END);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #put(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(2 * length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }
}

/** Where the part of a log before the last rotation lies. */
export function rotatedPath(path: string): string {
  return `${path}.1`;
}

function createFile(path: string): Deno.FsFile {
  return Deno.openSync(path, { create: true, write: true, truncate: true, mode: 0o600 });
}

/** All pieces in one array. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
