/** The webhook's Prometheus metrics, as controller-runtime has them. */
import { Counter, Histogram, Registry } from "prom-client";
import type { WebhookReport } from "../webhook/mod.ts";

export class WebhookMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "controller_runtime_webhook_requests_total",
    help: "Answered reviews, by path and HTTP status code.",
    labelNames: ["webhook", "code"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "controller_runtime_webhook_latency_seconds",
    help: "Time from a review to its answer.",
    labelNames: ["webhook"],
    registers: [this.#registry],
  });

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  count({ path, code, seconds }: WebhookReport): void {
    this.#requests.inc({ webhook: path, code: String(code) });
    this.#seconds.observe({ webhook: path }, seconds);
  }
}
