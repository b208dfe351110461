/** The embedded Kubernetes-compatible API server: HTTPS on loopback, everything in memory. */
import { stringify as stringifyYaml } from "yaml";
import { sleep } from "../../lib/abort.ts";
import { listenError, parseBindAddress } from "../../lib/listen.ts";
import { loggerOf } from "../../lib/logger.ts";
import { makeCertificate } from "../certificate.ts";
import { ApiServer } from "./server.ts";
import { startTlsFront, type TlsFront } from "./tls_front.ts";
import { startUpgradeRelay, wantsStream } from "./upgrade_relay.ts";

/** How long a stop waits for requests at work, in ms. */
const DRAIN_LIMIT_MS = 1000;

export interface ApiServerOptions {
  /** `HOST:PORT`; port 0 takes a free one. Default `127.0.0.1:0`. */
  readonly bindAddress?: string;
  /** The bearer token that clients must send. Default: a random one. */
  readonly token?: string;
}

export interface RunningApiServer {
  /** `https://HOST:PORT` */
  readonly url: string;
  /** The certificate that clients must trust, PEM. */
  readonly caPem: string;
  readonly token: string;
  /** A kubeconfig as YAML: server, authority, token, current context. */
  kubeconfig(): string;
  /** Answers a request without the network. */
  handle(request: Request): Promise<Response>;
  /** Resolves when what follows from past requests (garbage collection, namespaces) is done. */
  idle(): Promise<void>;
  /** Ends watches and the listener. */
  stop(): Promise<void>;
}

/**
 * Starts an API server with an empty cluster.
 *
 * @throws {Error} One line that names the address, when it cannot be listened on.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<RunningApiServer> {
  const bindAddress = options.bindAddress ?? "127.0.0.1:0";
  const { hostname, port } = parseBindAddress(bindAddress);
  const token = options.token ?? randomToken();
  const hosts = isWildcard(hostname) ? [] : [hostname];
  const { certPem, keyPem, caPem } = await makeCertificate("di-orchestrator apiserver", hosts);
  const api = new ApiServer({
    token,
    kubeletToken: randomToken(),
    log: loggerOf("devcluster", "apiserver"),
  });
  // Deno would print a line of its own without `onListen`.
  const plain = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(plain, (request) => api.handle(request));
  const relay = await startUpgradeRelay((request) => api.handle(request));
  const targetOf = (start: Uint8Array) => {
    const isStream = wantsStream(start);
    return isStream === undefined ? undefined : isStream ? relay.address : server.addr;
  };
  let front: TlsFront;
  try {
    front = await startTlsFront({ hostname, port, certPem, keyPem, targetOf });
  } catch (error) {
    api.stop();
    await relay.stop();
    await server.shutdown();
    throw listenError(bindAddress, error);
  }
  const host = isWildcard(hostname) ? "127.0.0.1" : hostname;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${front.port}`;
  const url = `https://${authority}`;
  api.address = authority;
  return {
    url,
    caPem,
    token,
    kubeconfig: () => kubeconfigText({ url, caPem, token }),
    handle: (request) => api.handle(request),
    idle: () => api.idle(),
    async stop() {
      api.stop();
      const drained = server.shutdown();
      const limit = new AbortController();
      // Answers at work get their end through; who does not read it is cut off.
      await Promise.race([drained, sleep(DRAIN_LIMIT_MS, limit.signal)]);
      limit.abort();
      await relay.stop();
      await front.stop();
      await drained;
    },
  };
}

const CONTEXT = "di-orchestrator";

function kubeconfigText(
  { url, caPem, token }: { url: string; caPem: string; token: string },
): string {
  return stringifyYaml({
    apiVersion: "v1",
    kind: "Config",
    "current-context": CONTEXT,
    clusters: [{
      name: CONTEXT,
      cluster: { server: url, "certificate-authority-data": btoa(caPem) },
    }],
    users: [{ name: CONTEXT, user: { token } }],
    contexts: [{
      name: CONTEXT,
      context: { cluster: CONTEXT, user: CONTEXT, namespace: "default" },
    }],
  }, { lineWidth: 0 });
}

function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
