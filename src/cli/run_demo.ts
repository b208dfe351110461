/** `demo`: what a user of the orchestrator sees, from an empty machine to the end of a job. */
import * as z from "zod";
import exampleConfig from "../../examples/di-mock-agconfig.yaml" with { type: "text" };
import exampleJob from "../../examples/di-mock-dijob.yaml" with { type: "text" };
import {
  AGGREGATOR_CONFIGS,
  coordinatorName,
  type DIJob,
  DIJOBS,
  isFinished,
  MAIN_CONTAINER,
  REPLACES_ANNOTATION,
  type ReplicaType,
} from "../api/mod.ts";
import { NODES, type Pod } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { startLogging } from "../lib/logger.ts";
import { isOfType } from "../replicas/mod.ts";
import type { DemoFlags } from "./cluster_commands.ts";
import { type DevCluster, startDevCluster } from "./dev_cluster.ts";
import { JobView, podStateText } from "./job_view.ts";
import { createManifests, type Manifest, parseManifests, readManifests } from "./manifests.ts";
import {
  claimedResources,
  type CommandContext,
  CommandFailure,
  untilAborted,
  watchParent,
} from "./process.ts";

/** Something that the demo exists to show did not happen. */
class NotObserved extends Error {
  override readonly name = "NotObserved";
}

/** The files imported above. */
const SAMPLE_FILES = ["examples/di-mock-agconfig.yaml", "examples/di-mock-dijob.yaml"] as const;
/** How long one step of the sample job may take, in ms: each takes a second or two. */
const STEP_LIMIT_MS = 30_000;
const POLL_MS = 100;
/** How long the end of a log may lag behind the end of its job, in ms. */
const LOG_LIMIT_MS = 2000;

const COORDINATOR_CONTAINERS = z.object({
  spec: z.object({
    coordinator: z.object({
      template: z.object({
        spec: z.object({ containers: z.array(z.object({ name: z.string() })) }),
      }),
    }),
  }),
});

/** Where the demo's steps write and read. */
interface Stage {
  readonly cluster: DevCluster;
  readonly view: JobView;
  readonly manifests: readonly Manifest[];
  /** Where the manifests are, for the user's eyes. */
  readonly path: string;
  /** The coordinator's container whose log is shown. */
  readonly mainContainer: string;
  readonly print: (line: string) => void;
  readonly heading: (text: string) => void;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs the demo.
 *
 * @returns 0 when every step was observed through the API and the job succeeded, otherwise 1.
 * @throws {CommandFailure} If the file with the job cannot be used.
 */
export async function runDemo(flags: DemoFlags, context: CommandContext): Promise<number> {
  await startLogging({ format: "text", level: "error" });
  const { print, signal } = context;
  const manifests = await manifestsOf(flags);
  const job = onlyJob(manifests, flags.job);
  const startedAt = performance.now();
  let steps = 0;
  const heading = (text: string) => print(`\n== ${++steps}. ${text}`);

  const stopping = new AbortController();
  signal.addEventListener("abort", () => stopping.abort(), { once: true });
  const endWatch = watchParent(() => stopping.abort());
  heading("A cluster on this machine: API server, kubelet, operator and server in one process");
  const cluster = await startDevCluster({ claimed: claimedResources(flags) });
  const key = { namespace: job.metadata.namespace ?? "default", name: job.metadata.name ?? "" };
  const view = new JobView(cluster.client, key, print);
  const stage: Stage = {
    cluster,
    view,
    manifests,
    path: flags.job ?? SAMPLE_FILES.join(" -f "),
    mainContainer: mainContainerOf(job),
    print,
    heading,
    limitMs: flags.timeout * 1000,
    signal: stopping.signal,
  };
  try {
    await showCluster(stage);
    const succeeded = await (flags.job === undefined ? showSample(stage) : showOwnJob(stage));
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    print(succeeded ? `\nThe job succeeded. (${seconds} s)` : `\nThe job failed. (${seconds} s)`);
    if (flags.keep) await keepUp(stage);
    return succeeded ? 0 : 1;
  } catch (error) {
    if (!(error instanceof NotObserved)) throw error;
    print(stopping.signal.aborted ? "\nInterrupted." : `\nNot observed: ${error.message}`);
    return 1;
  } finally {
    await view.stop();
    await cluster.stop();
    endWatch();
  }
}

async function manifestsOf(flags: DemoFlags): Promise<Manifest[]> {
  if (flags.job !== undefined) return await readManifests(flags.job);
  return [
    ...parseManifests(exampleConfig, SAMPLE_FILES[0]),
    ...parseManifests(exampleJob, SAMPLE_FILES[1]),
  ];
}

function onlyJob(manifests: readonly Manifest[], path: string | undefined): Manifest {
  const jobs = manifests.filter(({ kind }) => kind === DIJOBS.kind);
  if (jobs.length === 1 && jobs[0] !== undefined) return jobs[0];
  throw new CommandFailure(`${path ?? "examples"}: expected one DIJob, found ${jobs.length}`);
}

/** What the manifest calls it; the API server has not looked at the file yet. */
function mainContainerOf(job: Manifest): string {
  const containers = COORDINATOR_CONTAINERS.safeParse(job).data?.spec.coordinator.template.spec
    .containers ?? [];
  return containers.find(({ name }) => name === MAIN_CONTAINER)?.name ?? containers[0]?.name ??
    MAIN_CONTAINER;
}

async function showCluster({ cluster, print, ...stage }: Stage): Promise<void> {
  await observe("the node is ready", stage, async () => {
    const node = await cluster.client.get(NODES, { namespace: "", name: cluster.nodeName });
    return node.status?.conditions?.some(({ type, status }) =>
      type === "Ready" && status === "True"
    );
  });
  print(`  node ${cluster.nodeName} is ready`);
  print(`  KUBECONFIG=${cluster.kubeconfigPath}`);
  print(`  SERVER=${cluster.serverUrl}`);
}

/** Each step of the README's story, observed through the API. */
async function showSample(stage: Stage): Promise<boolean> {
  const { view, heading } = stage;
  await submit(stage);

  heading("Both pods of the job: coordinator and aggregator");
  for (const type of ["coordinator", "aggregator"] as const) {
    await observe(`the ${type} runs`, stage, () => podsOf(view, type).some(isRunning));
  }
  heading("Collectors and learners, made by the server; the coordinator's log as it grows");
  const log = view.followLog(stage.mainContainer, stage.signal);
  for (const type of ["collector", "learner"] as const) {
    await observe(`2 ${type}s run`, stage, () => podsOf(view, type).filter(isRunning).length >= 2);
  }
  await observe(
    "a collector was given back",
    stage,
    () => [...view.seen.values()].some((pod) => isOfType(pod, "collector") && isGone(view, pod)),
  );
  await observe(
    "a failed replica was replaced",
    stage,
    () =>
      [...view.seen.values()].some(({ metadata }) => metadata.annotations?.[REPLACES_ANNOTATION]),
  );
  const job = await untilFinished(stage);
  const lines = await log;
  await observe(
    "the coordinator's log tells of both",
    stage,
    () =>
      ["send delete and received", "replicas response"].every((text) =>
        lines.some((line) => line.includes(text))
      ),
  );

  showPhase(stage, job);
  await showEvents(stage, [
    "DIJobCreated",
    "SuccessfulCreate",
    "DIJobSucceeded",
    "SuccessfulDelete",
  ]);
  await observe(
    "only the coordinator's pod is left",
    stage,
    () => view.pods().every(({ metadata }) => metadata.name === coordinatorName(view.key.name)),
  );
  showRest(stage);
  return job.status?.phase === "Succeeded";
}

/** A user's own job: the same sights, without expectations of what it does. */
async function showOwnJob(stage: Stage): Promise<boolean> {
  await submit(stage);
  stage.heading("The job's pods, and the coordinator's log as it grows");
  const ended = new AbortController();
  const log = stage.view.followLog(
    stage.mainContainer,
    AbortSignal.any([stage.signal, ended.signal]),
  );
  try {
    const job = await untilFinished(stage);
    // A coordinator that never ran has no log to wait for.
    await Promise.race([log, sleep(LOG_LIMIT_MS, stage.signal)]);
    showPhase(stage, job);
    await showEvents(stage, []);
    showRest(stage);
    return job.status?.phase === "Succeeded";
  } catch (error) {
    // What happened so far is the best hint at why the end did not.
    if (error instanceof NotObserved) await showEvents(stage, []);
    throw error;
  } finally {
    ended.abort();
    await log;
  }
}

async function submit(stage: Stage): Promise<void> {
  stage.heading(`Submit: kubectl apply -f ${stage.path}`);
  await createManifests(stage.cluster.client, stage.manifests);
  for (const { kind, metadata } of stage.manifests) {
    stage.print(
      `  ${
        kind === AGGREGATOR_CONFIGS.kind ? "agconfig" : kind.toLowerCase()
      }/${metadata.name} created`,
    );
  }
}

async function untilFinished(stage: Stage): Promise<DIJob> {
  let job: DIJob | undefined;
  await observe("the job ends", stage, async () => {
    job = await stage.view.job();
    const refusal = job.status?.conditions?.find(({ type, status }) =>
      type === "Accepted" && status === "False"
    );
    // Nobody mends the file while we wait.
    if (refusal !== undefined) {
      throw new NotObserved(`the job starts: ${refusal.reason}: ${refusal.message}`);
    }
    return isFinished(job.status?.phase);
  }, stage.limitMs);
  if (job === undefined) throw new NotObserved("the job ends");
  return job;
}

function showPhase({ heading, print, view }: Stage, job: DIJob): void {
  heading(`The job's phase: kubectl get dijob ${view.key.name}`);
  print(`  ${job.status?.phase}`);
  for (const { type, status, message } of job.status?.conditions ?? []) {
    print(`  ${type.padEnd(10)} ${status.padEnd(6)} ${message ?? ""}`);
  }
  for (const [role, counts] of Object.entries(job.status?.replicaStatus ?? {})) {
    print(`  ${role.padEnd(12)} ${JSON.stringify(counts)}`);
  }
}

async function showEvents(stage: Stage, reasons: readonly string[]): Promise<void> {
  stage.heading("Events: kubectl describe dijob");
  for (const reason of reasons) {
    await observe(
      `the event ${reason}`,
      stage,
      async () => (await stage.view.events()).some((event) => event.reason === reason),
    );
  }
  for (const { type, reason, message } of await stage.view.events()) {
    stage.print(`  ${(type ?? "").padEnd(8)} ${(reason ?? "").padEnd(18)} ${message ?? ""}`);
  }
}

function showRest({ heading, print, view }: Stage): void {
  heading("What is left after the clean-up: kubectl get pod");
  for (const pod of view.pods()) print(`  pod/${pod.metadata.name}  ${podStateText(pod)}`);
}

async function keepUp({ print, cluster, signal }: Stage): Promise<void> {
  print(`The cluster stays up; Ctrl-C ends it. KUBECONFIG=${cluster.kubeconfigPath}`);
  await untilAborted(signal);
}

/** Waits until `check` holds. @throws {NotObserved} If it does not in time. */
async function observe(
  what: string,
  { signal }: Pick<Stage, "signal">,
  check: () => boolean | undefined | Promise<boolean | undefined>,
  limitMs = STEP_LIMIT_MS,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await check())) {
    if (signal.aborted) throw new NotObserved(what);
    if (performance.now() > end) throw new NotObserved(`${what} (waited ${limitMs / 1000} s)`);
    await sleep(POLL_MS, signal);
  }
}

function podsOf(view: JobView, type: ReplicaType): Pod[] {
  return view.pods().filter((pod) => isOfType(pod, type));
}

function isRunning(pod: Pod): boolean {
  return pod.status?.phase === "Running";
}

function isGone(view: JobView, pod: Pod): boolean {
  return !view.pods().some(({ metadata }) =>
    metadata.uid === pod.metadata.uid && metadata.deletionTimestamp === undefined
  );
}
