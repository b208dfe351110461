/** Host processes as containers: one session and process group each, never an orphan. */
import { sleep } from "../../lib/abort.ts";
import type { Reaper } from "./reaper.ts";

/** One program to run. */
interface ProgramSpec {
  /** Absolute path of the program, then its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Takes what was written; the next piece is read once it resolves. */
export type TakeOutput = (data: Uint8Array) => Promise<void> | void;

/** A program that nobody talks to. */
export interface ProcessSpec extends ProgramSpec {
  /** Takes the output, both streams in the order of writing. */
  readonly onOutput: TakeOutput;
  /** A mark in `env`: whatever has inherited it ends with the process; see {@link Reaper.nextMark}. */
  readonly mark?: string;
}

/** A program with its three streams apart. */
export interface StreamedProcessSpec extends ProgramSpec {
  readonly onStdout: TakeOutput;
  readonly onStderr: TakeOutput;
  /** Whether somebody will write to its standard input; else it is empty. */
  readonly hasStdin: boolean;
}

export interface RunningProcess {
  /** Of the process, of its group and of its session. */
  readonly pid: number;
  /** 0 to 255; 128 + n when signal n ended it. Resolves after all output was taken. */
  readonly exited: Promise<number>;
  /** Sends a signal to the whole group; nothing happens when it has ended. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
}

export interface StreamedProcess extends RunningProcess {
  /** Its standard input; fails once the process has ended. */
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
}

/**
 * The shell waits until its group is known to the reaper: should the kubelet die before, the line never
 * comes and nothing was started. `read` takes no byte beyond its line, so the program gets the rest.
 */
const START_SCRIPT = 'read -r go || exit 1; exec "$@"';
/** Both streams go to one pipe, so that their order is kept. */
const SILENT_START_SCRIPT = `${START_SCRIPT} </dev/null 2>&1`;
const START_SIGNAL = new TextEncoder().encode("go\n");
/** A process that left the session may hold the pipe: after a second of waiting for more it is given up. */
const DRAIN_WAIT_MS = 100;
const DRAIN_WAITS = 10;
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Starts a process whose group ends with it, and with this process.
 *
 * @throws {Deno.errors.NotFound} If the folder to run in is gone.
 */
export async function startProcess(spec: ProcessSpec, reaper: Reaper): Promise<RunningProcess> {
  const child = spawnShell(SILENT_START_SCRIPT, spec, "null").spawn();
  const drains = [drain(child.stdout, spec.onOutput)];
  await reaper.add(child.pid);
  const stdin = child.stdin.getWriter();
  await releaseShell(stdin);
  // Killed before it began, it is closed already: its exit code tells.
  await stdin.close().catch(() => {});
  return followed(child, drains, reaper, spec.mark);
}

/**
 * Starts a process that somebody talks to. Its group ends as that of {@link startProcess} does.
 *
 * @throws {Deno.errors.NotFound} If the folder to run in is gone.
 */
export async function startStreamedProcess(
  spec: StreamedProcessSpec,
  reaper: Reaper,
): Promise<StreamedProcess> {
  const script = spec.hasStdin ? START_SCRIPT : `${START_SCRIPT} </dev/null`;
  const child = spawnShell(script, spec, "piped").spawn();
  const drains = [drain(child.stdout, spec.onStdout), drain(child.stderr, spec.onStderr)];
  await reaper.add(child.pid);
  const stdin = child.stdin.getWriter();
  await releaseShell(stdin);
  return { ...followed(child, drains, reaper), stdin };
}

function spawnShell(
  script: string,
  { env, cwd, argv }: ProgramSpec,
  stderr: "null" | "piped",
): Deno.Command {
  return new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", ...throughShell(argv, env)],
    clearEnv: true,
    env,
    cwd,
    detached: true,
    stdin: "piped",
    stdout: "piped",
    stderr,
  });
}

/** Shells drop variables whose names they cannot spell; `env` hands those on. */
function throughShell(argv: readonly string[], env: ProgramSpec["env"]): readonly string[] {
  const odd = Object.entries(env).filter(([name]) => !SHELL_NAME.test(name));
  if (odd.length === 0) return argv;
  return ["/usr/bin/env", ...odd.map(([name, value]) => `${name}=${value}`), ...argv];
}

async function releaseShell(stdin: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  try {
    await stdin.write(START_SIGNAL);
  } catch {
    // Killed before it began: its exit code tells.
  }
}

function followed(
  child: Deno.ChildProcess,
  drains: readonly Drain[],
  reaper: Reaper,
  mark?: string,
): RunningProcess {
  return {
    pid: child.pid,
    exited: followProcess(child, drains, reaper, mark),
    signal: (name) => signalGroup(child.pid, name),
  };
}

async function followProcess(
  child: Deno.ChildProcess,
  drains: readonly Drain[],
  reaper: Reaper,
  mark: string | undefined,
): Promise<number> {
  const { code } = await child.status;
  // A container ends with its first process, whatever else still runs in it.
  signalGroup(child.pid, "SIGKILL");
  if (mark !== undefined) await reaper.endStrays(mark);
  await reaper.remove(child.pid);
  await Promise.all(drains.map(finishDrain));
  return code;
}

/** Takes what is left in the pipe, however slowly that is taken. */
async function finishDrain(drain: Drain): Promise<void> {
  for (let waits = 0; waits < DRAIN_WAITS && !drain.hasEnded();) {
    const limit = new AbortController();
    await Promise.race([drain.done, sleep(DRAIN_WAIT_MS, limit.signal)]);
    limit.abort();
    if (!drain.isTaking()) waits++;
  }
  await drain.cancel();
}

interface Drain {
  /** Resolves when all was taken. */
  readonly done: Promise<void>;
  hasEnded(): boolean;
  /** Whether something was read and is not taken yet. */
  isTaking(): boolean;
  cancel(): Promise<void>;
}

function drain(
  stream: ReadableStream<Uint8Array>,
  take: TakeOutput,
): Drain {
  const reader = stream.getReader();
  let isTaking = false;
  let hasEnded = false;
  const done = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      isTaking = true;
      try {
        await take(value);
      } finally {
        isTaking = false;
      }
    }
  })();
  // A broken pipe is the end of the output, nothing more.
  const settled = done.catch(() => {}).then(() => void (hasEnded = true));
  return {
    done: settled,
    hasEnded: () => hasEnded,
    isTaking: () => isTaking,
    async cancel() {
      await reader.cancel().catch(() => {});
      await settled;
    },
  };
}

function signalGroup(group: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(-group, name);
  } catch (error) {
    // Nobody is left in it, or only what has become another user (`sudo`): that is out of our reach.
    const isPast = error instanceof Deno.errors.NotFound;
    if (!isPast && !(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}
