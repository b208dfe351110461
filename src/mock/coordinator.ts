import * as z from "zod";
import { sleep } from "../lib/abort.ts";
import { MockFailure } from "./failure.ts";
import { Fleet } from "./fleet.ts";
import type { MockIo } from "./io.ts";
import type { CoordinatorOptions } from "./options.ts";
import { type ProgressAnswer, resourceAnswer } from "./protocol.ts";
import { ReplicaClient, type ReplicaRequest } from "./replica_client.ts";
import { RoleClient } from "./role_client.ts";
import { startRoleServer } from "./role_server.ts";
import { StepBudget } from "./step_budget.ts";
import { TrainingRun } from "./training_run.ts";

/** As a shell reports a process that SIGTERM ended: the job must not look as if it had succeeded. */
const EXIT_SIGNALLED = 143;
const AGGREGATOR_PAUSE_MS = 500;
/** How often conditions are looked at. */
const WATCH_MS = 20;
/** Small enough for several on one core; replicas mostly wait. */
const RESOURCES: Omit<ReplicaRequest, "replicas"> = { cpus: "100m", gpus: "0", memory: "256Mi" };

/**
 * The sample job from its first request to its last training step: asks the server for collectors
 * and learners, trains with them, gives one collector back, has one learner replaced, and ends.
 *
 * @returns The exit code: 0 at the end of training, 1 for a {@link MockFailure} (told in one line
 *   of output), 143 when the signal aborts.
 */
export async function runCoordinator(options: CoordinatorOptions, io: MockIo): Promise<number> {
  const run = new AbortController();
  const stop = () => run.abort();
  io.signal.addEventListener("abort", stop, { once: true });
  if (io.signal.aborted) stop();
  try {
    await coordinate(options, { ...io, signal: run.signal }, stop);
    return 0;
  } catch (error) {
    if (io.signal.aborted) {
      io.log("stopped by a signal");
      return EXIT_SIGNALLED;
    }
    if (!(error instanceof MockFailure)) throw error;
    io.log(`error: ${error.message}`);
    return 1;
  } finally {
    io.signal.removeEventListener("abort", stop);
  }
}

/** The parts of a running job. */
interface Job {
  readonly options: CoordinatorOptions;
  readonly io: MockIo;
  readonly server: ReplicaClient;
  readonly roles: RoleClient;
  readonly budget: StepBudget;
  readonly fleet: Fleet;
  readonly training: TrainingRun;
}

async function coordinate(
  options: CoordinatorOptions,
  io: MockIo,
  stop: () => void,
): Promise<void> {
  const job = buildJob(options, io);
  const progress = serveProgress(job);
  try {
    await connectAggregator(job);
    await askForReplicas(job);
    await runTogether([job.fleet.run(io.signal), runTraining(job, stop)], stop);
  } finally {
    stop();
    await progress;
  }
}

function buildJob(options: CoordinatorOptions, io: MockIo): Job {
  const { log, signal } = io;
  const server = new ReplicaClient({
    serverUrl: options.serverUrl,
    namespace: options.namespace,
    coordinator: options.name,
    requestTimeoutMs: options.requestTimeoutMs,
    signal,
    log,
  });
  const roles = new RoleClient({
    requestTimeoutMs: options.requestTimeoutMs,
    resolve: io.resolve ?? ((url) => url),
  });
  const { collectors, learners, paceMs, pollIntervalMs, connectTimeoutMs, aggregatorUrl } = options;
  const fleet = new Fleet({ server, roles, pollIntervalMs, connectTimeoutMs, log });
  const budget = new StepBudget(options.steps);
  const training = new TrainingRun({
    fleet,
    roles,
    aggregatorUrl,
    collectors,
    learners,
    budget,
    paceMs,
    log,
  });
  return { options, io, server, roles, budget, fleet, training };
}

/**
 * Waits for all of `parts`, which end by themselves after `stop`. The first one to end or to fail
 * stops the others; its error is thrown.
 */
async function runTogether(parts: readonly Promise<void>[], stop: () => void): Promise<void> {
  const errors: unknown[] = [];
  await Promise.all(parts.map(async (part) => {
    try {
      await part;
    } catch (error) {
      errors.push(error);
    } finally {
      stop();
    }
  }));
  if (errors.length > 0) throw errors[0];
}

function serveProgress({ options, io, budget, training }: Job): Promise<void> {
  const progress = (): ProgressAnswer => ({
    steps: budget.done,
    wantedSteps: budget.total,
    policyVersion: training.policyVersion,
  });
  return startRoleServer({
    port: options.port,
    resource: { role: "coordinator", name: options.name },
    handlers: { "GET /progress": progress },
    io,
  }).finished;
}

async function connectAggregator({ options, io, roles }: Job): Promise<void> {
  const { aggregatorUrl, connectTimeoutMs } = options;
  if (aggregatorUrl === undefined) {
    io.log("KUBERNETES_AGGREGATOR_URL is not set: going on without an aggregator");
    return;
  }
  io.log(`try to connect to ${aggregatorUrl}`);
  const start = performance.now();
  let told = false;
  while (true) {
    try {
      await roles.call({
        url: aggregatorUrl,
        path: "/resource",
        shape: resourceAnswer.extend({ role: z.literal("aggregator") }),
        signal: io.signal,
      });
      break;
    } catch (error) {
      io.signal.throwIfAborted();
      if (performance.now() - start > connectTimeoutMs) {
        throw new MockFailure(
          "aggregatorAway",
          `No aggregator at ${aggregatorUrl} within ${connectTimeoutMs / 1000} s`,
          { cause: error },
        );
      }
      if (!told) io.log(`can't acquire resource for aggregator(${aggregatorUrl}) yet`);
      told = true;
    }
    await sleep(AGGREGATOR_PAUSE_MS, io.signal);
  }
  io.log(`connected to ${aggregatorUrl}`);
  io.log("have connected to aggregator");
}

async function askForReplicas({ options, io, server }: Job): Promise<void> {
  const answer = await server.postReplicas({
    collectors: { replicas: options.collectors, ...RESOURCES },
    learners: { replicas: options.learners, ...RESOURCES },
  });
  io.log(`Received replicas response from server ${JSON.stringify(answer)}`);
}

/** From the first connected replica to the last training step. */
async function runTraining(job: Job, stop: () => void): Promise<void> {
  const { io, options, budget, training } = job;
  await waitForReplicas(job);
  io.log(
    `Have connected ${options.collectors} collectors, ${options.learners} learners, ` +
      "match limit requests.",
  );
  io.log("Start...");
  await runTogether([training.run(io.signal), playEvents(job)], stop);
  if (budget.spent) io.log(`training is finished: ${training.summary()}`);
}

async function waitForReplicas({ options, io, fleet }: Job): Promise<void> {
  let printed = "";
  const wanted = { collectors: options.collectors, learners: options.learners };
  await waitUntil(() => {
    const collectors = fleet.connected("collector").length;
    const learners = fleet.connected("learner").length;
    const line = `Only ${collectors} collectors, ${learners} learners connected.`;
    const enough = collectors >= wanted.collectors && learners >= wanted.learners;
    if (line !== printed && !enough) io.log(line);
    printed = line;
    return enough;
  }, {
    signal: io.signal,
    limitMs: options.connectTimeoutMs,
    failure: () =>
      new MockFailure(
        "tooFewReplicas",
        `Not enough replicas within ${options.connectTimeoutMs / 1000} s: want ` +
          `${wanted.collectors} collectors and ${wanted.learners} learners. ${printed}`,
      ),
  });
}

/** What happens while training goes on. Ends with the last training step. */
async function playEvents(job: Job): Promise<void> {
  const { options, io, budget } = job;
  const { signal } = io;
  await waitUntil(() => budget.done >= Math.floor(budget.total / 4), { signal });
  if (options.collectors > 1) await giveCollectorBack(job);
  else io.log("there is only one collector: none is given back");
  await waitUntil(() => budget.done >= Math.floor(budget.total / 2), { signal });
  await replaceLearner(job);
  await waitUntil(() => budget.spent, { signal });
}

async function giveCollectorBack({ io, server, fleet, training }: Job): Promise<void> {
  const answer = await server.deleteReplicas({ collectors: 1, learners: 0 });
  io.log(`send delete and received ${JSON.stringify(answer)}`);
  training.closeTask("collector", answer.collectors);
  for (const url of answer.collectors) fleet.retire(url);
}

async function replaceLearner({ options, io, budget, fleet }: Job): Promise<void> {
  const { signal } = io;
  const limits = { signal, limitMs: options.connectTimeoutMs };
  await waitUntil(() => fleet.connected("learner").length > 0, {
    ...limits,
    failure: () => new MockFailure("tooFewReplicas", "No learner is left"),
  });
  const early = fleet.connected("learner");
  const [chosen] = early;
  if (chosen === undefined) return;
  budget.openToNewcomers(early.map((each) => each.url));
  fleet.markFailed(chosen, "this sample shows how a failed replica is replaced");
  await waitUntil(() => budget.newcomer !== undefined, {
    ...limits,
    failure: () => new MockFailure("noReplacement", `Nothing has replaced learner(${chosen.url})`),
  });
  io.log(`learner(${budget.newcomer}) has taken the place of learner(${chosen.url})`);
}

/** Waits for `condition`. @throws What `failure` gives after `limitMs`; the reason of an abort. */
async function waitUntil(
  condition: () => boolean,
  { signal, limitMs = Infinity, failure }: {
    readonly signal: AbortSignal;
    readonly limitMs?: number;
    readonly failure?: () => MockFailure;
  },
): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (failure !== undefined && performance.now() - start > limitMs) throw failure();
    await sleep(WATCH_MS, signal);
    signal.throwIfAborted();
  }
}
