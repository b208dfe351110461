/** What a container says of its own end. */
import type { Container } from "../../kube/mod.ts";
import type { LogFile } from "./log_file.ts";
import { readLog } from "./log_read.ts";

/** Where a process finds the file that `terminationMessagePath` would be. */
export const TERMINATION_VARIABLE = "TERMINATION_MESSAGE_PATH";
/** Limits of a real kubelet, in bytes and lines. */
const FILE_LIMIT = 4096;
const LOG_LIMIT = 2048;
const LOG_LINES = 80;

/** Makes the file empty for a run; a container that cannot have one runs without. */
export async function prepareMessageFile(path: string): Promise<void> {
  await Deno.writeTextFile(path, "", { mode: 0o666 }).catch(() => {});
}

/** The message of a run that has ended: its file or, if the container wants it, the end of its log. */
export async function terminationMessage(
  { terminationMessagePolicy: policy }: Container,
  exitCode: number,
  path: string,
  log: LogFile,
): Promise<string> {
  const written = await readStart(path, FILE_LIMIT);
  if (written !== "" || policy !== "FallbackToLogsOnError" || exitCode === 0) return written;
  const query = { follow: false, timestamps: false, previous: false, tailLines: LOG_LINES };
  let end = new Uint8Array();
  for await (const piece of readLog(log, query, new AbortController().signal)) end = piece;
  return new TextDecoder().decode(end.subarray(-LOG_LIMIT));
}

async function readStart(path: string, limit: number): Promise<string> {
  try {
    // Opening a pipe would wait for somebody to write to it.
    if (!(await Deno.stat(path)).isFile) return "";
    using file = await Deno.open(path);
    const buffer = new Uint8Array(limit);
    const length = await file.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, length));
  } catch {
    // Removed, or made into something else, by the container: then it says nothing.
    return "";
  }
}
