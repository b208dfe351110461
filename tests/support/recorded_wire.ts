/**
 * Requests byte for byte as DI-engine 0.5.3 sends them, by Python's `requests` 2.34: the same headers in
 * the same order and no Content-Type, a body even on GET, in a packet after the headers, JSON with Python's
 * spaces, one connection that is kept. No time limit, as there.
 */
import { Buffer } from "node:buffer";
import { Agent, request } from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";

/** One answer, whatever its status. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One request. */
export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Sent as it is. */
  readonly body: string;
}

/** Connections to one server; `close()` ends them. */
export class WireSession implements Disposable {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: string;
  readonly #proxy: string | undefined;

  /**
   * @param server `host:port`, or the URL of one.
   * @param proxy URL of a forward proxy, which stands in for the name resolution that Python programs
   *   get in a pod of `dev`.
   */
  constructor(server: string, proxy?: string) {
    this.#server = server.replace(/^http:\/\//, "");
    this.#proxy = proxy?.replace(/^http:\/\//, "");
  }

  /** Rejects when the connection is refused, is lost, or the answer breaks off. */
  send({ method, path, body }: WireRequest): Promise<WireAnswer> {
    const [host, port] = (this.#proxy ?? this.#server).split(":");
    const bytes = new TextEncoder().encode(body);
    const headers = {
      "Host": this.#server,
      "User-Agent": "python-requests/2.34.2",
      "Accept-Encoding": "gzip, deflate",
      "Accept": "*/*",
      "Connection": "keep-alive",
      "Content-Length": bytes.length,
    };
    const target = this.#proxy === undefined ? path : `http://${this.#server}${path}`;
    return new Promise((resolve, reject) => {
      // `fetch` neither sends a body with GET nor leaves headers alone.
      const sent = request(
        { agent: this.#agent, host, port, method, path: target, headers },
        (response) => {
          const chunks: Uint8Array[] = [];
          response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
          response.on("error", reject);
          response.on("aborted", () => reject(new Error("the answer was cut short")));
          response.on("end", () => {
            const text = decode(Buffer.concat(chunks), response.headers["content-encoding"]);
            resolve({
              status: response.statusCode ?? 0,
              headers: headersOf(response.rawHeaders),
              text,
            });
          });
        },
      );
      sent.on("error", reject);
      sent.flushHeaders();
      sent.end(bytes);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** JSON as Python's `json.dumps` writes it: spaces after `,` and `:`, everything beyond ASCII escaped. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    return `{${
      entries.map(([key, each]) => `${pythonJson(key)}: ${pythonJson(each)}`).join(", ")
    }}`;
  }
  return JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at < raw.length; at += 2) headers.append(raw[at] ?? "", raw[at + 1] ?? "");
  return headers;
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  if (encoding === "gzip") return gunzipSync(bytes).toString();
  if (encoding === "deflate") return inflateSync(bytes).toString();
  return bytes.toString();
}
