// deno-lint-ignore-file no-console
/** Size, start and memory of what was built. */

export interface StartFigures {
  /** From the start of `operator` until it answers on its probe port, in ms. */
  readonly startMs: number;
  /** Proportional set size a second later, in MB (10^6 bytes). */
  readonly memoryMb: number;
}

const LIMIT_MS = 20_000;
const SETTLE_MS = 1000;

/** Starts the operator, without an API server, and ends it again. @throws {Error} If it does not start. */
export async function measureStart(program: readonly string[]): Promise<StartFigures> {
  const [command = "", ...args] = program;
  const folder = await Deno.makeTempDir();
  const kubeconfig = `${folder}/kubeconfig`;
  await Deno.writeTextFile(kubeconfig, NOWHERE);
  const port = freePort();
  const startedAt = performance.now();
  const child = new Deno.Command(command, {
    args: [
      ...args,
      "operator",
      `--kubeconfig=${kubeconfig}`,
      `--health-probe-bind-address=127.0.0.1:${port}`,
      "--metrics-bind-address=0",
      "--log-level=error",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    while (!await answers(port)) {
      if (performance.now() - startedAt > LIMIT_MS) throw new Error(`${command} does not start`);
      await pause(5);
    }
    const startMs = performance.now() - startedAt;
    await pause(SETTLE_MS);
    return { startMs, memoryMb: proportionalMb(child.pid) };
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

export function showFigures(bytes: number, { startMs, memoryMb }: StartFigures): void {
  console.log(
    `size ${(bytes / 1e6).toFixed(2)} MB, operator starts in ${(startMs / 1000).toFixed(2)} s, ` +
      `memory ${memoryMb.toFixed(0)} MB`,
  );
}

/** An API server that nobody has. */
const NOWHERE = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "nowhere",
  contexts: [{ name: "nowhere", context: { cluster: "nowhere", user: "nobody" } }],
  clusters: [{ name: "nowhere", cluster: { server: "https://127.0.0.1:9" } }],
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Proportional set size of a process, in MB (10^6 bytes). */
export function proportionalMb(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  return Number(/^Pss:\s+([0-9]+) kB/m.exec(text)?.[1]) * 1024 / 1e6;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
