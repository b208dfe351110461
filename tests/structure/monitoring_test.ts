/** Dashboard, alerts and PodMonitors, held against the metrics that are really exported. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { OWN_MANAGER, PHASES, REPLICA_STATUS_KEYS } from "../../src/api/mod.ts";
import { CALLER_RESULTS } from "../../src/server/mod.ts";
import {
  readAlerts,
  readDashboard,
  readDeployments,
  readPodMonitors,
} from "../support/monitoring_files.ts";
import { checkExpressions, type LabelMatcher } from "../support/promql.ts";

/** Values that labels can have: what looks for another one finds nothing, and nobody sees that. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  phase: ["Pending", ...PHASES],
  role: REPLICA_STATUS_KEYS,
  state: ["active", "succeeded", "failed"],
  managed_by: ["", OWN_MANAGER],
  controller: ["dijob"],
  name: ["dijob", "di-operator"],
  result: ["success", "error", ...CALLER_RESULTS],
  path: ["/v1alpha1/replicas", "/v1alpha1/replicas/failed"],
  method: ["GET", "POST", "DELETE"],
  code: ["200", "500", "501", "<error>"],
  job: ["di-operator", "di-server"],
};
/** Variables of Grafana, as it puts them in. */
const VARIABLES = { $__rate_interval: "5m", $namespace: ".*" };

/** The values that a matcher looks for and that there cannot be. */
function strangeValues({ label, operator, value }: LabelMatcher): string[] {
  if (label === "namespace") return []; // whatever users call theirs
  const isPattern = operator.endsWith("~");
  const strange = (isPattern ? value.split("|") : [value]).filter((wanted) => {
    const pattern = new RegExp(`^(?:${isPattern ? wanted : RegExp.escape(wanted)})$`);
    return !VALUES[label]?.some((known) => pattern.test(known));
  });
  return strange.map((wanted) => `${label}${operator}${JSON.stringify(wanted)}`);
}

interface Use {
  readonly where: string;
  readonly expression: string;
  /** Text with references to the labels of the result. */
  readonly text: string;
}

/** What is wrong with expressions and the texts that go with them, by place. */
async function faultsOf(uses: readonly Use[], reference: RegExp): Promise<string[]> {
  ok(uses.length >= 10, "the expressions were not found");
  const checked = await checkExpressions(uses.map(({ expression }) => expression));
  return uses.flatMap(({ where, text }, index) => {
    const { faults = ["not checked"], labels = [], matchers = [] } = checked[index] ?? {};
    const named = [...text.matchAll(reference)].map(([, label = ""]) => label);
    const unknown = named.filter((label) => !labels.includes(label));
    return [
      ...faults,
      ...unknown.map((label) => `its result has no label ${label}`),
      ...matchers.flatMap(strangeValues).map((value) => `nothing has ${value}`),
    ].map((fault) => `${where}: ${fault}`);
  });
}

Deno.test("every alert looks for metrics, labels and values that are exported", async () => {
  const uses = (await readAlerts()).map(({ alert, expr, annotations }) => ({
    where: alert,
    expression: expr,
    text: Object.values(annotations).join("\n"),
  }));
  deepStrictEqual(await faultsOf(uses, /\$labels\.(\w+)/g), []);
});

Deno.test("every panel of the dashboard shows metrics, labels and values that are exported", async () => {
  const { panels, templating: { list: [, namespace] } } = await readDashboard();
  const [, metric = "", label = ""] =
    /^label_values\((\w+), (\w+)\)$/.exec(namespace.query.query) ?? [];
  const variable = {
    where: "$namespace",
    expression: `count by (${label}) (${metric})`,
    text: `{{${label}}}`,
  };
  const uses = panels.flatMap((panel) =>
    panel.type === "row" ? [] : panel.targets.map(({ expr, legendFormat }) => ({
      where: panel.title,
      expression: Object.entries(VARIABLES)
        .reduce((text, [name, value]) => text.replaceAll(name, value), expr),
      text: legendFormat,
    }))
  );
  deepStrictEqual(await faultsOf([variable, ...uses], /\{\{\s*(\w+)\s*\}\}/g), []);
});

Deno.test("the dashboard has rows for jobs, operator and server, and no panel covers another", async () => {
  const { panels } = await readDashboard();
  const rows = panels.filter(({ type }) => type === "row").map(({ title }) => title);
  deepStrictEqual(rows, ["Jobs", "Operator", "Server"]);
  deepStrictEqual(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + cell % w},${y + Math.floor(cell / w)}`)
  );
  deepStrictEqual(new Set(cells).size, cells.length);
  deepStrictEqual(panels.filter(({ gridPos: { x, w } }) => x + w > 24), []);
});

Deno.test("what each alert means is in the docs, in the same order", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/observability.md", import.meta.url));
  const rows = [...page.matchAll(/^\| `(DI\w+)` \| (\w+), (\w+) \|/gm)]
    .map(([, alert, severity, time]) => ({ alert, severity, time }));
  const alerts = (await readAlerts())
    .map(({ alert, labels, for: time }) => ({ alert, severity: labels.severity, time }));
  deepStrictEqual(rows, alerts);
});

Deno.test("a PodMonitor finds the metrics of each Deployment", async () => {
  const monitors = await readPodMonitors();
  const found = (await readDeployments()).map(({ metadata, spec: { template } }) => {
    const [container] = template.spec.containers;
    const monitor = monitors.find(({ spec, metadata: { namespace } }) =>
      namespace === metadata.namespace &&
      Object.entries(spec.selector.matchLabels)
        .every(([label, value]) => template.metadata.labels[label] === value)
    );
    const [endpoint] = monitor?.spec.podMetricsEndpoints ?? [];
    const port = container.ports.find(({ name }) => name === endpoint?.port)?.containerPort;
    const flag = "--metrics-bind-address=";
    return {
      monitor: monitor?.metadata.name,
      job: template.metadata.labels[monitor?.spec.jobLabel ?? ""],
      path: endpoint?.path,
      port,
      // The operator's default is 8080.
      listens: container.args.find((arg) => arg.startsWith(flag))?.slice(flag.length) ?? ":8080",
    };
  });
  const path = "/metrics";
  deepStrictEqual(found, [
    { monitor: "di-operator", job: "di-operator", path, port: 8080, listens: ":8080" },
    { monitor: "di-server", job: "di-server", path, port: 8081, listens: ":8081" },
  ]);
});
