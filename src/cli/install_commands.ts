/** `deploy` and `undeploy`. */
import type { Command } from "commander";
import { examples } from "./examples.ts";
import { parseInteger } from "./flags.ts";
import type { CommandContext } from "./process.ts";

export interface InstallFlags {
  readonly kubeconfig?: string;
  readonly file?: string;
  readonly yes?: boolean;
}
export interface DeployFlags extends InstallFlags {
  readonly image?: string;
  /** In s. */
  readonly timeout: number;
}
export interface UndeployFlags extends InstallFlags {
  readonly deleteJobs?: boolean;
}

/** Adds `deploy` and `undeploy`. */
export function addInstallCommands(program: Command, context: CommandContext): void {
  const run = () => import("./run_install.ts");
  addInstallFlags(program.command("deploy"))
    .description("bring operator and server into the cluster of the current kubeconfig context")
    .option("--image <name>", "of all containers, where a registry of your own has it")
    .option("--timeout <seconds>", "longest time for the rollouts", parseInteger(1, 3600), 300)
    .addHelpText(
      "after",
      examples(
        "deploy",
        "deploy --yes --image registry.example/di-orchestrator:v0.3.0",
        "deploy --file all.yaml  # from: kubectl kustomize deploy/kustomize/overlays/nodeport >all.yaml",
      ),
    )
    .action(async (flags: DeployFlags) => (await run()).runDeploy(flags, context));
  addInstallFlags(program.command("undeploy"))
    .description("take back what deploy has made, and nothing else")
    .option("--delete-jobs", "also while there are DIJobs: they are deleted first")
    .addHelpText("after", examples("undeploy", "undeploy --yes --delete-jobs"))
    .action(async (flags: UndeployFlags) => (await run()).runUndeploy(flags, context));
}

function addInstallFlags(command: Command): Command {
  return command
    .option(
      "--kubeconfig <file>",
      "default: $KUBECONFIG, the pod's service account, ~/.kube/config",
    )
    .option("-f, --file <file>", "YAML of what to install (default: this version's own)")
    .option("-y, --yes", "do not ask");
}
