/** A container's output on disk, line by line with times, in the form that container runtimes use. */

/** Bytes after which a log file is put aside and a new one begun; a real kubelet's default. */
export const LOG_SIZE_LIMIT = 10 * 1024 * 1024;
/** A line longer than this is cut into parts. */
const PART_LIMIT = 16 * 1024;
const NEWLINE = 10;

/**
 * The log of one run of a container: `<path>` and, once that has grown too large, `<path>.1` with what
 * came before. Each line is `<RFC 3339 time> stdout F|P <text>`; P marks a part without its line end.
 */
export class LogFile {
  readonly path: string;
  readonly #limit: number;
  readonly #now: () => number;
  #file: Deno.FsFile;
  #size = 0;
  /** Counts rotations, so that readers know where they are. */
  #generation = 0;
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

  /** Takes in output as it comes; resolves when it is on disk. */
  write(data: Uint8Array): Promise<void> {
    return this.#queue(() => this.#append(data, false));
  }

  /** Writes what is left of an unfinished line, and ends the log. */
  close(): Promise<void> {
    return this.#queue(async () => {
      if (this.#isClosed) return;
      await this.#append(new Uint8Array(), true);
      this.#isClosed = true;
      this.#file.close();
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
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      this.#keep(data.subarray(start, end));
      lines.push(this.#takeLine("F"));
      start = end + 1;
    }
    for (; data.length - start > PART_LIMIT; start += PART_LIMIT) {
      this.#keep(data.subarray(start, start + PART_LIMIT));
      lines.push(this.#takeLine("P"));
    }
    this.#keep(data.subarray(start));
    if (this.#restLength > PART_LIMIT || (isLast && this.#restLength > 0)) {
      lines.push(this.#takeLine("P"));
    }
    if (lines.length > 0) await this.#store(joinBytes(lines));
  }

  async #store(bytes: Uint8Array): Promise<void> {
    if (this.#size > 0 && this.#size + bytes.length > this.#limit) {
      this.#file.close();
      await Deno.rename(this.path, rotatedPath(this.path));
      this.#file = createFile(this.path);
      this.#size = 0;
      this.#generation++;
    }
    for (let written = 0; written < bytes.length;) {
      written += await this.#file.write(bytes.subarray(written));
    }
    this.#size += bytes.length;
    this.#wakeReaders();
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#rest.push(piece.slice());
    this.#restLength += piece.length;
  }

  #takeLine(tag: "F" | "P"): Uint8Array {
    const head = new TextEncoder().encode(`${new Date(this.#now()).toISOString()} stdout ${tag} `);
    const line = joinBytes([head, ...this.#rest, Uint8Array.of(NEWLINE)]);
    this.#rest = [];
    this.#restLength = 0;
    return line;
  }

  #wakeReaders(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
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
