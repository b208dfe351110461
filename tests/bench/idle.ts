/** What operator and server cost while nothing happens. */
import { sleep } from "../../src/lib/abort.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { copyDeno, isReady, proportionalMb, startBundled } from "./processes.ts";

export interface IdleFigures {
  /** Proportional set size of each process, in MB (10^6 bytes). */
  readonly memoryMb: Readonly<Record<string, number>>;
  /** Share of one core over the time measured, in percent. */
  readonly cpuPercent: Readonly<Record<string, number>>;
  /** From the start of the process until it said it was ready, in ms. */
  readonly readyMs: Readonly<Record<string, number>>;
}

/** Start-up is over and the garbage of it collected after this. */
const SETTLE_MS = 10_000;
const MEASURE_MS = 30_000;
/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;

/** Starts both from the minified bundle against the API server of `kubeconfig`, and measures them. */
export async function measureIdle(kubeconfig: string): Promise<IdleFigures> {
  const ports = { operator: freePort(), server: freePort() };
  const deno = await copyDeno();
  const processes = {
    operator: startBundled([
      "operator",
      `--kubeconfig=${kubeconfig}`,
      `--health-probe-bind-address=127.0.0.1:${ports.operator}`,
      `--metrics-bind-address=127.0.0.1:${ports.operator}`,
    ], deno.path),
    server: startBundled([
      "server",
      `--kubeconfig=${kubeconfig}`,
      `--server-bind-address=127.0.0.1:${ports.server}`,
    ], deno.path),
  };
  try {
    const startedAt = performance.now();
    const readyMs = Object.fromEntries(
      await Promise.all(
        Object.entries(ports).map(async ([name, port]) => {
          await eventually(`${name} ready`, () => isReady(port), { intervalMs: 10 });
          return [name, performance.now() - startedAt] as const;
        }),
      ),
    );
    await sleep(SETTLE_MS);
    const before = mapValues(processes, ({ pid }) => processorTicks(pid));
    await sleep(MEASURE_MS);
    const cpuPercent = mapValues(processes, ({ pid }, name) => {
      const ticks = processorTicks(pid) - (before[name] ?? 0);
      return (ticks / TICKS_PER_SECOND) / (MEASURE_MS / 1000) * 100;
    });
    return {
      memoryMb: mapValues(processes, ({ pid }) => proportionalMb(pid)),
      cpuPercent,
      readyMs,
    };
  } finally {
    for (const process of Object.values(processes)) process.kill("SIGTERM");
    await Promise.all(Object.values(processes).map(({ status }) => status));
    await deno.remove();
  }
}

function processorTicks(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function mapValues<T, R>(
  record: Readonly<Record<string, T>>,
  map: (value: T, key: string) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
