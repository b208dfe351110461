/** The flags of the production processes: names and defaults of DI-orchestrator v0.2.2, and a few more. */
import { type Command, Option } from "commander";
import { GPU_ALLOC_POLICIES } from "../allocation/mod.ts";
import type { RateLimit } from "../kube/mod.ts";
import { LOG_LEVELS, type LogFormat } from "../lib/logger.ts";
import type { CallerCheck } from "../server/mod.ts";
import { examples } from "./examples.ts";
import { parseAddress, parseBoolean, parseInteger, parseOptionalAddress } from "./flags.ts";
import type { CommandContext } from "./process.ts";

/** Of `--caller-check`. Spelled out here, so that other commands need not load the server. */
const CALLER_CHECKS: readonly CallerCheck[] = ["enforce", "warn", "off"];
/** Most replicas of one role that a call can be allowed to ask for. */
const MOST_REPLICAS = 10_000;

export interface LogFlags {
  readonly logFormat: LogFormat;
  readonly logLevel: typeof LOG_LEVELS[number];
  readonly zapEncoder?: "json" | "console";
  readonly zapLogLevel?: string;
  readonly zapDevel?: boolean;
}
export interface CommonFlags extends LogFlags {
  readonly kubeconfig?: string;
}
export interface ClientFlags {
  readonly kubeApiQps: number;
  readonly kubeApiBurst?: number;
}
export interface AggregatorFlags {
  readonly agconfigNamespace: string;
  readonly agconfigName: string;
}
export interface OperatorFlags extends CommonFlags, ClientFlags, AggregatorFlags {
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
  readonly leaderElect: boolean;
  readonly leaderElectionNamespace?: string;
  readonly serverAddress: string;
  readonly maxConcurrentReconciles: number;
  readonly cleanPodGracePeriod?: number;
}
export interface WebhookFlags extends LogFlags {
  readonly webhookBindAddress: string;
  readonly certDir: string;
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
  readonly leaderElect: boolean;
}
export interface ServerFlags extends CommonFlags, ClientFlags, AggregatorFlags {
  readonly serverBindAddress: string;
  readonly metricsBindAddress: string;
  readonly callerCheck: CallerCheck;
  readonly maxReplicasPerCall: number;
  readonly leaderElect: boolean;
  readonly leaseLockNamespace: string;
  readonly leaseLockName: string;
  readonly gpuAllocPolicy: typeof GPU_ALLOC_POLICIES[number];
  readonly serverAddress: string;
}

/** Adds `operator`, `server` and `webhook`. */
export function addControlCommands(program: Command, context: CommandContext): void {
  const operator = addProbeFlags(
    program.command("operator")
      .description("start the coordinators of DIJobs, follow them, clean up after them"),
  )
    .addOption(booleanFlag("--leader-elect [bool]", "of several copies, let one work", false))
    .option(
      "--leader-election-namespace <name>",
      "where the election's Lease is (default: the own namespace)",
    )
    .option("--max-concurrent-reconciles <n>", "jobs worked on at once", parseInteger(1, 1000), 16)
    .option(
      "--clean-pod-grace-period <seconds>",
      "grace of pods that the operator takes away; 0: none, as of old (default: each pod's own)",
      parseInteger(0, 86_400),
    );
  addServerAddress(addAggregatorFlags(addClientFlags(addCommonFlags(operator))))
    .addHelpText(
      "after",
      examples(
        "operator --leader-elect --server-address di-server.di-system:8080",
        "operator --kubeconfig ~/.kube/config --metrics-bind-address 0 --log-format text",
      ),
    )
    .action(async (flags: OperatorFlags) =>
      (await import("./run_operator.ts")).runOperator(flags, context)
    );

  const server = program.command("server")
    .description("give coordinators collectors and learners over HTTP")
    .option("--server-bind-address <address>", "where to listen", parseAddress, ":8080")
    .addOption(
      booleanFlag("--leader-elect [bool]", "accepted and not needed: every copy serves", false),
    )
    .option(
      "--metrics-bind-address <address>",
      "Prometheus metrics; 0: none",
      parseOptionalAddress,
      "0",
    )
    .addOption(
      new Option("--caller-check <mode>", "who may ask; see docs/security.md")
        .choices(CALLER_CHECKS).default("off"),
    )
    .option(
      "--max-replicas-per-call <n>",
      "most replicas of one role that a call may ask for",
      parseInteger(1, MOST_REPLICAS),
      MOST_REPLICAS,
    )
    .option(
      "--lease-lock-namespace <name>",
      "where the records of requests at work are kept",
      "di-system",
    )
    .option("--lease-lock-name <name>", "accepted and not needed: every copy serves", "di-server")
    .addOption(
      new Option("--gpu-alloc-policy <policy>", "how a learner's GPUs are split over nodes")
        .choices(GPU_ALLOC_POLICIES).default("simple"),
    );
  addServerAddress(addAggregatorFlags(addClientFlags(addCommonFlags(server))))
    .addHelpText(
      "after",
      examples(
        "server --metrics-bind-address :8081 --caller-check enforce",
        "server --kubeconfig ~/.kube/config --server-bind-address 127.0.0.1:8090 --log-format text",
      ),
    )
    .action(async (flags: ServerFlags) =>
      (await import("./run_server.ts")).runServer(flags, context)
    );

  const webhook = addProbeFlags(
    program.command("webhook")
      .description("fill in and check DIJobs at admission; the CRDs alone do it as well"),
  )
    .option("--webhook-bind-address <address>", "where to listen", parseAddress, ":9443")
    .option(
      "--cert-dir <folder>",
      "folder with tls.crt and tls.key; it may fill later, and change",
      "/tmp/k8s-webhook-server/serving-certs",
    )
    .addOption(
      booleanFlag("--leader-elect [bool]", "accepted and not needed: every copy serves", false),
    );
  // It needs no API server; of old it was given one all the same.
  addCommonFlags(webhook)
    .addHelpText("after", examples("webhook", "webhook --cert-dir /etc/di-webhook"))
    .action(async (flags: WebhookFlags) =>
      (await import("./run_webhook.ts")).runWebhook(flags, context)
    );
}

/** Where a process says how it is. */
function addProbeFlags(command: Command): Command {
  return command
    .option(
      "--metrics-bind-address <address>",
      "Prometheus metrics; 0: none",
      parseOptionalAddress,
      ":8080",
    )
    .option(
      "--health-probe-bind-address <address>",
      "/healthz and /readyz; 0: none",
      parseOptionalAddress,
      ":8081",
    );
}

/** `--kubeconfig` and how to log. */
export function addCommonFlags(command: Command, format: LogFormat = "json"): Command {
  return addLogFlags(command, format).option(
    "--kubeconfig <file>",
    "default: $KUBECONFIG, the pod's service account, ~/.kube/config",
  );
}

/** How to log, in our words and in those of old. */
export function addLogFlags(command: Command, format: LogFormat): Command {
  return command
    .addOption(new Option("--log-format <format>").choices(["json", "text"]).default(format))
    .addOption(new Option("--log-level <level>").choices(LOG_LEVELS).default("info"))
    .addOption(new Option("--zap-encoder <encoder>").choices(["json", "console"]).hideHelp())
    .addOption(new Option("--zap-log-level <level>").hideHelp())
    .addOption(new Option("--zap-stacktrace-level <level>").hideHelp())
    .addOption(booleanFlag("--zap-devel [bool]", "", undefined).hideHelp());
}

function addClientFlags(command: Command): Command {
  return command
    .option(
      "--kube-api-qps <n>",
      "requests a second to the API server; 0: no limit of our own",
      parseInteger(0, 100_000),
      0,
    )
    .option(
      "--kube-api-burst <n>",
      "requests that may go out at once after a rest (default: twice --kube-api-qps)",
      parseInteger(1, 100_000),
    );
}

/** The limit that the flags ask for, or undefined. */
export function rateLimitOf({ kubeApiQps, kubeApiBurst }: ClientFlags): RateLimit | undefined {
  return kubeApiQps === 0
    ? undefined
    : { perSecond: kubeApiQps, burst: kubeApiBurst ?? 2 * kubeApiQps };
}

function addAggregatorFlags(command: Command): Command {
  return command
    .option("--agconfig-namespace <name>", "namespace of the AggregatorConfig", "di-system")
    .option("--agconfig-name <name>", "name of the AggregatorConfig", "aggregator-config");
}

function addServerAddress(command: Command): Command {
  return command.option(
    "--server-address <host:port>",
    "the server as pods reach it (KUBERNETES_SERVER_URL)",
    "di-server.di-system:8080",
  );
}

function booleanFlag(flags: string, description: string, value: boolean | undefined): Option {
  return new Option(flags, description).argParser(parseBoolean).preset("true").default(value);
}

/** Format and level in force: zap's flags, where given, go before ours. */
export function logSettingsOf(flags: LogFlags): {
  readonly format: LogFormat;
  readonly level: typeof LOG_LEVELS[number];
} {
  const isText = flags.zapEncoder === "console" ||
    (flags.zapEncoder === undefined && flags.zapDevel);
  const format = isText ? "text" : flags.logFormat;
  const zap = flags.zapLogLevel;
  // zap counts verbosity upwards from 1, and calls a warning "warn".
  const level = zap === undefined
    ? flags.logLevel
    : /^[1-9]/.test(zap)
    ? "debug"
    : zap === "warn"
    ? "warning"
    : LOG_LEVELS.find((known) => known === zap) ?? flags.logLevel;
  return { format, level };
}
