/** The operator's Prometheus metrics, under the names that dashboards for kubebuilder operators know. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type DIJob, PHASES } from "../api/mod.ts";
import type { PassReport, QueueObserver } from "../controller/mod.ts";
import type { RequestReport } from "../kube/mod.ts";
import { ApiRequestMetrics } from "./api_request_metrics.ts";

const CONTROLLER = "dijob";
/** Labels of the work queue, as controller-runtime sets them. */
const QUEUE = { name: CONTROLLER, controller: CONTROLLER };
/** Duration of passes, in s; as in controller-runtime, without its finer steps. */
const PASS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Time in the queue and of work, in s; as in client-go. */
const QUEUE_BUCKETS = [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];
/** Submit to running, in s: from a warm image to a node that has yet to be bought. */
const START_BUCKETS = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** What is read at the moment when metrics are asked for. */
export interface OperatorState {
  readonly queue: { readonly size: number; workingSeconds(): readonly number[] };
  readonly jobs: () => Iterable<DIJob>;
}

export class OperatorMetrics {
  readonly #registry = new Registry();
  readonly #requests = new ApiRequestMetrics(this.#registry);
  readonly #passes = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Passes over a DIJob, by result.",
    labelNames: ["controller", "result"],
    registers: [this.#registry],
  });
  readonly #failures = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Passes over a DIJob that failed.",
    labelNames: ["controller"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Duration of a pass over a DIJob.",
    labelNames: ["controller"],
    buckets: PASS_BUCKETS,
    registers: [this.#registry],
  });
  readonly #adds = new Counter({
    name: "workqueue_adds_total",
    help: "DIJobs put into the queue.",
    labelNames: ["name", "controller"],
    registers: [this.#registry],
  });
  readonly #retries = new Counter({
    name: "workqueue_retries_total",
    help: "DIJobs put into the queue again because a pass failed.",
    labelNames: ["name", "controller"],
    registers: [this.#registry],
  });
  readonly #waited = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "How long DIJobs wait for a worker.",
    labelNames: ["name", "controller"],
    buckets: QUEUE_BUCKETS,
    registers: [this.#registry],
  });
  readonly #worked = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "How long a worker is busy with a DIJob.",
    labelNames: ["name", "controller"],
    buckets: QUEUE_BUCKETS,
    registers: [this.#registry],
  });
  readonly #leading = new Gauge({
    name: "leader_election_master_status",
    help: "1 while this copy leads, also where there is no election.",
    labelNames: ["name"],
    registers: [this.#registry],
  });
  readonly #starts = new Histogram({
    name: "di_job_start_seconds",
    help: "Time from the submission of a DIJob until it runs for the first time.",
    buckets: START_BUCKETS,
    registers: [this.#registry],
  });

  /** For the queue to report to. */
  readonly queueObserver: QueueObserver = {
    onAdd: () => this.#adds.inc(QUEUE),
    onTake: (seconds) => this.#waited.observe(QUEUE, seconds),
    onDone: (seconds) => this.#worked.observe(QUEUE, seconds),
    onRetry: () => this.#retries.inc(QUEUE),
  };

  constructor() {
    // Rates need a zero to start from.
    this.#failures.inc({ controller: CONTROLLER }, 0);
    for (const counter of [this.#adds, this.#retries]) counter.inc(QUEUE, 0);
    this.setLeading(false);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  countPass({ failed, seconds }: PassReport): void {
    this.#passes.inc({ controller: CONTROLLER, result: failed ? "error" : "success" });
    if (failed) this.#failures.inc({ controller: CONTROLLER });
    this.#seconds.observe({ controller: CONTROLLER }, seconds);
  }

  countRequest(report: RequestReport): void {
    this.#requests.count(report);
  }

  countStart(seconds: number): void {
    this.#starts.observe(seconds);
  }

  setLeading(isLeading: boolean): void {
    this.#leading.set({ name: "di-operator" }, isLeading ? 1 : 0);
  }

  /** Reads queue and jobs whenever metrics are asked for. */
  watch({ queue, jobs }: OperatorState): void {
    const registers = [this.#registry];
    this.#gauge("workqueue_depth", "DIJobs that wait for a worker.", () => queue.size);
    this.#gauge(
      "workqueue_unfinished_work_seconds",
      "Sum of the times for which workers have been busy with the DIJobs they work on now.",
      () => queue.workingSeconds().reduce((sum, seconds) => sum + seconds, 0),
    );
    this.#gauge(
      "workqueue_longest_running_processor_seconds",
      "Longest time for which a worker has been busy with the DIJob it works on now.",
      () => Math.max(0, ...queue.workingSeconds()),
    );
    new Gauge({
      name: "di_job_phase",
      help: "1 for the phase of each DIJob; Pending: not taken up yet.",
      labelNames: ["namespace", "dijob", "phase"],
      registers,
      collect() {
        this.reset();
        for (const job of jobs()) {
          const phase = PHASES.find((known) => known === job.status?.phase) ?? "Pending";
          this.set({ ...labelsOf(job), phase }, 1);
        }
      },
    });
    new Gauge({
      name: "di_job_info",
      help: "1 for each DIJob, with what its spec says.",
      labelNames: ["namespace", "dijob", "clean_pod_policy", "priority_class", "managed_by"],
      registers,
      collect() {
        this.reset();
        for (const job of jobs()) this.set({ ...labelsOf(job), ...infoOf(job) }, 1);
      },
    });
    new Gauge({
      name: "di_replicas",
      help: "Pods of each DIJob, by role and state, as its status counts them.",
      labelNames: ["namespace", "dijob", "role", "state"],
      registers,
      collect() {
        this.reset();
        for (const job of jobs()) {
          for (const [role, counts] of Object.entries(job.status?.replicaStatus ?? {})) {
            for (const [state, count] of Object.entries(counts)) {
              this.set({ ...labelsOf(job), role, state }, count ?? 0);
            }
          }
        }
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      labelNames: ["name", "controller"],
      registers: [this.#registry],
      collect() {
        this.set(QUEUE, read());
      },
    });
  }
}

function labelsOf({ metadata: { namespace = "", name = "" } }: DIJob) {
  return { namespace, dijob: name };
}

function infoOf({ spec }: DIJob) {
  return {
    clean_pod_policy: spec.cleanPodPolicy ?? "",
    priority_class: spec.priorityClassName ?? "",
    managed_by: spec.managedBy ?? "",
  };
}
