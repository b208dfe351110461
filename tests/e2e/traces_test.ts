/** Spans under `OTEL_DENO`, and the log lines that belong to them. */
import { match, strictEqual } from "node:assert/strict";
import { DIJOBS } from "../../src/api/mod.ts";
import { explained, PROGRAM, type RunningCommand, startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { shellJob } from "../support/shell_job.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";
import { startTraceCollector } from "../support/trace_collector.ts";

const cluster = useTestCluster();
const START = { timeoutMs: 30_000 };

interface LogLine {
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The lines that a command has logged to their end. */
function linesOf(command: RunningCommand): LogLine[] {
  return command.stderr().split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

Deno.test("a pass of the operator is a span, and its log lines have the span's trace", async () => {
  const { client, kubeconfigPath } = cluster();
  const namespace = await createNamespace(cluster(), "traces");
  const key = `${namespace}/traced`;
  const collector = startTraceCollector();
  const operator = startCommand([
    ...PROGRAM,
    "operator",
    ...["--kubeconfig", kubeconfigPath],
    "--metrics-bind-address=0",
    "--health-probe-bind-address=0",
  ], {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "100",
  });
  try {
    await client.create(DIJOBS, shellJob("traced", "exit 0", namespace));
    await explained([operator], async () => {
      const { properties } = await eventually(
        "the job to be taken up",
        () =>
          linesOf(operator).find(({ message, properties }) =>
            message === "Phase reached" && properties.key === key
          ),
        START,
      );
      match(String(properties.traceId), /^[0-9a-f]{32}$/);
      const inTrace = (name: string, attribute: string, value: string) =>
        collector.spans.some((span) =>
          span.traceId === properties.traceId && span.name === name &&
          span.attributes[attribute] === value
        );
      await eventually("the span of that pass", () => inTrace("reconcile", "di.key", key), START);
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      await eventually("the span of its write", () => inTrace("POST", "url.path", pods), START);
    });
    operator.kill("SIGTERM");
    strictEqual(await operator.ended, 0, operator.stderr());
  } finally {
    operator.kill("SIGKILL");
    await operator.ended;
    await collector.stop();
  }
});
