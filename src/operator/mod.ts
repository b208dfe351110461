/** The operator: starts a job's coordinator, follows it, and cleans up. */
import { AGGREGATOR_CONFIGS, type DIJob, DIJOBS, GROUP_SELECTOR } from "../api/mod.ts";
import {
  type PassReport,
  type QueueObserver,
  RETRY_BACKOFF,
  runController,
  WorkQueue,
} from "../controller/mod.ts";
import {
  ifFound,
  keyOf,
  keyText,
  type KubeClient,
  type KubeObject,
  listWatch,
  type ObjectCache,
  type ObjectKey,
  PODS,
  type Resource,
  runReflector,
  SERVICES,
} from "../kube/mod.ts";
import { endsWithin } from "../lib/abort.ts";
import type { BackoffPolicy } from "../lib/backoff.ts";
import type { HealthCheck } from "../lib/health.ts";
import type { Logger } from "../lib/logger.ts";
import { EventRecorder } from "./events.ts";
import { reconcileJob } from "./reconcile.ts";
import { buildCaches, jobKeyOf, trimJob, trimPod, trimService } from "./snapshot.ts";
import { RESTART_BACKOFF } from "./stage.ts";
import { TemplateChecker } from "./templates.ts";

export interface OperatorOptions {
  readonly client: KubeClient;
  /** `host:port` of the server as pods reach it; becomes `KUBERNETES_SERVER_URL`. */
  readonly serverAddress: string;
  /** Where the cluster's AggregatorConfig is. */
  readonly aggregatorConfig: ObjectKey;
  /** Jobs worked on at once. */
  readonly workers: number;
  /** Grace of the pods that go at a job's end, in s; absent: each pod's own. */
  readonly cleanupGraceSeconds?: number | undefined;
  readonly log: Logger;
  readonly now?: () => number;
  /** Waits before a failed coordinator is started again; default: 10 s doubling to 6 min. */
  readonly restartBackoff?: BackoffPolicy;
  /** Resolves when this process may write: it leads, or there is no election. Absent: at once. */
  readonly mayWork?: Promise<void>;
  readonly onPass?: (pass: PassReport) => void;
  /** Told when a job runs for the first time, with the time since it was submitted, in s. */
  readonly onStart?: (seconds: number) => void;
  readonly queueObserver?: QueueObserver;
}

export interface RunningOperator {
  /** What has to hold before the operator can do its work: a filled cache of each kind. */
  readonly checks: readonly HealthCheck[];
  readonly queue: Pick<WorkQueue, "size" | "workingSeconds">;
  /** The jobs as they are known, for metrics. */
  readonly jobs: () => Iterable<DIJob>;
  /** Ends the watches, and the passes at work, cutting off their requests after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

/** How long Events that are being written may hold up the end, in ms. */
const LAST_WORDS_MS = 1000;
/** How long passes at work may go on when the operator is to stop, in ms. */
const STOP_GRACE_MS = 5000;

/** Starts watching and, once all caches are filled, working. Survives every outage of the API server. */
export function startOperator(options: OperatorOptions): RunningOperator {
  const { client, log, now = Date.now, mayWork = Promise.resolve() } = options;
  const caches = buildCaches();
  const queue = new WorkQueue(RETRY_BACKOFF, options.queueObserver);
  const events = new EventRecorder(client, now, log);
  const stopping = new AbortController();
  const { signal } = stopping;
  const cuttingOff = new AbortController();

  const follow = <T extends KubeObject>(
    cache: ObjectCache<T>,
    resource: Resource<T>,
    trim: (object: T) => T,
    jobKey: (object: T) => string | undefined,
    labelSelector?: string,
  ) => {
    cache.subscribe(({ before, after }) => {
      const object = after ?? before;
      const key = object && jobKey(object);
      if (key !== undefined) queue.add(key);
    });
    const source = listWatch(
      client,
      resource,
      labelSelector === undefined ? {} : { labelSelector },
    );
    return runReflector({ source, cache, trim, log, signal });
  };
  const reflectors = [
    follow(caches.jobs, DIJOBS, trimJob, (job) => keyText(keyOf(job))),
    follow(caches.pods, PODS, trimPod, jobKeyOf, GROUP_SELECTOR),
    follow(caches.services, SERVICES, trimService, jobKeyOf, GROUP_SELECTOR),
  ];

  const checks = Object.entries(caches).map(([name, cache]) => ({
    name: `cache-${name}`,
    failure: () => (cache.isFilled ? undefined : `${name} have not all been read yet`),
  }));
  const readAggregatorConfig = () =>
    ifFound(
      client.get(AGGREGATOR_CONFIGS, options.aggregatorConfig, { signal: cuttingOff.signal }),
    );
  const templates = new TemplateChecker(client, options.serverAddress, now);
  const work = async () => {
    const filled = Object.values(caches).map((cache) => cache.filled);
    await Promise.race([Promise.all([...filled, mayWork]), aborted(signal)]);
    if (signal.aborted) return;
    log.info("Operator works", { jobs: caches.jobs.size, pods: caches.pods.size });
    await runController({
      queue,
      workers: options.workers,
      log,
      ...(options.onPass && { onPass: options.onPass }),
      reconcile: (key) =>
        reconcileJob(parseKey(key), {
          client,
          caches,
          plan: {
            serverAddress: options.serverAddress,
            restartBackoff: options.restartBackoff ?? RESTART_BACKOFF,
          },
          readAggregatorConfig,
          checkTemplates: (job) => templates.check(job, cuttingOff.signal),
          now,
          events,
          log,
          signal: cuttingOff.signal,
          cleanupGraceSeconds: options.cleanupGraceSeconds,
          onStart: options.onStart ?? (() => {}),
          again: (again, ms) => queue.addAfter(keyText(again), ms),
        }),
    });
  };
  const working = work();

  return {
    checks,
    queue,
    jobs: () => caches.jobs.values(),
    async stop(graceMs = STOP_GRACE_MS) {
      stopping.abort();
      queue.close();
      const timer = setTimeout(() => cuttingOff.abort(), graceMs);
      await Promise.all([...reflectors, working]);
      clearTimeout(timer);
      await endsWithin(events.flush(), LAST_WORDS_MS);
    },
  };
}

function parseKey(key: string): ObjectKey {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
