/** Host processes as containers: one session and process group each, never an orphan. */
import { sleep } from "../../lib/abort.ts";
import type { Reaper } from "./reaper.ts";

/** One program to run. */
export interface ProcessSpec {
  /** Absolute path of the program, then its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Takes the output, both streams in the order of writing. */
  readonly onOutput: (data: Uint8Array) => Promise<void> | void;
}

export interface RunningProcess {
  /** Of the process, of its group and of its session. */
  readonly pid: number;
  /** 0 to 255; 128 + n when signal n ended it. Resolves after all output was taken. */
  readonly exited: Promise<number>;
  /** Sends a signal to the whole group; nothing happens when it has ended. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * The shell waits until its group is known to the reaper: should the kubelet die before, the line never
 * comes and nothing was started. Both streams go to one pipe, so that their order is kept.
 */
const START_SCRIPT = 'read -r go || exit 1; exec "$@" </dev/null 2>&1';
/** A process that left the session may hold the pipe: the output is given up after this time. */
const DRAIN_LIMIT_MS = 1000;
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Starts a process whose group ends with it, and with this process.
 *
 * @throws {Deno.errors.NotFound} If the folder to run in is gone.
 */
export async function startProcess(spec: ProcessSpec, reaper: Reaper): Promise<RunningProcess> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", START_SCRIPT, "sh", ...throughShell(spec)],
    clearEnv: true,
    env: spec.env,
    cwd: spec.cwd,
    detached: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const group = child.pid;
  const signal = (name: "SIGTERM" | "SIGKILL") => signalGroup(group, name);
  const drained = drain(child.stdout, spec.onOutput);
  await reaper.add(group);
  await releaseShell(child.stdin);
  return { pid: group, exited: followProcess(child, drained, reaper), signal };
}

/** Shells drop variables whose names they cannot spell; `env` hands those on. */
function throughShell({ argv, env }: ProcessSpec): readonly string[] {
  const odd = Object.entries(env).filter(([name]) => !SHELL_NAME.test(name));
  if (odd.length === 0) return argv;
  return ["/usr/bin/env", ...odd.map(([name, value]) => `${name}=${value}`), ...argv];
}

async function releaseShell(stdin: WritableStream<Uint8Array>): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode("go\n"));
    await writer.close();
  } catch {
    // Killed before it began: its exit code tells.
  }
}

async function followProcess(
  child: Deno.ChildProcess,
  drained: Drain,
  reaper: Reaper,
): Promise<number> {
  const { code } = await child.status;
  // A container ends with its first process, whatever else still runs in it.
  signalGroup(child.pid, "SIGKILL");
  await reaper.remove(child.pid);
  const limit = new AbortController();
  await Promise.race([drained.done, sleep(DRAIN_LIMIT_MS, limit.signal)]);
  limit.abort();
  await drained.cancel();
  return code;
}

interface Drain {
  readonly done: Promise<void>;
  cancel(): Promise<void>;
}

function drain(
  stream: ReadableStream<Uint8Array>,
  take: (data: Uint8Array) => Promise<void> | void,
): Drain {
  const reader = stream.getReader();
  const done = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      await take(value);
    }
  })();
  // A broken pipe is the end of the output, nothing more.
  const settled = done.catch(() => {});
  return {
    done: settled,
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
    // Nobody is left in it.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
