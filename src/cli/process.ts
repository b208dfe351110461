/** What the commands need to know of their process: when to stop, and how to start it again. */
import type { ClaimedResources, HostEnvironment } from "../devcluster/kubelet/mod.ts";
import type { KubeEnvironment } from "../kube/mod.ts";

/** What a command is given; tests give their own. */
export interface CommandContext {
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
  /** Prints one line on standard output. */
  readonly print: (line: string) => void;
}

/** A failure that needs no stack to be understood: shown as one line. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/** Aborts at the first SIGINT or SIGTERM, or when the terminal is closed. */
export function signalOfProcess(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => controller.abort(new DOMException(name, "AbortError")));
  }
  return controller.signal;
}

/**
 * Folders that are read again and again. The executable has them granted beside `/`, so that they stay when
 * that is given up.
 */
export const READ_LATER: readonly string[] = [
  "/var/run/secrets/kubernetes.io/serviceaccount",
  "/tmp/k8s-webhook-server/serving-certs",
];

/**
 * Gives up what a command that has read its files and listens no longer needs: starting programs, writing,
 * and reading but for `readLater`. That stays where it was granted beside `/` (`--allow-read=/,PATH`), as
 * the executable has it; a grant of everything at once cannot be narrowed.
 *
 * @param readLater A folder or file that is read again and again; undefined: there is none. One outside of
 *   `granted` could not be read again, so that reading is kept as it is.
 */
export async function dropPermissions(
  readLater: string | undefined,
  granted: readonly string[] = READ_LATER,
): Promise<void> {
  const names = ["run", "write", "ffi", "sys"] as const;
  await Promise.all(names.map((name) => Deno.permissions.revoke({ name })));
  if (readLater === undefined) await Deno.permissions.revoke({ name: "read" });
  else if (granted.some((path) => `${readLater}/`.startsWith(`${path}/`))) {
    await Deno.permissions.revoke({ name: "read", path: "/" });
  }
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** The part of the environment that says where the API server is. */
export function kubeEnvironment(): KubeEnvironment {
  return {
    KUBECONFIG: Deno.env.get("KUBECONFIG"),
    HOME: Deno.env.get("HOME"),
    KUBERNETES_SERVICE_HOST: Deno.env.get("KUBERNETES_SERVICE_HOST"),
    KUBERNETES_SERVICE_PORT: Deno.env.get("KUBERNETES_SERVICE_PORT"),
  };
}

/** How often the ancestors are looked at, in ms. */
const ANCESTOR_INTERVAL_MS = 500;

/**
 * Calls `onEnd` when the process that started us has ended, be it directly or through `npx` and
 * `deno task`, none of which pass signals on. Linux only: elsewhere only the direct parent is seen.
 *
 * @returns A function that ends the watch.
 */
export function watchParent(onEnd: () => void): () => void {
  const ancestors = starterChain();
  const parent = Deno.ppid;
  // The starter may have died while this program was still being loaded.
  if (parent === 1 && !hasGroupLeader()) onEnd();
  const timer = setInterval(() => {
    const isOrphan = Deno.ppid !== parent;
    if (isOrphan || ancestors.some(({ pid, bornAt }) => readStat(pid)?.bornAt !== bornAt)) onEnd();
  }, ANCESTOR_INTERVAL_MS);
  return () => clearInterval(timer);
}

interface Ancestor {
  readonly pid: number;
  readonly parent: number;
  /** Start time in clock ticks since boot: tells a process from a later one of the same number. */
  readonly bornAt: string;
}

/** The parent, and behind it whatever else is a runner on the way from the user's command to us. */
function starterChain(): Ancestor[] {
  const chain: Ancestor[] = [];
  let stat = readStat(Deno.ppid);
  while (stat !== undefined && stat.pid > 1) {
    chain.push(stat);
    if (!isRunner(stat.pid)) break;
    const next = readStat(stat.parent);
    if (next === undefined || !isRunner(next.pid)) break;
    stat = next;
  }
  return chain;
}

/** True for `npx`, `npm exec`, the shell that it starts, and `deno` itself. */
function isRunner(pid: number): boolean {
  const command = readProc(pid, "cmdline")?.replaceAll("\0", " ") ?? "";
  return /\b(deno|npx|npm exec)\b/.test(command) && !/\bdeno (run|test)\b/.test(command);
}

/** False when we are in the process group of a process that is gone. */
function hasGroupLeader(): boolean {
  const group = Number(statFields(Deno.pid)?.[2]);
  return group === Deno.pid || readStat(group) !== undefined;
}

function readStat(pid: number): Ancestor | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === "Z") return undefined;
  return { pid, parent: Number(fields[1]), bornAt: fields[19] ?? "" };
}

/** The fields of `/proc/<pid>/stat` from the third on: state, parent, group, … */
function statFields(pid: number): string[] | undefined {
  const text = readProc(pid, "stat");
  // The second field is the program's name in brackets and may hold anything.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return undefined;
  }
}

/**
 * The command line that starts this program again, for pods that call `di-orchestrator`. What it
 * starts may use the network and read, but not write or start programs.
 */
export function programCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const entry = new URL(Deno.mainModule);
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-net",
    "--allow-env",
    "--allow-read",
    entry.protocol === "file:" ? decodeURIComponent(entry.pathname) : entry.href,
  ];
}

/** Variables that this program needs when it is started again, and pods otherwise do not get. */
export function programVariables(): Record<string, string> {
  const cache = Deno.env.get("DENO_DIR");
  return cache === undefined ? {} : { DENO_DIR: cache };
}

/** This machine's name as a node may be called: a host name may hold what a DNS name may not. */
export function defaultNodeName(): string {
  const name = Deno.hostname().toLowerCase().replace(/[^a-z0-9.-]+/g, "-");
  return name.replace(/^[-.]+|[-.]+$/g, "") || "node";
}

/** What pods inherit from this machine, and nothing else. */
export function hostEnvironment(): HostEnvironment {
  const read = (name: string) => Deno.env.get(name);
  return {
    PATH: read("PATH") ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: read("HOME"),
    LANG: read("LANG"),
    TMPDIR: read("TMPDIR"),
  };
}

/** What the node shall claim to have, from the flags. */
export function claimedResources(
  { cpus, memory: memoryBytes, gpus }: {
    readonly cpus?: number;
    readonly memory?: number;
    readonly gpus: number;
  },
): ClaimedResources {
  return { cpus, memoryBytes, gpus };
}
