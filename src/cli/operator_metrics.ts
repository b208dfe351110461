/** The operator's Prometheus metrics, under the names that dashboards for kubebuilder operators know. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestReport } from "../kube/mod.ts";

const CONTROLLER = "dijob";

export class OperatorMetrics {
  readonly #registry = new Registry();
  readonly #passes = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Passes over a DIJob, by result.",
    labelNames: ["controller", "result"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Duration of a pass over a DIJob.",
    labelNames: ["controller"],
    registers: [this.#registry],
  });
  readonly #requests = new Counter({
    name: "rest_client_requests_total",
    help: "Requests to the API server, by method and status code (0: no answer came).",
    labelNames: ["method", "code"],
    registers: [this.#registry],
  });
  readonly #leading = new Gauge({
    name: "leader_election_master_status",
    help: "1 while this copy leads.",
    labelNames: ["name"],
    registers: [this.#registry],
  });

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  countPass({ failed, seconds }: { readonly failed: boolean; readonly seconds: number }): void {
    this.#passes.inc({ controller: CONTROLLER, result: failed ? "error" : "success" });
    this.#seconds.observe({ controller: CONTROLLER }, seconds);
  }

  countRequest({ method, code }: RequestReport): void {
    this.#requests.inc({ method, code: String(code) });
  }

  setLeading(isLeading: boolean): void {
    this.#leading.set({ name: "di-operator" }, isLeading ? 1 : 0);
  }

  /** Reads the queue's depth whenever metrics are asked for. */
  watchQueue(size: () => number): void {
    new Gauge({
      name: "workqueue_depth",
      help: "DIJobs that wait for a worker.",
      labelNames: ["name"],
      registers: [this.#registry],
      collect() {
        this.set({ name: CONTROLLER }, size());
      },
    });
  }
}
