/** Structured logs on standard error, one line each: JSON for machines, text for people. */
import {
  ansiColorFormatter,
  configure,
  getLogger,
  getTextFormatter,
  jsonLinesFormatter,
  type Logger,
  type LogLevel,
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
  await reset();
  await configure({
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encode(formatter(record))) },
    loggers: [
      { category: [], sinks: ["stderr"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
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
