/** Memory limits of containers: what a kernel's control group would see to. */

import { processNumbers } from "./strays.ts";

/** Between two looks. A real limit acts at once; this one when it is next looked at. */
const LOOK_MS = 1000;

interface Watch {
  readonly limitBytes: number;
  readonly onOver: () => void;
}

/** Looks at the memory of process groups for as long as somebody has one watched. Sees nothing without `/proc`. */
export class MemoryGuard {
  readonly #lookMs: number;
  readonly #watches = new Map<number, Watch>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(lookMs = LOOK_MS) {
    this.#lookMs = lookMs;
  }

  /** Calls `onOver` once when the group's processes together hold more than `limitBytes`. */
  watch(group: number, limitBytes: number, onOver: () => void): void {
    this.#watches.set(group, { limitBytes, onOver });
    this.#timer ??= setInterval(() => this.#look(), this.#lookMs);
  }

  /** The group has ended. */
  unwatch(group: number): void {
    this.#watches.delete(group);
    if (this.#watches.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const members = membersOf(new Set(this.#watches.keys()));
    for (const [group, { limitBytes, onOver }] of [...this.#watches]) {
      const pids = members.get(group) ?? [];
      const isOver = sum(pids.map(residentBytes)) > limitBytes &&
        // Memory that processes share counts once: a slower question, asked only in doubt.
        sum(pids.map(shareBytes)) > limitBytes;
      if (!isOver) continue;
      this.unwatch(group);
      onOver();
    }
  }
}

/** How many processes the system has killed since its start because memory ran out; 0 where it does not say. */
export function systemKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readText("/proc/vmstat"))?.[1] ?? 0);
}

function membersOf(groups: ReadonlySet<number>): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const pid of processNumbers()) {
    const stat = readText(`/proc/${pid}/stat`);
    // The name of the program, in brackets, may hold anything.
    const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3)[2]);
    if (groups.has(group)) members.set(group, [...members.get(group) ?? [], pid]);
  }
  return members;
}

/** What files hold in memory is left out: the system takes that back when it needs it. */
function residentBytes(pid: number): number {
  return fieldsOf(`/proc/${pid}/status`, ["RssAnon", "RssShmem"]);
}

/** The same with shared memory in shares; what cannot be read of another user's process counts whole. */
function shareBytes(pid: number): number {
  return fieldsOf(`/proc/${pid}/smaps_rollup`, ["Pss_Anon", "Pss_Shmem"]) || residentBytes(pid);
}

/** The sum of fields that are in KiB, in bytes. */
function fieldsOf(path: string, names: readonly string[]): number {
  const text = readText(path);
  return 1024 * sum(
    names.map((name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0)),
  );
}

/** A file of `/proc`; empty when its process has ended, or is another user's. */
function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
