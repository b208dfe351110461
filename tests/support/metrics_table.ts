/** The reference of metrics in docs/observability.md, and the same of what a process exports. */
import { type Family, METRIC_TYPES, type MetricType } from "./exposition.ts";

/** One line of the reference. */
export interface MetricRow {
  readonly name: string;
  readonly type: MetricType;
  /** In the order of the alphabet, without a histogram's `le`. */
  readonly labels: readonly string[];
  readonly help: string;
}

export type Exporter = "operator" | "server" | "webhook";

const PAGE = new URL("../../docs/observability.md", import.meta.url);
const ROW = new RegExp(`^\\| \`(\\w+)\` \\| (${METRIC_TYPES.join("|")}) \\|(.*)\\|(.*)\\|$`);

/** The rows of the section `### Metrics of the …`, by name. @throws {Error} If there are none. */
export async function readMetricsTable(exporter: Exporter): Promise<MetricRow[]> {
  const sections = (await Deno.readTextFile(PAGE)).split(/^#+ /m);
  const section = sections.find((text) => text.startsWith(`Metrics of the ${exporter}\n`)) ?? "";
  const rows = section.split("\n").flatMap((line) => {
    const [, name = "", word, labels = "", text = ""] = ROW.exec(line) ?? [];
    const type = METRIC_TYPES.find((known) => known === word);
    if (type === undefined) return [];
    return [{
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label).sort(),
      help: text.trim().replace(/\\([<|])/g, "$1"),
    }];
  });
  if (rows.length === 0) throw new Error(`${PAGE.pathname} has no metrics of the ${exporter}`);
  return byName(rows);
}

/** What the reference has to say of these metrics, by name. */
export function metricRowsOf(families: readonly Family[]): MetricRow[] {
  return byName(families.map(({ name, type = "untyped", help = "", samples }) => {
    const labels = new Set(samples.flatMap((sample) => [...sample.labels.keys()]));
    if (type === "histogram") labels.delete("le");
    return { name, type, labels: [...labels].sort(), help };
  }));
}

function byName(rows: readonly MetricRow[]): MetricRow[] {
  return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
