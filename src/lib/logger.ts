/** Structured logs on standard error, one line each: JSON for machines, text for people. */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  ansiColorFormatter,
  configure,
  getLogger,
  getTextFormatter,
  jsonLinesFormatter,
  type Logger,
  type LogLevel,
  type LogRecord,
  reset,
} from "@logtape/logtape";

export type { Logger };
export type LogFormat = "json" | "text";
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** Starts logging for the whole process. Until then nothing is printed. */
export async function startLogging(
  { format, level }: { readonly format: LogFormat; readonly level: LogLevel },
): Promise<void> {
  const formatter = format === "json"
    ? jsonLinesFormatter
    : Deno.stderr.isTerminal()
    ? ansiColorFormatter
    : getTextFormatter();
  const write = format === "json"
    ? formatter
    : (record: LogRecord) => withFields(formatter, record);
  await reset();
  await configure({
    // For the fields of the work that a line comes from: `trace.ts`.
    contextLocalStorage: new AsyncLocalStorage(),
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encode(write(record))) },
    loggers: [
      { category: [], sinks: ["stderr"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
}

/** Text formats leave the fields out, which say what a line is about. */
function withFields(format: (record: LogRecord) => string, record: LogRecord): string {
  const fields = Object.entries(record.properties).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return `${format(record).trimEnd()}${fields.join("")}\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * The logger of one room. Use a fixed sentence and put what varies into fields:
 * `log.warning("Could not create pod", { job: "rl/pong", error })`.
 */
export function loggerOf(...category: string[]): Logger {
  return getLogger(["di-orchestrator", ...category]);
}
