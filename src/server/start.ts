/** Starts and stops the server. */
import type { KubeClient, ObjectKey } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { startListener } from "../lib/listen.ts";
import type { Logger } from "../lib/logger.ts";
import { buildApp, DEFAULT_LIMITS, type Limits, type RequestReport } from "./routes.ts";
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
  readonly limits?: Partial<Limits>;
  readonly log: Logger;
  /** Told of every answered request. */
  readonly onRequest?: (report: RequestReport) => void;
}

export interface RunningServer {
  /** Reaches the server from this machine. */
  readonly url: string;
  /** Answers a request without the network. */
  handle(request: Request): Promise<Response>;
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
  const app = buildApp({
    deps: { client, view, log, serverAddress, lifetime: lifetime.signal },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    isReady: () => isReady,
    onRequest: options.onRequest ?? (() => {}),
  });
  const handle = async (request: Request) => await app.fetch(request);
  const listener = startListener(options.bindAddress, handle);
  log.info("Serving the allocation API", { url: listener.url });
  const watching = view.run(lifetime.signal, log);
  const ready = Promise.race([view.filled(), sleep(READY_AFTER_MS, lifetime.signal)])
    .then(() => isReady = true);
  const end = async () => {
    await listener.drain(DRAIN_MS, () => lifetime.abort(new DOMException("The server stops")));
    await Promise.all([watching, ready]);
  };
  let ended: Promise<void> | undefined;
  return { url: listener.url, handle, stop: () => ended ??= end() };
}
