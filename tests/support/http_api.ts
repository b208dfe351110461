/** The API of a cluster as plain HTTP: nothing is read into the requests or the answers. */
import type { ClusterConfig } from "../../src/kube/mod.ts";
import { linesOf } from "../../src/lib/lines.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON, or the text where it is none or empty. */
  readonly body: unknown;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query below the server's URL. */
  readonly path: string;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long an answer, or the next line of a stream, may take, in ms. */
const ANSWER_LIMIT_MS = 15_000;

export class HttpApi {
  readonly #config: ClusterConfig;
  readonly #http: Deno.HttpClient;

  constructor(config: ClusterConfig) {
    this.#config = config;
    this.#http = Deno.createHttpClient({
      ...(config.caPem !== undefined && { caCerts: [config.caPem] }),
    });
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const response = await this.#fetch(request, AbortSignal.timeout(ANSWER_LIMIT_MS));
    const text = await response.text();
    const isJson = /^application\/(json|.*\+json)/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== "" ? JSON.parse(text) : text,
    };
  }

  /** The parsed lines of a streamed answer, until `signal` aborts or the server ends it. */
  async *lines(
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): AsyncGenerator<unknown> {
    const response = await this.#fetch({ method: "GET", path, headers }, signal);
    if (response.body === null) return;
    for await (const line of linesOf(response.body, { signal })) yield JSON.parse(line);
  }

  close(): void {
    this.#http.close();
  }

  #fetch({ method, path, body, headers }: HttpRequest, signal: AbortSignal): Promise<Response> {
    const token = this.#config.token?.();
    return fetch(this.#config.server + path, {
      client: this.#http,
      method,
      signal,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }
}
