/** Commands beside a container's process, as the kubelet's endpoint runs them for `kubectl exec`. */
import type { RunningPlace } from "./container.ts";
import { planCommand } from "./container_start.ts";
import {
  badRequestResponse,
  type EndpointRequest,
  type EndpointRoute,
  textResponse,
  type Upgrade,
} from "./endpoint.ts";
import { type ContainerPlace, parseContainerPlace } from "./log_endpoint.ts";
import { startStreamedProcess, type StreamedProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";
import { ContainerRefusal } from "./refusal.ts";
import type { WebSocketConnection } from "./websocket.ts";

/** A running container, or why there is none. */
export type ExecLookup =
  | { readonly kind: "running"; readonly place: RunningPlace }
  | { readonly kind: "noPod" }
  | { readonly kind: "notRunning" };

/** What a command is run for. */
interface ExecRequest {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The first byte of each message says what it carries. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;
/** Those that carry an exit code; from 5 on a client can end its input alone. */
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/** Why a client gets no terminal. */
const NO_TERMINAL = "this node runs commands without a terminal: leave out -t";
const NO_PROTOCOL =
  `this node speaks ${
    PROTOCOLS.join(" and ")
  } over a WebSocket, not SPDY: kubectl must be 1.31 or ` +
  "newer, and a kube-apiserver 1.36 or newer";

/** `/exec/NAMESPACE/POD/CONTAINER?command=…&input=1&output=1&error=1` */
export function execRoute(
  lookup: (where: ContainerPlace) => ExecLookup,
  reaper: Reaper,
): EndpointRoute {
  return { methods: ["GET", "POST"], answer: (request) => answerExec(request, lookup, reaper) };
}

/** A path whose requests are all turned down, with a text for the user. */
export function refusingRoute(text: string): EndpointRoute {
  return { methods: ["GET", "POST"], answer: () => badRequestResponse(text) };
}

function answerExec(
  { segments, query, protocols }: EndpointRequest,
  lookup: (where: ContainerPlace) => ExecLookup,
  reaper: Reaper,
): Response | Upgrade {
  const where = parseContainerPlace(segments);
  if (where === undefined) return textResponse(404, "404 page not found");
  const found = lookup(where);
  if (found.kind === "noPod") return textResponse(404, "pod does not exist");
  if (found.kind === "notRunning") {
    return textResponse(404, `container not found ("${where.container}")`);
  }
  const request = parseExecRequest(query);
  if (isSet(query, "tty")) return badRequestResponse(NO_TERMINAL);
  if (!request.stdin && !request.stdout && !request.stderr) {
    return badRequestResponse("you must specify at least 1 of stdin, stdout, stderr");
  }
  if (request.command.length === 0) {
    return badRequestResponse("you must specify at least one command for the container");
  }
  const protocol = PROTOCOLS.find((name) => protocols?.includes(name));
  if (protocol === undefined) return badRequestResponse(NO_PROTOCOL);
  return { protocol, run: (connection) => runCommand(request, found.place, reaper, connection) };
}

function parseExecRequest(query: URLSearchParams): ExecRequest {
  return {
    command: query.getAll("command"),
    stdin: isSet(query, "input"),
    stdout: isSet(query, "output"),
    stderr: isSet(query, "error"),
  };
}

function isSet(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === "1" || value === "true";
}

async function runCommand(
  request: ExecRequest,
  place: RunningPlace,
  reaper: Reaper,
  connection: WebSocketConnection,
): Promise<void> {
  const started = await startCommand(request, place, reaper, connection);
  if (started instanceof ContainerRefusal) {
    const reading = discardInput(connection);
    await sendStatus(connection, failureStatus(started.message));
    await connection.close();
    return await reading;
  }
  const over = new AbortController();
  const stop = AbortSignal.any([connection.gone, place.ended]);
  const kill = () => over.signal.aborted || started.signal("SIGKILL");
  stop.addEventListener("abort", kill, { once: true });
  if (stop.aborted) kill();
  const reading = passInput(connection, started.stdin);
  const exitCode = await started.exited;
  over.abort();
  stop.removeEventListener("abort", kill);
  await sendStatus(connection, exitStatus(exitCode));
  await connection.close();
  await reading;
  await started.stdin.abort().catch(() => {});
}

/** Starts the command, its output on its way; or says why it cannot be started. */
async function startCommand(
  { command, stdin, stdout, stderr }: ExecRequest,
  { plan }: RunningPlace,
  reaper: Reaper,
  connection: WebSocketConnection,
): Promise<StreamedProcess | ContainerRefusal> {
  const sender = (channel: number, isWanted: boolean) => (data: Uint8Array) =>
    isWanted ? connection.send(Uint8Array.of(channel), data) : undefined;
  try {
    return await startStreamedProcess({
      ...await planCommand(command, plan),
      hasStdin: stdin,
      onStdout: sender(CHANNEL.stdout, stdout),
      onStderr: sender(CHANNEL.stderr, stderr),
    }, reaper);
  } catch (error) {
    if (error instanceof ContainerRefusal) return error;
    throw error;
  }
}

/** Hands the client's input on, until the client ends it or is gone. */
async function passInput(
  connection: WebSocketConnection,
  stdin: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  let channel: number | undefined;
  for await (const { isStart, bytes } of connection.messages()) {
    if (isStart) channel = undefined;
    const isFirst = channel === undefined;
    channel ??= bytes[0];
    const content = isFirst ? bytes.subarray(1) : bytes;
    if (content.length === 0) continue;
    try {
      if (channel === CHANNEL.stdin) await stdin.write(content);
      if (channel === CHANNEL.close && content[0] === CHANNEL.stdin) await stdin.close();
    } catch {
      // The process takes no more input: its exit code follows.
    }
  }
}

async function discardInput(connection: WebSocketConnection): Promise<void> {
  for await (const _part of connection.messages());
}

/** What a client is told at the end. */
interface ExecStatus {
  readonly metadata: Record<string, never>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: unknown;
  readonly code?: number;
}

function exitStatus(exitCode: number): ExecStatus {
  if (exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}

function failureStatus(why: string): ExecStatus {
  return {
    metadata: {},
    status: "Failure",
    message: `Internal error occurred: error executing command in container: ${why}`,
    reason: "InternalError",
    code: 500,
  };
}

function sendStatus(connection: WebSocketConnection, status: ExecStatus): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(status));
  return connection.send(Uint8Array.of(CHANNEL.status), bytes);
}
