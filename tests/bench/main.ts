/** Prints every figure: `deno task bench`, or only those of one subject, `deno task bench embedded`. */
import { fileURLToPath } from "node:url";
import { startControlPlane } from "../support/control_plane.ts";
import { readProjectCrds } from "../support/shared_control_plane.ts";
import { measureApiServer } from "./api_server.ts";
import { measureDevStart } from "./dev_start.ts";
import { measureFailovers } from "./failover.ts";
import { MANY_REPLICAS, measureFairness } from "./fairness.ts";
import { printFigure, printRuns } from "./figures.ts";
import { measureIdle } from "./idle.ts";
import { JOBS_AT_ONCE, measureManyJobs } from "./many_jobs.ts";
import { MANY, measurePostDelay } from "./post_delay.ts";
import { JOBS, measureRestart, PODS_PER_JOB, QUIET_MS } from "./restart.ts";
import type { Start, StartsBeside } from "./submitter.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUNDLE = `${ROOT}dist/di-orchestrator.js`;
const BUNDLED = [Deno.execPath(), "run", "-A", "--quiet", BUNDLE];
/** Runs of what is measured several times. */
const RUNS = 3;

const SUBJECTS: Readonly<Record<string, () => Promise<void>>> = {
  bundle: benchBundle,
  embedded: benchEmbedded,
  idle: benchIdle,
  posts: benchPosts,
  failover: benchFailover,
  fairness: benchFairness,
  restart: benchRestart,
  jobs: benchJobs,
};

async function benchBundle(): Promise<void> {
  const { size } = await Deno.stat(BUNDLE);
  printFigure("bundle, minified", size / 1e6, "MB");
}

/** The embedded cluster; least, median and most of the runs. */
async function benchEmbedded(): Promise<void> {
  await measureDevStart(BUNDLED); // Reads the bundle from the disk.
  const ready = await repeat(() => measureDevStart(BUNDLED));
  printRuns("dev: start to ready", ready, "ms", { under: 1500 });
  const loads = await repeat(() => measureApiServer(BUNDLED));
  const of = (key: keyof (typeof loads)[number]) => loads.map((load) => load[key]);
  printRuns("apiserver: 1,000 pods from 16 clients", of("createsPerSecond"), "pods/s", {
    atLeast: 1000,
  });
  printRuns("apiserver: list of 5,000 pods", of("listMs"), "ms");
  printRuns("apiserver: write to watcher, median", of("watchMs"), "ms");
  printRuns("apiserver: write to watcher, 199th of 200", of("slowestWatchMs"), "ms");
}

async function repeat<T>(measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let run = 0; run < RUNS; run += 1) results.push(await measure());
  return results;
}

/** Operator and server on a real control plane while nothing happens. */
function benchIdle(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const idle = await measureIdle(kubeconfigPath);
    for (const [name, ms] of Object.entries(idle.readyMs)) {
      printFigure(`${name}: start to ready`, ms, "ms");
    }
    for (const [name, mb] of Object.entries(idle.memoryMb)) {
      printFigure(`${name}: idle memory`, mb, "MB PSS");
    }
    printFigure("operator + server: idle memory", sum(idle.memoryMb), "MB PSS", { under: 120 });
    for (const [name, share] of Object.entries(idle.cpuPercent)) {
      printFigure(`${name}: idle processor time`, share, "% of a core");
    }
    const time = sum(idle.cpuPercent);
    printFigure("operator + server: idle processor time", time, "% of a core", { under: 1 });
  });
}

/** What a POST for very many replicas costs the POSTs of another job. */
function benchPosts(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const { manyMs, calmMs, busyMs, busyPosts } = await measurePostDelay(kubeconfigPath);
    printFigure(`POST for ${MANY} replicas`, manyMs / 1000, "s");
    printFigure("POST for 1, slowest in peace", calmMs, "ms");
    const what = `POST for 1 beside it, delay of slowest of ${busyPosts}`;
    printFigure(what, busyMs - calmMs, "ms", { under: 1000 });
  });
}

/** The leader of two operators goes: until the other one works. */
function benchFailover(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const asked = await measureFailovers(kubeconfigPath, ["SIGTERM", "SIGTERM", "SIGTERM"]);
    printRuns("failover: SIGTERM to a job's coordinator", asked, "ms", { under: 2000 });
    const killed = await measureFailovers(kubeconfigPath, ["SIGKILL", "SIGKILL"]);
    printRuns("failover: SIGKILL to a job's coordinator", killed, "ms", { under: 20_000 });
  });
}

/** What a job with very many replicas costs fresh ones. */
function benchFairness(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const { calm, manyMs, whileMade, whileRunning, countedMs } = await measureFairness(
      kubeconfigPath,
    );
    const calmMs = slowestOf(calm);
    printFigure("job: submit to coordinator, slowest in peace", calmMs, "ms");
    printFigure(`job with ${MANY_REPLICAS} replicas: to coordinator`, manyMs / 1000, "s");
    printBeside("job beside it", whileMade, calmMs);
    printFigure("all turn Running, and are counted", countedMs / 1000, "s");
    printBeside("job beside that", whileRunning, calmMs);
  });
}

function printBeside(what: string, { fresh, direct }: StartsBeside, calmMs: number): void {
  const slowest = slowestOf(fresh);
  printFigure(`${what}: slowest of ${fresh.length}`, slowest, "ms");
  printFigure(`${what}: delay of the slowest`, slowest - calmMs, "ms", { under: 1000 });
  printFigure("same requests without the operator: slowest", slowestOf(direct), "ms");
}

function slowestOf(starts: readonly Start[]): number {
  return Math.max(...starts.map(({ ms }) => ms));
}

/** The operator stops and starts again among very many jobs. */
function benchRestart(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const { readyMs, writes, memoryMb } = await measureRestart(kubeconfigPath);
    const what = `restart, ${JOBS} jobs, ${JOBS * PODS_PER_JOB} pods`;
    printFigure(`${what}: to ready`, readyMs, "ms", { under: 10_000 });
    printFigure(`writes in the ${QUIET_MS / 1000} s after`, writes, "requests", { under: 1 });
    printFigure("operator: memory then", memoryMb, "MB PSS");
  });
}

/** Many jobs at once. */
function benchJobs(): Promise<void> {
  return onControlPlane(async (kubeconfigPath) => {
    const { allMs, jobsPerSecond, podsPerSecond } = await measureManyJobs(kubeconfigPath);
    printFigure(`${JOBS_AT_ONCE} jobs at once: to the last coordinator`, allMs, "ms");
    printFigure(`${JOBS_AT_ONCE} jobs at once: coordinators`, jobsPerSecond, "jobs/s");
    printFigure("the API server by itself, from 16 clients", podsPerSecond, "pods/s");
  });
}

async function onControlPlane(work: (kubeconfigPath: string) => Promise<void>): Promise<void> {
  const plane = await startControlPlane({ crds: await readProjectCrds() });
  try {
    await work(plane.kubeconfigPath);
  } finally {
    await plane.stop();
  }
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

const bundled = await new Deno.Command(Deno.execPath(), {
  args: ["task", "--quiet", "bundle", "--quiet"],
  cwd: ROOT,
}).output();
if (!bundled.success) throw new Error(new TextDecoder().decode(bundled.stderr));
const wanted = Deno.args.length > 0 ? Deno.args : Object.keys(SUBJECTS);
for (const name of wanted) {
  const subject = SUBJECTS[name];
  if (subject === undefined) throw new RangeError(`No such subject: ${name}`);
  await subject();
}
