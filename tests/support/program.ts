/** The program under test as a process of its own, to be killed and started again. */

export interface ProgramProcess {
  /** Resolves with the exit code, or undefined when a signal ended it. */
  readonly ended: Promise<number | undefined>;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Ends it with `signal` and resolves when it is gone. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Starts `di-orchestrator` from the sources with these arguments. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ProgramProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const ended = Promise.all([child.status, out.done, err.done])
    .then(([status]) => status.signal === null ? status.code : undefined);
  return {
    ended,
    stdout: out.text,
    stderr: err.text,
    async end(signal) {
      try {
        child.kill(signal);
      } catch {
        // It has ended by itself.
      }
      await ended;
    },
  };
}

function collect(stream: ReadableStream<Uint8Array>): { text: () => string; done: Promise<void> } {
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, done: read() };
}
