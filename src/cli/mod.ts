/** The command line. Each command's room is loaded only when it is asked for. */
import { Command, CommanderError } from "commander";
import { addClusterCommands } from "./cluster_commands.ts";
import { addControlCommands } from "./control_commands.ts";
import { examples } from "./examples.ts";
import { normalizeArguments } from "./flags.ts";
import { addInstallCommands } from "./install_commands.ts";
import { addReplicaCommands } from "./replica_commands.ts";
import { type CommandContext, CommandFailure } from "./process.ts";
import { VERSION, versionLines } from "./version.ts";

export { examplesOf } from "./examples.ts";
export { normalizeArguments } from "./flags.ts";
export { type CommandContext, READ_LATER, signalOfProcess } from "./process.ts";

/**
 * Runs one command line.
 *
 * @param argv The arguments after the program's name.
 * @returns The exit code: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.
 */
export async function runCommandLine(
  argv: readonly string[],
  context: CommandContext,
): Promise<number> {
  let exitCode = 0;
  const program = await buildProgram(context, {
    withRoles: argv[0] === "mock",
    setExitCode: (code) => exitCode = code,
  });
  try {
    await program.parseAsync(normalizeArguments(argv), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    printError(error);
    return 1;
  }
}

/** Known kinds of failure are one line; anything else is a bug, and its stack is wanted. */
function printError(error: unknown): void {
  const known = error instanceof CommandFailure || (error instanceof Error &&
    ["ListenError", "KubeconfigError", "ApiError", "ConnectionError", "InstallError"].includes(
      error.name,
    ));
  const text = known ? error.message : error instanceof Error ? error.stack : String(error);
  Deno.stderr.writeSync(new TextEncoder().encode(`di-orchestrator: ${text}\n`));
}

/** How the commands are declared. */
export interface ProgramOptions {
  /** With the roles below `mock`, for which the sample worker has to be loaded. */
  readonly withRoles: boolean;
  /** Called by commands that end otherwise than with 0 and yet have not failed. */
  readonly setExitCode: (code: number) => void;
}

/** The program with all its commands: what runs, and what the reference is made from. */
export async function buildProgram(
  context: CommandContext,
  { withRoles, setExitCode }: ProgramOptions,
): Promise<Command> {
  const program = new Command("di-orchestrator")
    .description(
      "Runs distributed reinforcement-learning jobs of DI-engine on Kubernetes, or on a laptop.",
    )
    .version(VERSION, "--version")
    .addHelpText("after", examples("demo", "operator --help", "replicas list -A"))
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride();
  addControlCommands(program, context);
  addClusterCommands(program, context, setExitCode);
  addReplicaCommands(program, context);
  addInstallCommands(program, context);
  const mock = program.command("mock").description("play one role of the sample job")
    .addHelpText("after", examples("mock coordinator --help"));
  if (withRoles) (await import("./mock_commands.ts")).addMockRoles(mock, context, setExitCode);
  program.command("crds").description("print the custom resource definitions as YAML")
    .addHelpText("after", examples("crds | kubectl apply -f -"))
    .action(async () => (await import("./print_crds.ts")).printCrds(context));
  program.command("version").description("print version and commit, and what the program runs on")
    .addHelpText("after", examples("version"))
    .action(() => versionLines().forEach((line) => context.print(line)));
  // Sub-commands do not inherit what was set on the program.
  for (const command of allCommands(program)) {
    command.exitOverride().showHelpAfterError("(--help shows what is allowed)");
  }
  return program;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
