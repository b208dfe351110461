/** `replicas`: what the allocation API does, from a shell. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { JOB_NAME_MAX } from "../api/mod.ts";
import { parseQuantity } from "../lib/quantity.ts";
import { examples } from "./examples.ts";
import { parseInteger } from "./flags.ts";
import type { CommandContext } from "./process.ts";

/** Most replicas of one role that a call may be about; the server may allow fewer. */
const MOST = 10_000;
const LABEL_FORM = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

export interface ReplicaFlags {
  /** Without a slash at its end. */
  readonly server: string;
  readonly namespace: string;
  readonly token?: string;
  readonly output: "table" | "json";
}
export interface ListFlags extends ReplicaFlags {
  readonly allNamespaces?: boolean;
  /** Pod name. */
  readonly aggregator?: string;
}
export interface ScaleFlags extends ReplicaFlags {
  readonly collectors: number;
  readonly learners: number;
  readonly cpus?: string;
  readonly memory?: string;
  readonly gpus?: string;
}

/** Adds `replicas list|add|remove|restart`. */
export function addReplicaCommands(program: Command, context: CommandContext): void {
  const replicas = program.command("replicas")
    .description("list, add, remove and restart replicas of a job, through the server")
    .addHelpText("after", examples("replicas list pong", "replicas add --help"));
  const run = () => import("./run_replicas.ts");

  addServerFlags(replicas.command("list"))
    .description("list the replicas of one job, or of all jobs of a namespace")
    .argument("[job]", "name of a DIJob", parseJobName)
    .option("-A, --all-namespaces", "of every namespace")
    .option(
      "--aggregator <pod>",
      "the ddp learners behind this aggregator, with an address for each GPU",
      parsePod,
    )
    .addHelpText(
      "after",
      examples(
        "replicas list pong -n rl",
        "replicas list -A -o json",
        "replicas list -n rl --aggregator pong-aggregator-x7kfp",
      ),
    )
    .action(async (job: string | undefined, flags: ListFlags, command: Command) => {
      if (flags.allNamespaces && (job !== undefined || flags.aggregator !== undefined)) {
        const what = job === undefined ? "--aggregator" : `the job "${job}"`;
        command.error(`error: --all-namespaces does not go with ${what}: give -n NAMESPACE`);
      }
      if (job !== undefined && flags.aggregator !== undefined) {
        command.error(`error: --aggregator does not go with the job "${job}": give one of the two`);
      }
      await (await run()).listReplicas(job, flags, context);
    });
  addAmounts(addServerFlags(replicas.command("add")))
    .description("add replicas to a job: all that are asked for, or none")
    .option("--cpus <quantity>", "CPUs of each (default: as in the job's template)", parseAmount)
    .option(
      "--memory <quantity>",
      "memory of each (default: as in the job's template)",
      parseAmount,
    )
    .option(
      "--gpus <n>",
      "GPUs of each learner; from 2 on it is an aggregator with ddp learners behind it " +
        "(default: as in the job's template)",
      parseGpus,
    )
    .addHelpText(
      "after",
      examples(
        "replicas add pong --collectors 2 --cpus 500m",
        "replicas add pong -n rl --learners 1 --gpus 10",
      ),
    )
    .action(async (job: string, flags: ScaleFlags, command: Command) => {
      requireAmount(flags, command);
      if (flags.gpus !== undefined && flags.learners === 0) {
        command.error(`error: --gpus ${flags.gpus} is for learners: give --learners N`);
      }
      await (await run()).scaleReplicas("POST", job, flags, context);
    });
  addAmounts(addServerFlags(replicas.command("remove")))
    .description("take replicas from a job, those first that are missed least")
    .addHelpText("after", examples("replicas remove pong --collectors 1"))
    .action(async (job: string, flags: ScaleFlags, command: Command) => {
      requireAmount(flags, command);
      await (await run()).scaleReplicas("DELETE", job, flags, context);
    });
  addServerFlags(replicas.command("restart"))
    .description("put new replicas in the place of these")
    .argument("<job>", "name of a DIJob", parseJobName)
    .argument(
      "<pods...>",
      "pods of the job, by name or by address",
      (text: string, pods: readonly string[] = []) => [...pods, parsePod(text)],
    )
    .addHelpText(
      "after",
      examples(
        "replicas restart pong pong-collector-4jrnq",
        "replicas restart pong -n rl pong-aggregator-x7kfp.rl:22272",
      ),
    )
    .action(async (job: string, pods: string[], flags: ReplicaFlags) =>
      (await run()).restartReplicas(job, pods, flags, context)
    );
}

function addServerFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--server <address>", "the server, as HOST:PORT or URL")
        .env("DI_SERVER").default("http://127.0.0.1:8080").argParser(parseServer),
    )
    .addOption(
      new Option("--token <token>", "bearer token, where the server checks its callers")
        .env("DI_TOKEN"),
    )
    .option("-n, --namespace <name>", "namespace of the job", parseNamespace, "default")
    .addOption(
      new Option("-o, --output <format>", "table, or the data of the server's answer")
        .choices(["table", "json"]).default("table"),
    );
}

function addAmounts(command: Command): Command {
  return command
    .argument("<job>", "name of a DIJob", parseJobName)
    .option("--collectors <n>", `how many collectors, up to ${MOST}`, parseInteger(0, MOST), 0)
    .option("--learners <n>", `how many learners, up to ${MOST}`, parseInteger(0, MOST), 0);
}

function requireAmount({ collectors, learners }: ScaleFlags, command: Command): void {
  if (collectors > 0 || learners > 0) return;
  command.error("error: nothing to do: give --collectors N, --learners N, or both, from 1 on");
}

function parseServer(text: string): string {
  const url = /^https?:\/\//.test(text) ? text : `http://${text}`;
  const isComplete = url === text || /:[0-9]+\/?$/.test(text);
  if (isComplete && URL.canParse(url)) return url.replace(/\/+$/, "");
  throw new InvalidArgumentError("allowed are HOST:PORT and http:// or https:// URLs.");
}

function parseJobName(text: string): string {
  if (text.length <= JOB_NAME_MAX && /^[a-z]/.test(text) && LABEL_FORM.test(text)) return text;
  throw new InvalidArgumentError(
    `allowed are a-z, 0-9 and '-', a letter first, at most ${JOB_NAME_MAX} characters.`,
  );
}

function parseNamespace(text: string): string {
  if (text.length <= 63 && LABEL_FORM.test(text)) return text;
  throw new InvalidArgumentError("allowed are a-z, 0-9 and '-', at most 63 characters.");
}

/** A pod's name; of an address, as `list` prints it, what is before the namespace. */
function parsePod(text: string): string {
  const name = text.replace(/\.[^.:]+:[0-9]+$/, "");
  if (LABEL_FORM.test(name)) return name;
  throw new InvalidArgumentError("allowed are names of pods and addresses, POD.NAMESPACE:PORT.");
}

function parseAmount(text: string): string {
  if (amountOf(text) >= 0) return text;
  throw new InvalidArgumentError("allowed are quantities from 0 on, such as 500m, 2 and 8Gi.");
}

function parseGpus(text: string): string {
  if (amountOf(text) >= 0) return text;
  throw new InvalidArgumentError("allowed are numbers from 0 on; parts of a GPU are rounded up.");
}

/** NaN for what is no quantity. */
function amountOf(text: string): number {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof SyntaxError) return NaN;
    throw error;
  }
}
