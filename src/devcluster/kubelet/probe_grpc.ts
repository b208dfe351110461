/** The gRPC health protocol (`grpc.health.v1.Health/Check`), as far as a probe needs it. */
import http2 from "node:http2";

/** What a server says of its service, by the number on the wire. */
const STATES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** The gRPC status of a method that the server does not have. */
const UNIMPLEMENTED = "12";

/**
 * Asks a server for the health of `service`; the empty name means the server itself.
 *
 * @returns What is wrong; undefined when it serves.
 */
export async function checkHealth(
  address: string,
  service: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { body, status, message } = await call(address, service, signal);
    if (status === UNIMPLEMENTED) {
      return "this server does not implement the grpc health protocol " +
        `(grpc.health.v1.Health): ${message}`;
    }
    if (status !== "0") return `service unhealthy (grpc status ${status}: ${message})`;
    const state = STATES[stateOf(body)] ?? "UNKNOWN";
    return state === "SERVING" ? undefined : `service unhealthy (responded with "${state}")`;
  } catch (error) {
    const why = signal.aborted ? "context deadline exceeded" : textOf(error);
    return `failed to connect service "${address}": ${why}`;
  }
}

interface Answer {
  readonly body: Uint8Array;
  readonly status: string;
  readonly message: string;
}

function call(address: string, service: string, signal: AbortSignal): Promise<Answer> {
  const session = http2.connect(`http://${address}`);
  let give = () => {};
  return new Promise<Answer>((resolve, reject) => {
    give = () => reject(signal.reason);
    if (signal.aborted) return give();
    signal.addEventListener("abort", give, { once: true });
    session.on("error", reject);
    const request = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const pieces: Uint8Array[] = [];
    let tail: Readonly<Record<string, unknown>> = {};
    // Errors come without a body: their status is in the only headers then.
    request.on("response", (headers) => tail = { ...headers, ...tail });
    request.on("trailers", (trailers) => tail = { ...tail, ...trailers });
    request.on("data", (piece: Uint8Array) => pieces.push(piece));
    request.on("error", reject);
    request.once("end", () => {
      resolve({
        body: Uint8Array.from(pieces.flatMap((piece) => [...piece])),
        status: String(tail["grpc-status"] ?? "2"),
        message: decodedText(String(tail["grpc-message"] ?? "")),
      });
    });
    request.end(requestOf(service));
  }).finally(() => {
    signal.removeEventListener("abort", give);
    session.destroy();
  });
}

/** A message in its frame: no compression, length, then field 1 with the service's name. */
function requestOf(service: string): Uint8Array {
  const name = new TextEncoder().encode(service);
  const message = name.length === 0 ? [] : [0x0a, name.length, ...name];
  return Uint8Array.from([0, 0, 0, 0, message.length, ...message]);
}

/** Field 1 of the answer, a small number; 0 is left out on the wire. */
function stateOf(body: Uint8Array): number {
  return body[5] === 0x08 ? body[6] ?? 0 : 0;
}

/** Percent-encoded text; as it is where a server has not encoded it. */
function decodedText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
