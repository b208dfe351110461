/** Processes of a test that end with it, also when the test process is killed with SIGKILL. */

/**
 * Sits in a process group of its own and reads lines, each of them all process groups that run now. Its
 * input ends when the test process closes it or is gone: then it kills them and removes the folder.
 */
const GUARDIAN = `
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; } # one that is just dying may still write
`;

/** Becomes the program once the guardian knows of it; not at all if the test process dies before. */
const STARTER = `
log=$1; shift
read -r go || exit 0
exec </dev/null >>"$log" 2>&1
exec "$@"
`;

export interface StartOptions {
  /** Added to the environment of the test process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** One program that was started, in its own process group, with its output in a file. */
export interface KeptProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: boolean;
  /** Resolves with the exit code (128 + the signal's number where a signal ended it). */
  readonly ended: Promise<number>;
  /** Sends a signal to the whole group; nothing when it has ended. */
  signal(signal: Deno.Signal): void;
  /** The last lines of its output, joined by newlines; "" when there are none. */
  logTail(lines?: number): string;
}

/** Starts processes and guarantees their end. Whoever opens one must `stop()` it. */
export class ProcessKeeper {
  /** A folder for files of these processes, readable by this user only; removed by `stop()`. */
  readonly folder: string;
  readonly #guardian: Deno.ChildProcess;
  readonly #groups: WritableStreamDefaultWriter<Uint8Array>;
  readonly #running = new Map<number, KeptProcess>();

  private constructor(folder: string) {
    this.folder = folder;
    this.#guardian = new Deno.Command("/bin/sh", {
      args: ["-c", GUARDIAN, "guardian", folder],
      cwd: "/",
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#groups = this.#guardian.stdin.getWriter();
  }

  /** Makes the folder, whose name begins with `prefix`, and its guardian. */
  static async open(prefix: string): Promise<ProcessKeeper> {
    return new ProcessKeeper(await Deno.makeTempDir({ prefix }));
  }

  /**
   * Starts a program. One that cannot be executed ends at once with code 126 or 127.
   *
   * @param name Of its log file; an earlier one of the same name is continued.
   * @param command Program and arguments.
   */
  async start(
    name: string,
    command: readonly string[],
    { env = {}, cwd = this.folder }: StartOptions = {},
  ): Promise<KeptProcess> {
    const logPath = `${this.folder}/${name}.log`;
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", STARTER, name, logPath, ...command],
      cwd,
      env: { ...env },
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const signal = (name: Deno.Signal) => signalGroup(child.pid, name);
    let exited = false;
    const ended = child.status.then(async ({ code }) => {
      exited = true;
      // What the program itself started goes with it, while nobody else can have its number.
      signal("SIGKILL");
      this.#running.delete(child.pid);
      await this.#tellGuardian();
      return code;
    });
    const kept: KeptProcess = {
      name,
      pid: child.pid,
      get exited() {
        return exited;
      },
      ended,
      signal: (name) => exited || signal(name),
      logTail: (lines = 15) => tailOf(logPath, lines),
    };
    this.#running.set(child.pid, kept);
    await this.#tellGuardian();
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode("go\n")).catch(ignoreBrokenPipe);
    await stdin.close().catch(ignoreBrokenPipe);
    return kept;
  }

  /**
   * Ends all processes and removes the folder.
   *
   * @param graceMs How long they may take to end by themselves on SIGTERM; then comes SIGKILL.
   */
  async stop(graceMs = 3_000): Promise<void> {
    const running = [...this.#running.values()];
    for (const kept of running) {
      kept.signal("SIGTERM");
      kept.signal("SIGCONT");
    }
    const ended = Promise.all(running.map((kept) => kept.ended));
    await settledWithin(graceMs, ended);
    for (const kept of running) kept.signal("SIGKILL");
    await ended;
    await this.#groups.close();
    await this.#guardian.status;
  }

  async #tellGuardian(): Promise<void> {
    const line = `${[...this.#running.keys()].join(" ")}\n`;
    await this.#groups.write(new TextEncoder().encode(line));
  }
}

function signalGroup(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The process ended before it read its input; `ended` tells. */
function ignoreBrokenPipe(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
}

async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, work]);
  clearTimeout(timer);
}

function tailOf(path: string, lines: number): string {
  try {
    return Deno.readTextFileSync(path).trimEnd().split("\n").slice(-lines).join("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
