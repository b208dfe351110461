/** Commands as processes, followed from outside. */
import { eventually } from "./eventually.ts";

export interface RunningCommand {
  readonly pid: number;
  /** Resolves with the exit code, or the signal that ended it, once all its output has been read. */
  readonly ended: Promise<number | Deno.Signal>;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Sends a signal; nothing happens when it has ended. */
  kill(signal: Deno.Signal): void;
}

/** How long a start may take on a busy machine, in ms. */
const START_LIMIT_MS = 30_000;
/** How much of a log goes into an error, in characters. */
const LOG_TAIL = 4000;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The words that start this project's program from the sources. */
export const PROGRAM: readonly string[] = [Deno.execPath(), "run", "-A", "--quiet", MAIN];

/** Starts a command with this project's folder as its own, and more variables than this process has. */
export function startCommand(
  [command = "", ...args]: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): RunningCommand {
  const child = new Deno.Command(command, {
    args,
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // Colours would stand between the words.
    env: { NO_COLOR: "1", ...variables },
  }).spawn();
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  return {
    pid: child.pid,
    ended: Promise.all([child.status, out.done, err.done])
      .then(([{ code, signal }]) => signal ?? code),
    stdout: out.text,
    stderr: err.text,
    kill(signal) {
      try {
        child.kill(signal);
      } catch {
        // It has ended by itself.
      }
    },
  };
}

/** Starts this project's program with these arguments. */
export function startOrchestrator(...args: string[]): RunningCommand {
  return startCommand([...PROGRAM, ...args]);
}

export interface CommandOutcome {
  readonly end: number | Deno.Signal;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs this project's program to its end. */
export async function runOrchestrator(...args: string[]): Promise<CommandOutcome> {
  const command = startOrchestrator(...args);
  const end = await command.ended;
  return { end, stdout: command.stdout(), stderr: command.stderr() };
}

/** The value of a line `NAME=value` of its own, once the command has printed it. */
export function printed(command: RunningCommand, name: string): Promise<string> {
  const pattern = new RegExp(`^${name}=(.+)$`, "m");
  return explained(
    [command],
    () =>
      eventually(`the line ${name}=`, () => pattern.exec(command.stdout())?.[1], {
        timeoutMs: START_LIMIT_MS,
      }),
  );
}

/** Runs `work`; where it fails, the end of what the commands logged is part of the error. */
export async function explained<T>(
  commands: readonly RunningCommand[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const logs = commands.map((command) => command.stderr().slice(-LOG_TAIL));
    throw new Error([message, ...logs].join("\n"), { cause });
  }
}

/** The process numbers of this machine's commands that have `text` among their words. */
export function processesWith(text: string): number[] {
  return commandLines().filter(({ line }) => line.includes(text)).map(({ pid }) => pid);
}

function commandLines(): { pid: number; line: string }[] {
  if (Deno.build.os === "linux") {
    return Array.from(Deno.readDirSync("/proc"), ({ name }) => name)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), line: commandLineOf(name) }));
  }
  const { stdout } = new Deno.Command("ps", { args: ["-axo", "pid=,args="] }).outputSync();
  return new TextDecoder().decode(stdout).trim().split("\n")
    .map((line) => ({ pid: Number.parseInt(line), line }));
}

/** "" where there is no such process, or no more. */
function commandLineOf(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return ""; // it has ended since the listing
  }
}

function collect(stream: ReadableStream<Uint8Array>): { text: () => string; done: Promise<void> } {
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, done: read() };
}
