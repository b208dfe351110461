import { deepStrictEqual } from "node:assert/strict";
import { checkExpressions } from "./promql.ts";

Deno.test("checkExpressions() tells the labels of results, and the values that are looked for", async () => {
  const checked = await checkExpressions([
    'sum by (le, method) (rate(di_allocation_seconds_bucket{path=~"/a|/b"}[5m]))',
    "histogram_quantile(0.9, sum by (le) (rate(di_job_start_seconds_bucket[1h]))) > 5",
    "max by (pod) (workqueue_depth) and on (pod) leader_election_master_status == 1",
    "sum(up) or vector(0)",
  ]);
  deepStrictEqual(checked.map(({ labels, faults }) => ({ labels, faults })), [
    { labels: ["le", "method"], faults: [] },
    { labels: [], faults: [] },
    { labels: ["pod"], faults: [] },
    { labels: [], faults: [] },
  ]);
  deepStrictEqual(checked[0]?.matchers, [
    { metric: "di_allocation_seconds_bucket", label: "path", operator: "=~", value: "/a|/b" },
  ]);
});

const WRONG = [
  { expression: "sum(up", fault: "no PromQL at 6: " },
  { expression: "frobnicate(up)", fault: "no PromQL at 10: (up)" },
  { expression: "di_jobs", fault: "no metric di_jobs" },
  { expression: "di_job_start_seconds", fault: "no metric di_job_start_seconds" },
  { expression: 'di_job_phase{job_name="a"}', fault: "no label job_name in di_job_phase" },
  { expression: "sum by (code) (up)", fault: "no label code in sum by (code) (up)" },
  {
    expression: "sum by (phase) (sum by (dijob) (di_job_phase))",
    fault: "no label phase in sum by (phase) (sum by (dijob) (di_job_phase))",
  },
  { expression: "up and on (dijob) di_job_phase", fault: "no label dijob in on (dijob)" },
  {
    expression: "rate(workqueue_adds_total)",
    fault: "rate of what has no time: workqueue_adds_total",
  },
  { expression: "rate(workqueue_depth[5m])", fault: "rate of workqueue_depth, a gauge" },
  {
    expression: "histogram_quantile(0.9, sum(rate(di_job_start_seconds_bucket[5m])))",
    fault: "no label le in histogram_quantile",
  },
  {
    expression: "sum by (pod) (up) / sum(up)",
    fault: "the sides have other labels: sum by (pod) (up) / sum(up)",
  },
  { expression: "up[5m]", fault: "MatrixSelector is out of place: up[5m]" },
];

Deno.test("checkExpressions() says what is wrong with each expression", async () => {
  const checked = await checkExpressions(WRONG.map(({ expression }) => expression));
  deepStrictEqual(
    checked.map(({ expression, faults }) => ({ expression, fault: faults[0] })),
    WRONG,
  );
});
