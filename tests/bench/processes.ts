/** The program's processes, from the minified bundle, and what can be seen of them from outside. */
import { fileURLToPath } from "node:url";
export { proportionalMb } from "../../src/tools/figures.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";

const BUNDLE = fileURLToPath(new URL("../../dist/di-orchestrator.js", import.meta.url));
/** Reading 10,000 pods and their services on a busy machine takes a while, in ms. */
const READY_LIMIT_MS = 60_000;

/** A copy of Deno: the memory of its processes is shared among them, and with no bystander. */
export interface OwnDeno {
  readonly path: string;
  remove(): Promise<void>;
}

export async function copyDeno(): Promise<OwnDeno> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/deno`;
  await Deno.copyFile(Deno.execPath(), path);
  // Reads the copy, and the bundle, from the disk.
  const { success } = await new Deno.Command(path, { args: ["run", BUNDLE, "version"] }).output();
  if (!success) throw new Error(`Cannot run ${BUNDLE}`);
  return { path, remove: () => Deno.remove(folder, { recursive: true }) };
}

/** Starts a command of the bundle; what it logs is dropped. */
export function startBundled(args: readonly string[], deno = Deno.execPath()): Deno.ChildProcess {
  return new Deno.Command(deno, {
    args: ["run", "-A", "--quiet", BUNDLE, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** True when the process that listens on `port` says that it is ready. */
export async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

export interface OperatorProcess {
  readonly pid: number;
  /** Resolves with the time since its start when all its caches are filled, in ms. */
  untilReady(): Promise<number>;
  /** Sum of the samples of a metric whose line holds what `isWanted` wants. */
  metric(name: string, isWanted?: (line: string) => boolean): Promise<number>;
  /** Sends a signal, and does not wait. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  /** Ends it unless it has ended, and waits for that. */
  stop(): Promise<void>;
}

/** Starts an operator with these flags and endpoints of its own. */
export function startOperatorProcess(
  kubeconfigPath: string,
  flags: readonly string[],
  deno?: string,
): OperatorProcess {
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  const startedAt = performance.now();
  const child = startBundled([
    "operator",
    `--kubeconfig=${kubeconfigPath}`,
    `--health-probe-bind-address=${address}`,
    `--metrics-bind-address=${address}`,
    ...flags,
  ], deno);
  const signal = (name: Deno.Signal) => {
    try {
      child.kill(name);
    } catch {
      // It has ended by itself.
    }
  };
  return {
    pid: child.pid,
    async untilReady() {
      const options = { intervalMs: 10, timeoutMs: READY_LIMIT_MS };
      await eventually("the operator", () => isReady(port), options);
      return performance.now() - startedAt;
    },
    async metric(name, isWanted = () => true) {
      const response = await fetch(`http://${address}/metrics`);
      const lines = (await response.text()).split("\n");
      return lines.filter((line) => line.startsWith(name) && isWanted(line))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
    },
    signal,
    async stop() {
      signal("SIGTERM");
      await child.status;
    },
  };
}
