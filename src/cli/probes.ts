/** What each process says of itself over HTTP: `/healthz`, `/readyz` and `/metrics`. */
import { answerHealth, type HealthCheck } from "../lib/health.ts";
import { type Listener, startListener } from "../lib/listen.ts";

export interface ProbeOptions {
  /** `0` for none. The two may be the same. */
  readonly healthProbeBindAddress?: string;
  readonly metricsBindAddress: string;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** What has to hold for the process to be ready. */
  readonly checks?: readonly HealthCheck[];
}

const PING: HealthCheck = { name: "ping", failure: () => undefined };

/** Starts the listeners. @throws {ListenError} If an address cannot be had. */
export function startProbes(
  { healthProbeBindAddress = "0", metricsBindAddress, metrics, checks = [] }: ProbeOptions,
): Listener[] {
  const answer = async (request: Request) => {
    const url = new URL(request.url);
    if (url.pathname === "/metrics") {
      return new Response(await metrics.text(), {
        headers: { "content-type": metrics.contentType },
      });
    }
    return answerHealth(url, "/healthz", [PING]) ??
      answerHealth(url, "/readyz", [PING, ...checks]) ??
      new Response("404 page not found\n", { status: 404 });
  };
  const addresses = new Set([healthProbeBindAddress, metricsBindAddress]);
  addresses.delete("0");
  return [...addresses].map((address) => startListener(address, answer));
}
