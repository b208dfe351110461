/** Processes that left their session, found by a mark in the environment that they inherited. */
import { sleep } from "../../lib/abort.ts";

/** The variable that marks a process and all that it starts. */
export const MARK_VARIABLE = "KUBELET_PROCESS";
const ENTRY = `${MARK_VARIABLE}=`;
/** A process that starts others all the time is not run after for ever. */
const ROUNDS = 20;
/** Between two looks: killed processes are still there for a moment. */
const ROUND_MS = 5;

/** Ends strays. Those who ask while it looks share its next look: each reads the whole of `/proc`. */
export class StrayHunter {
  #marks = new Set<string>();
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  /** Kills all processes with this mark; resolves when there are none. */
  end(mark: string): Promise<void> {
    this.#marks.add(mark);
    this.#next ??= this.#last = this.#last.then(() => {
      const marks = this.#marks;
      this.#marks = new Set();
      this.#next = undefined;
      return killMarked(marks);
    });
    return this.#next;
  }
}

async function killMarked(marks: ReadonlySet<string>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = await findMarked(marks);
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
    await sleep(ROUND_MS);
  }
}

async function findMarked(marks: ReadonlySet<string>): Promise<number[]> {
  const found: number[] = [];
  for (const pid of processNumbers()) {
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
    const entry = environment.split("\0").find((one) => one.startsWith(ENTRY));
    if (entry !== undefined && marks.has(entry.slice(ENTRY.length))) found.push(pid);
  }
  return found;
}

/** The numbers of all processes; empty where the system has no `/proc`. */
export function processNumbers(): number[] {
  try {
    return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended since.
  }
}
