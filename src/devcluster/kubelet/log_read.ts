/**
 * Reading a container's log back: which lines were asked for, and how they are sent. Texts in here hold a
 * byte in each character: output need not be UTF-8, and parts of a line end inside characters.
 */
import { Buffer } from "node:buffer";
import { joinBytes, type LogFile, rotatedPath } from "./log_file.ts";

/** What a reader asks for; the names are those of the API's query parameters. */
export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** The run before the current one. */
  readonly previous: boolean;
  /** Only the last so many lines. */
  readonly tailLines?: number;
  /** Only lines from this time on. */
  readonly sinceMs?: number;
  /** No more bytes than this. */
  readonly limitBytes?: number;
}

/** The query cannot be understood; the message says which parameter. */
export class LogQueryError extends Error {
  override readonly name = "LogQueryError";
}

/**
 * Reads the parameters of a log request.
 *
 * @throws {LogQueryError} If one is not what it should be.
 */
export function parseLogQuery(parameters: URLSearchParams, nowMs: number): LogQuery {
  const tailLines = countOf(parameters, "tailLines");
  const limitBytes = countOf(parameters, "limitBytes");
  const sinceSeconds = countOf(parameters, "sinceSeconds");
  const sinceTime = parameters.get("sinceTime");
  const sinceTimeMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(sinceTimeMs)) {
    throw new LogQueryError(`Cannot read sinceTime: "${sinceTime}" is no RFC 3339 time`);
  }
  const sinceMs = sinceTimeMs ??
    (sinceSeconds === undefined ? undefined : nowMs - sinceSeconds * 1000);
  return {
    follow: isSet(parameters, "follow"),
    timestamps: isSet(parameters, "timestamps"),
    previous: isSet(parameters, "previous"),
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(limitBytes !== undefined && { limitBytes }),
  };
}

function isSet(parameters: URLSearchParams, name: string): boolean {
  const value = parameters.get(name);
  return value !== null && value !== "false" && value !== "0";
}

function countOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === "") return undefined;
  if (!/^\d+$/.test(text)) throw new LogQueryError(`Cannot read ${name}: "${text}" is no count`);
  return Number(text);
}

/** The stored lines that the query asks for, as they are sent; limits on bytes are not applied here. */
export function selectLines(stored: string, query: LogQuery): string {
  const lines = stored.split("\n");
  // What follows the last line end is empty, or a line that is being written.
  lines.pop();
  const { sinceMs, tailLines } = query;
  const recent = sinceMs === undefined
    ? lines
    : lines.filter((line) => Date.parse(line.slice(0, line.indexOf(" "))) >= sinceMs);
  const first = tailLines === undefined ? 0 : tailStart(recent, tailLines);
  return recent.slice(first).map((line) => sentLine(line, query.timestamps)).join("");
}

/** Where the last `count` whole lines begin; parts belong to the line that they are parts of. */
function tailStart(lines: readonly string[], count: number): number {
  if (count === 0) return lines.length;
  let whole = 0;
  for (let at = lines.length - 1; at >= 0; at--) {
    const startsLine = at === 0 || !isPart(lines[at - 1] ?? "");
    if (startsLine && ++whole === count) return at;
  }
  return 0;
}

function isPart(line: string): boolean {
  return tagOf(line) === "P";
}

function tagOf(line: string): string {
  return line.split(" ", 3)[2] ?? "";
}

/** A stored line without its head, and without line end when it is a part. */
function sentLine(line: string, withTime: boolean): string {
  const [time = "", stream = "", tag = ""] = line.split(" ", 3);
  const text = line.slice(time.length + stream.length + tag.length + 3);
  return `${withTime ? `${time} ` : ""}${text}${tag === "P" ? "" : "\n"}`;
}

/** Streams a log. It ends at the end of what is stored, or with `follow` when the container has ended. */
export async function* readLog(
  log: LogFile,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let left = query.limitBytes ?? Infinity;
  const position: Position = { generation: log.generation, offset: 0 };
  let stored = await readStored(log, position);
  let asked: LogQuery = query;
  for (;;) {
    const lines = Buffer.from(selectLines(stored, asked), "latin1");
    const bytes = new Uint8Array(lines.subarray(0, Math.min(left, lines.length)));
    if (bytes.length > 0) yield bytes;
    left -= bytes.length;
    if (!query.follow || left <= 0 || signal.aborted) return;
    // The choice of the last lines is made once; what comes later is all wanted.
    asked = { follow: true, previous: query.previous, timestamps: query.timestamps };
    while (isAtEnd(log, position)) {
      if (log.isClosed || signal.aborted) return;
      await log.changed(signal);
    }
    stored = await readOn(log, position);
  }
}

/** Up to where a reader has read. */
interface Position {
  generation: number;
  offset: number;
}

function isAtEnd(log: LogFile, { generation, offset }: Position): boolean {
  return log.generation === generation && log.size <= offset;
}

async function readStored(log: LogFile, position: Position): Promise<string> {
  const before = log.generation === 0 ? "" : await readFrom(rotatedPath(log.path), 0, undefined);
  return before + await readOn(log, position);
}

/** All whole lines after `position`, which moves on to their end. */
async function readOn(log: LogFile, position: Position): Promise<string> {
  let text = "";
  const { generation, size } = log;
  if (generation > position.generation) {
    // More than one rotation since the last read: what lay between is lost, as on a real node.
    const offset = generation === position.generation + 1 ? position.offset : 0;
    text = await readFrom(rotatedPath(log.path), offset, undefined);
    position.generation = generation;
    position.offset = 0;
  }
  text += await readFrom(log.path, position.offset, size);
  position.offset = size;
  return text;
}

async function readFrom(path: string, from: number, to: number | undefined): Promise<string> {
  try {
    using file = await Deno.open(path, { read: true });
    await file.seek(from, Deno.SeekMode.Start);
    const pieces: Uint8Array[] = [];
    let left = to === undefined ? Infinity : to - from;
    while (left > 0) {
      const buffer = new Uint8Array(Math.min(left, 64 * 1024));
      const count = await file.read(buffer);
      if (count === null) break;
      pieces.push(buffer.subarray(0, count));
      left -= count;
    }
    return Buffer.from(joinBytes(pieces).buffer).toString("latin1");
  } catch (error) {
    // Put aside or removed between two looks.
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
