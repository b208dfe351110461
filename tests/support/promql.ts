/** PromQL, held against the metrics that are exported. */
import { fileURLToPath } from "node:url";
import { readMetricsTable } from "./metrics_table.ts";

export interface CheckedExpression {
  readonly expression: string;
  /** What is wrong with it; `[]`: nothing. */
  readonly faults: readonly string[];
  /** Labels that its result can have. */
  readonly labels: readonly string[];
  readonly matchers: readonly LabelMatcher[];
}

/** `LABEL OPERATOR "VALUE"` in the braces behind a metric. */
export interface LabelMatcher {
  readonly metric: string;
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Labels that Prometheus itself gives to what it scrapes from a pod. */
const TARGET_LABELS = ["namespace", "pod", "container", "job", "instance"];
const CHECKER = fileURLToPath(new URL("../promql/", import.meta.url));

interface Series {
  readonly type: string;
  readonly labels: readonly string[];
}

/** Checks each expression: its syntax, its metrics and labels, and that rates are taken of counters. */
export async function checkExpressions(
  expressions: readonly string[],
): Promise<CheckedExpression[]> {
  const input = JSON.stringify({ series: await readSeries(), expressions });
  // Has its dependencies to itself, so that users do not download them.
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", `${CHECKER}deno.json`, "-A", `${CHECKER}check.ts`],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout } = await process.output();
  if (code !== 0) throw new Error(`The checker of PromQL ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Every series that Prometheus has of operator and server, by name. */
async function readSeries(): Promise<Record<string, Series>> {
  const exporters = ["operator", "server", "webhook"] as const;
  const rows = (await Promise.all(exporters.map(readMetricsTable))).flat();
  const series = rows.flatMap(({ name, type, labels }): [string, Series][] => {
    const all = [...TARGET_LABELS, ...labels];
    if (type !== "histogram") return [[name, { type, labels: all }]];
    const part = { type: "counter", labels: all };
    return [
      [`${name}_bucket`, { ...part, labels: [...all, "le"] }],
      [`${name}_sum`, part],
      [`${name}_count`, part],
    ];
  });
  // Prometheus' own: 1 while a target answers.
  return Object.fromEntries([...series, ["up", { type: "gauge", labels: TARGET_LABELS }]]);
}
