/** The server's Prometheus metrics. */
import { Counter, Histogram, Registry } from "prom-client";
import type { RequestReport as ApiRequestReport } from "../kube/mod.ts";
import { CALLER_RESULTS, type CallerResult, type RequestReport } from "../server/mod.ts";
import { ApiRequestMetrics } from "./api_request_metrics.ts";

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "di_allocation_requests_total",
    help: "Answered requests, by path, method and status code.",
    labelNames: ["path", "method", "code"],
    registers: [this.#registry],
  });
  readonly #deferred = new Counter({
    name: "di_allocation_deferred_total",
    help: "Requests answered 200 with success false: the caller shall ask again.",
    labelNames: ["path", "method"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "di_allocation_seconds",
    help: "Time from a request to its answer.",
    labelNames: ["path", "method"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.#registry],
  });
  readonly #callers = new Counter({
    name: "di_allocation_callers_total",
    help: "Callers looked at: trusted by their address, authorized by a token, or refused.",
    labelNames: ["result"],
    registers: [this.#registry],
  });
  readonly #apiRequests = new ApiRequestMetrics(this.#registry);

  constructor() {
    // Rates need a zero to start from.
    for (const result of CALLER_RESULTS) this.#callers.inc({ result }, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  countRequest({ path, method, code, isDeferred, seconds }: RequestReport): void {
    this.#requests.inc({ path, method, code: String(code) });
    this.#deferred.inc({ path, method }, isDeferred ? 1 : 0);
    this.#seconds.observe({ path, method }, seconds);
  }

  countCaller(result: CallerResult): void {
    this.#callers.inc({ result });
  }

  countApiRequest(report: ApiRequestReport): void {
    this.#apiRequests.count(report);
  }
}
