/** The metric of requests to the API server, as client-go has it. */
import { Counter, type Registry } from "prom-client";
import type { RequestReport } from "../kube/mod.ts";

export class ApiRequestMetrics {
  readonly #requests: Counter<"method" | "code" | "host">;

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: "rest_client_requests_total",
      help: "Requests to the API server, by method, status code (<error>: no answer) and host.",
      labelNames: ["method", "code", "host"],
      registers: [registry],
    });
  }

  count({ method, code, host }: RequestReport): void {
    this.#requests.inc({ method, code: code === 0 ? "<error>" : String(code), host });
  }
}
