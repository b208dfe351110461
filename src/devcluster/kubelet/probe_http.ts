/** HTTP requests to a container, as probes and hooks make them. */
import http from "node:http";
import https from "node:https";

export interface ProbeRequest {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** As a real kubelet introduces itself. */
const USER_AGENT = "kube-probe/1.36";
const REDIRECT_LIMIT = 10;

/**
 * Asks with GET and gives the status. Straight to the address, whatever proxies are set; certificates
 * are not checked; redirections are followed as long as they stay on the host.
 *
 * @throws {Error} If there is no answer; its message says why as a real kubelet does.
 */
export async function probeStatus(request: ProbeRequest, signal: AbortSignal): Promise<number> {
  let url = addressOf(request);
  try {
    for (let redirects = 0; redirects < REDIRECT_LIMIT; redirects++) {
      const { status, location } = await ask(url, request.headers, signal);
      const next = location === undefined ? undefined : URL.parse(location, url);
      // Where it sends others to is none of the container's health.
      if (next === undefined || next?.hostname !== url.hostname) return status;
      url = next;
    }
  } catch (error) {
    throw new Error(`Get "${url.href}": ${failureText(error, url, signal)}`, { cause: error });
  }
  throw new Error(`Get "${url.href}": stopped after ${REDIRECT_LIMIT} redirects`);
}

function addressOf({ scheme, host, port, path }: ProbeRequest): URL {
  const start = path.startsWith("/") ? "" : "/";
  return new URL(`${scheme.toLowerCase()}://${host}:${port}${start}${path}`);
}

function ask(
  url: URL,
  headers: ProbeRequest["headers"],
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly location: string | undefined }> {
  const sent: Record<string, string> = { "user-agent": USER_AGENT, accept: "*/*" };
  for (const [name, value] of headers) sent[name.toLowerCase()] = value;
  const options = { agent: false, headers: { ...sent, connection: "close" }, signal };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:"
      ? https.request(url, { ...options, rejectUnauthorized: false })
      : http.request(url, options);
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      const isMoved = status >= 300 && status < 400;
      resolve({ status, location: isMoved ? response.headers.location : undefined });
      response.destroy();
    });
    request.once("error", reject);
    request.end();
  });
}

function failureText(error: unknown, { hostname, port, protocol }: URL, signal: AbortSignal) {
  if (signal.aborted) {
    return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
  }
  const at = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return dialText(error, hostname, at) ?? (error instanceof Error ? error.message : String(error));
}

/** The words for a connection that was refused; undefined for any other error. */
export function dialText(error: unknown, host: string, port: number | string): string | undefined {
  const isRefused = error instanceof Deno.errors.ConnectionRefused ||
    (error instanceof Error && "code" in error && error.code === "ECONNREFUSED");
  return isRefused ? `dial tcp ${host}:${port}: connect: connection refused` : undefined;
}
