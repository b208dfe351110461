/** The flags of the embedded cluster: its parts alone, all of it, and the demo. */
import { type Command, Option } from "commander";
import {
  addCommonFlags,
  addLogFlags,
  type CommonFlags,
  type LogFlags,
} from "./control_commands.ts";
import { examples } from "./examples.ts";
import { parseAddress, parseInteger, parseMemory, parseNodeName } from "./flags.ts";
import type { CommandContext } from "./process.ts";

export interface ApiServerFlags extends LogFlags {
  readonly bindAddress: string;
  readonly writeKubeconfig?: string;
}
/** What the node shall claim to have. */
export interface CapacityFlags {
  readonly gpus: number;
  readonly cpus?: number;
  /** In bytes. */
  readonly memory?: number;
}
export interface KubeletFlags extends CommonFlags, CapacityFlags {
  readonly nodeName?: string;
  readonly schedule: boolean;
  readonly route: readonly string[];
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  /** In seconds. */
  readonly shutdownGracePeriod: number;
}
export interface DevFlags extends LogFlags, CapacityFlags {
  readonly bindAddress: string;
  readonly serverBindAddress: string;
  readonly writeKubeconfig?: string;
}
export interface DemoFlags extends CapacityFlags {
  readonly job?: string;
  readonly keep: boolean;
  readonly timeout: number;
}

/** Adds `apiserver`, `kubelet`, `dev` and `demo`. */
export function addClusterCommands(
  program: Command,
  context: CommandContext,
  setExitCode: (code: number) => void,
): void {
  const apiserver = program.command("apiserver")
    .description("a Kubernetes API server in memory, for one machine")
    .option("--bind-address <address>", "where to listen", parseAddress, "127.0.0.1:0")
    .option("--write-kubeconfig <file>", "where to write how to reach it (default: print it)");
  addLogFlags(apiserver, "text")
    .addHelpText(
      "after",
      examples(
        "apiserver",
        "apiserver --bind-address 127.0.0.1:6443 --write-kubeconfig kubeconfig",
      ),
    )
    .action(async (flags: ApiServerFlags) =>
      (await import("./run_apiserver.ts")).runApiServer(flags, context)
    );

  const kubelet = program.command("kubelet")
    .description("run pods as processes of this machine, for any API server")
    .option("--node-name <name>", "name of the node (default: this machine's)", parseNodeName)
    .option("--no-schedule", "leave pods without a node to another scheduler")
    .addOption(
      new Option("--route <from=to>", "a fixed address: NAME.NAMESPACE:PORT=HOST:PORT; repeatable")
        .argParser((text, before: readonly string[]) => [...before, text]).default([]),
    );
  kubelet
    .option(
      "--tls-cert-file <file>",
      "certificate of the endpoint for logs and commands, for API servers that verify it",
    )
    .option("--tls-private-key-file <file>", "its key")
    .option(
      "--shutdown-grace-period <seconds>",
      "longest time for pods to end by themselves when the kubelet is asked to stop",
      parseInteger(0, 3600),
      3,
    );
  addCapacity(addCommonFlags(kubelet, "text"))
    .addHelpText(
      "after",
      examples(
        "kubelet --route di-server.di-system:8080=127.0.0.1:8090",
        "kubelet --node-name second --no-schedule --gpus 8",
      ),
    )
    .action(async (flags: KubeletFlags) =>
      (await import("./run_kubelet.ts")).runKubelet(flags, context)
    );

  const dev = program.command("dev")
    .description(
      "a cluster on this machine: API server, kubelet, operator and server in one process",
    )
    .option("--bind-address <address>", "where the API server listens", parseAddress, "127.0.0.1:0")
    .option(
      "--server-bind-address <address>",
      "where the server listens",
      parseAddress,
      "127.0.0.1:0",
    )
    .option(
      "--write-kubeconfig <file>",
      "where to write how to reach it (default: a temporary file)",
    );
  addCapacity(addLogFlags(dev, "text"))
    .addHelpText("after", examples("dev", "dev --write-kubeconfig kubeconfig --gpus 8"))
    .action(async (flags: DevFlags) => (await import("./run_dev.ts")).runDev(flags, context));

  const demo = program.command("demo")
    .description("show the sample job, or --job FILE, on a cluster made for it")
    .option(
      "--job <file>",
      "a YAML file with your own DIJob; exits 0 exactly when it ends Succeeded",
    )
    .option("--keep", "leave the cluster up until Ctrl-C", false)
    .option("--timeout <seconds>", "longest time for the job", parseInteger(1, 7 * 86_400), 600);
  addCapacity(demo)
    .addHelpText(
      "after",
      examples("demo", "demo --job examples/di-lifecycle-dijob.yaml", "demo --keep"),
    )
    .action(async (flags: DemoFlags) =>
      setExitCode(await (await import("./run_demo.ts")).runDemo(flags, context))
    );
}

function addCapacity(command: Command): Command {
  return command
    .option(
      "--cpus <n>",
      "cores that the node shall claim to have (default: this machine's)",
      parseInteger(1, 65_536),
    )
    .option(
      "--memory <quantity>",
      "memory that the node shall claim to have (default: this machine's)",
      parseMemory,
    )
    .option("--gpus <n>", "GPUs that the node shall claim to have", parseInteger(0, 1024), 0);
}
