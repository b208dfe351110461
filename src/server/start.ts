/** Starts and stops the server. */
import type { GpuAllocPolicy } from "../allocation/mod.ts";
import type { KubeClient, ObjectKey } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { type RequestOrigin, startListener } from "../lib/listen.ts";
import type { Logger } from "../lib/logger.ts";
import { type CallerCheck, CallerGuard, type CallerResult } from "./caller.ts";
import { undoAddition } from "./create.ts";
import { RequestLedger } from "./ledger.ts";
import type { RecordedWork } from "./records.ts";
import { DEFAULT_LIMITS, type Limits } from "./replica_routes.ts";
import { buildApp, type RequestReport } from "./routes.ts";
import { runSweeper } from "./sweeper.ts";
import { ClusterView } from "./view.ts";

/** An API server that is away for longer does not keep the server from being ready, in ms. */
const READY_AFTER_MS = 3000;
/** How long requests may go on once the server is to stop, in ms. */
const DRAIN_MS = 10_000;

export interface ServerOptions {
  readonly client: KubeClient;
  /** `host:port`, `:port` or `[ipv6]:port`; port 0 takes any free one. */
  readonly bindAddress: string;
  /** What replicas find in `KUBERNETES_SERVER_URL`: `di-server.di-system:8080`. */
  readonly serverAddress: string;
  /** The AggregatorConfig that aggregators of multi-GPU learners are made from. */
  readonly agconfig: ObjectKey;
  /** Default `simple`. */
  readonly gpuAllocPolicy?: GpuAllocPolicy;
  /** Namespace of the records of requests at work; default `di-system`. */
  readonly recordNamespace?: string;
  /** Default `off`. */
  readonly callerCheck?: CallerCheck;
  readonly limits?: Partial<Limits>;
  /** Of the program, for `/openapi.json`. */
  readonly version?: string;
  readonly log: Logger;
  /** Told of every answered request. */
  readonly onRequest?: (report: RequestReport) => void;
  /** Told of every caller that was looked at. */
  readonly onCallerCheck?: (result: CallerResult) => void;
}

export interface RunningServer {
  /** Reaches the server from this machine. */
  readonly url: string;
  /** Answers a request without the network. @param address IP address of the caller; default 127.0.0.1. */
  handle(request: Request, address?: string): Promise<Response>;
  /** Takes no new connections, gives requests 10 s to finish, and ends. */
  stop(): Promise<void>;
}

/**
 * Starts to listen, and only then to fill the caches: an answer is always better than a refusal.
 *
 * @throws {ListenError} If it cannot listen; the message is one line that names the address.
 */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return Promise.try(openServer, options);
}

function openServer(options: ServerOptions): RunningServer {
  const { client, serverAddress, log } = options;
  const view = new ClusterView(client);
  const lifetime = new AbortController();
  let isReady = false;
  const deps = {
    client,
    view,
    log,
    serverAddress,
    agconfig: options.agconfig,
    gpuAllocPolicy: options.gpuAllocPolicy ?? "simple",
    lifetime: lifetime.signal,
  };
  const ledgerOptions = {
    client,
    namespace: options.recordNamespace ?? "di-system",
    holder: crypto.randomUUID(),
    log,
    lifetime: lifetime.signal,
    undo: async (work: RecordedWork, signal: AbortSignal) => {
      if (work.kind === "add") await undoAddition(deps, work, signal);
    },
  };
  const ledger = new RequestLedger(ledgerOptions);
  const guard = new CallerGuard({
    client,
    view,
    mode: options.callerCheck ?? "off",
    log,
    onCheck: options.onCallerCheck ?? (() => {}),
  });
  const app = buildApp({
    deps,
    ledger,
    guard,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    version: options.version ?? "unknown",
    isReady: () => isReady,
    onRequest: options.onRequest ?? (() => {}),
  });
  const answer = async (request: Request, from: RequestOrigin) => await app.fetch(request, from);
  const listener = startListener(options.bindAddress, answer);
  log.info("Serving the allocation API", { url: listener.url });
  const watching = view.run(lifetime.signal, log);
  const sweeping = runSweeper({ ...ledgerOptions, ledger });
  const ready = Promise.race([view.filled(), sleep(READY_AFTER_MS, lifetime.signal)])
    .then(() => isReady = true);
  const end = async () => {
    await listener.drain(DRAIN_MS, () => lifetime.abort(new DOMException("The server stops")));
    await Promise.all([watching, sweeping, ready, ledger.settled()]);
  };
  let ended: Promise<void> | undefined;
  return {
    url: listener.url,
    handle: (request, address = "127.0.0.1") =>
      answer(request, { address, sent: Promise.resolve() }),
    stop: () => ended ??= end(),
  };
}
