/** The files of deploy/, and the expressions of PromQL in them. */
import { parseAllDocuments } from "yaml";
import * as z from "zod";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const LABELS = z.record(z.string(), z.string());
const GRID = z.strictObject({ x: z.int(), y: z.int(), w: z.int(), h: z.int() });

/** What Prometheus' operator needs of a PodMonitor of ours. */
const POD_MONITOR = z.strictObject({
  apiVersion: z.literal("monitoring.coreos.com/v1"),
  kind: z.literal("PodMonitor"),
  metadata: z.strictObject({ name: z.string(), namespace: z.string(), labels: LABELS }),
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: LABELS }),
    jobLabel: z.string(),
    podMetricsEndpoints: z.tuple([
      z.strictObject({ port: z.string(), path: z.string(), honorLabels: z.literal(true) }),
    ]),
  }),
});
export type PodMonitor = z.infer<typeof POD_MONITOR>;

const ALERT = z.strictObject({
  alert: z.string().regex(/^DI[A-Za-z]+$/),
  expr: z.string(),
  for: z.string().regex(/^[1-9][0-9]*m$/),
  labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
  annotations: z.strictObject({ summary: z.string().min(1), description: z.string().min(1) }),
});
const RULES = z.strictObject({
  apiVersion: z.literal("monitoring.coreos.com/v1"),
  kind: z.literal("PrometheusRule"),
  metadata: z.strictObject({ name: z.string(), namespace: z.string(), labels: LABELS }),
  spec: z.strictObject({
    groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ALERT) })),
  }),
});
export type Alert = z.infer<typeof ALERT>;

/** Every query goes to the data source that is chosen at the top of the dashboard. */
const DATA_SOURCE = z.strictObject({
  type: z.literal("prometheus"),
  uid: z.literal("${datasource}"),
});
const TARGET = z.looseObject({
  refId: z.string(),
  datasource: DATA_SOURCE,
  expr: z.string().min(1),
  legendFormat: z.string(),
});
const PANEL_BASE = { id: z.int().positive(), title: z.string().min(1), gridPos: GRID };
const ROW = z.looseObject({ ...PANEL_BASE, type: z.literal("row") });
const CHART = z.looseObject({
  ...PANEL_BASE,
  type: z.enum(["timeseries", "stat", "table"]),
  datasource: DATA_SOURCE,
  targets: z.array(TARGET).nonempty(),
});
const DASHBOARD = z.looseObject({
  uid: z.string().min(1),
  title: z.string().min(1),
  // Grafana 12; newer ones read it too.
  schemaVersion: z.literal(42),
  templating: z.strictObject({
    list: z.tuple([
      z.looseObject({
        name: z.literal("datasource"),
        type: z.literal("datasource"),
        query: z.literal("prometheus"),
      }),
      z.looseObject({
        name: z.literal("namespace"),
        type: z.literal("query"),
        datasource: DATA_SOURCE,
        query: z.looseObject({ query: z.string() }),
      }),
    ]),
  }),
  panels: z.array(z.discriminatedUnion("type", [ROW, CHART])),
});
export type Dashboard = z.infer<typeof DASHBOARD>;

/** The container of a Deployment in deploy/di-manager.yaml. */
const DEPLOYMENT = z.looseObject({
  kind: z.literal("Deployment"),
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: LABELS }),
      spec: z.looseObject({
        containers: z.tuple([
          z.looseObject({
            args: z.array(z.string()),
            ports: z.array(z.looseObject({ name: z.string(), containerPort: z.int() })),
          }),
        ]),
      }),
    }),
  }),
});
export type Deployment = z.infer<typeof DEPLOYMENT>;

/** @throws {z.ZodError} If one has not the fields that it needs. */
export async function readPodMonitors(): Promise<PodMonitor[]> {
  return z.array(POD_MONITOR).parse(await readDocuments("monitoring/pod-monitor.yaml"));
}

/** @throws {z.ZodError} If one has not the fields that it needs. */
export async function readAlerts(): Promise<Alert[]> {
  const [rules] = z.tuple([RULES]).parse(await readDocuments("monitoring/alerts.yaml"));
  return rules.spec.groups.flatMap(({ rules }) => rules);
}

/** @throws {z.ZodError} If it has not the fields that it needs. */
export async function readDashboard(): Promise<Dashboard> {
  return DASHBOARD.parse(JSON.parse(await readText("monitoring/dashboard.json")));
}

/** Those of operator and server. */
export async function readDeployments(): Promise<Deployment[]> {
  const documents = z.array(z.looseObject({ kind: z.string() }))
    .parse(await readDocuments("di-manager.yaml"));
  return z.array(DEPLOYMENT).parse(documents.filter(({ kind }) => kind === "Deployment"));
}

async function readDocuments(path: string): Promise<unknown[]> {
  return parseAllDocuments(await readText(path)).map((document) => {
    if (document.errors.length > 0) {
      throw new Error(`${path} is no YAML`, { cause: document.errors });
    }
    return document.toJS();
  });
}

function readText(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, DEPLOY));
}
