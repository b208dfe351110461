/** Speaks to the server for the `replicas` commands. */
import { coordinatorName } from "../api/mod.ts";
import { ANSWER, type ReplicaSet } from "../server/mod.ts";
import { type CommandContext, CommandFailure } from "./process.ts";
import type { ListFlags, ReplicaFlags, ScaleFlags } from "./replica_commands.ts";
import { tableOf } from "./table.ts";

const PATH = "/v1alpha1/replicas";
/** Longer than the server takes for the biggest call (10,000 collectors and as many learners), in ms. */
const TIME_LIMIT_MS = 450_000;

interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** What could not be done, if it cannot. */
  readonly purpose: string;
}
type Data = ReplicaSet | readonly ReplicaSet[];

/** Prints the replicas of a job, of a namespace, or of all. @throws {CommandFailure} If it cannot be had. */
export async function listReplicas(
  job: string | undefined,
  flags: ListFlags,
  { print, signal }: CommandContext,
): Promise<void> {
  const { namespace, allNamespaces, aggregator } = flags;
  const query = new URLSearchParams({
    ...(!allNamespaces && { namespace }),
    ...(job !== undefined && { name: job }),
    ...(aggregator !== undefined && { aggregator }),
  });
  const whose = job !== undefined
    ? `DIJob ${namespace}/${job}`
    : aggregator !== undefined
    ? `aggregator ${namespace}/${aggregator}`
    : allNamespaces
    ? "all namespaces"
    : `namespace ${namespace}`;
  const question: Question = {
    method: "GET",
    path: `${PATH}?${query}`,
    purpose: `list the replicas of ${whose}`,
  };
  const data = await ask(flags, question, signal);
  const [asked, learner] = aggregator === undefined
    ? ["COORDINATOR", "learner"]
    : ["AGGREGATOR", "ddp-learner"];
  show(data, flags, print, { asked, learner });
}

/** Adds or removes, and prints which. @throws {CommandFailure} If it was not done. */
export async function scaleReplicas(
  method: "POST" | "DELETE",
  job: string,
  flags: ScaleFlags,
  { print, signal }: CommandContext,
): Promise<void> {
  const { namespace, collectors, learners, cpus, memory, gpus } = flags;
  const resources = { ...(cpus && { cpus }), ...(memory && { memory }) };
  const body = {
    ...placeOf(job, flags),
    collectors: { replicas: collectors, ...resources },
    learners: { replicas: learners, ...resources, ...(gpus && { gpus }) },
  };
  const what = method === "POST" ? "add replicas to" : "remove replicas from";
  const purpose = `${what} DIJob ${namespace}/${job}`;
  show(await ask(flags, { method, path: PATH, body, purpose }, signal), flags, print);
}

/** Replaces pods, and prints the new ones. @throws {CommandFailure} If it was not done. */
export async function restartReplicas(
  job: string,
  pods: readonly string[],
  flags: ReplicaFlags,
  { print, signal }: CommandContext,
): Promise<void> {
  const isCollector = (pod: string) => pod.startsWith(`${job}-collector-`);
  const body = {
    ...placeOf(job, flags),
    collectors: pods.filter(isCollector),
    learners: pods.filter((pod) => !isCollector(pod)),
  };
  const purpose = `restart replicas of DIJob ${flags.namespace}/${job}`;
  const question: Question = { method: "POST", path: `${PATH}/failed`, body, purpose };
  show(await ask(flags, question, signal), flags, print);
}

function placeOf(job: string, { namespace }: ReplicaFlags) {
  return { namespace, coordinator: coordinatorName(job) };
}

async function ask(
  { server, token }: ReplicaFlags,
  { method, path, body, purpose }: Question,
  signal: AbortSignal,
): Promise<Data> {
  const fail = (why: string): never => {
    throw new CommandFailure(`Cannot ${purpose}: ${why}`);
  };
  const { status, text } = await send();
  const answer = ANSWER.safeParse(jsonOf(text)).data;
  if (answer === undefined) {
    return fail(`${server} (--server) is no DI-orchestrator server: it answers HTTP ${status}`);
  }
  return answer.success ? answer.data : fail(answer.message);

  async function send() {
    try {
      const response = await fetch(server + path, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS)]),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      return fail(`no answer from ${server} (--server): ${textOf(error)}`);
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The innermost cause: `fetch` itself says no more than that it failed. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : textOf(error.cause);
}

function show(
  data: Data,
  { output }: ReplicaFlags,
  print: (line: string) => void,
  { asked, learner } = { asked: "COORDINATOR", learner: "learner" },
): void {
  if (output === "json") return print(JSON.stringify(data, null, 2));
  const sets = "namespace" in data ? [data] : data;
  const rows = sets.flatMap(({ namespace, coordinator, collectors, learners }) => [
    ...(collectors ?? []).map((address) => [namespace, coordinator, "collector", address]),
    ...(learners ?? []).map((address) => [namespace, coordinator, learner, address]),
  ]);
  if (rows.length === 0) return print("No replicas.");
  for (const line of tableOf(["NAMESPACE", asked, "ROLE", "ADDRESS"], rows)) print(line);
}
