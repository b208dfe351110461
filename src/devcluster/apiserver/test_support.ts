/** For tests: an API over an empty cluster, spoken to without a network. */
import { loggerOf } from "../../lib/logger.ts";
import { isObject, type JsonObject, objectOf } from "./json.ts";
import { ApiServer } from "./server.ts";

const TOKEN = "secret";

/** What came back. */
export interface Answer {
  readonly code: number;
  readonly body: JsonObject;
  readonly headers: Headers;
}

/** A server whose `call` sends one request and reads its whole answer. */
export class TestApi {
  readonly server = new ApiServer({
    token: TOKEN,
    kubeletToken: "kubelet",
    log: loggerOf("test"),
  });

  send(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<Response> {
    const all = new Headers({
      authorization: `Bearer ${TOKEN}`,
      ...Object.fromEntries(
        new Headers(headers),
      ),
    });
    if (body !== undefined && !all.has("content-type")) {
      all.set("content-type", "application/json");
    }
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.server.handle(
      new Request(`https://cluster${path}`, {
        method,
        headers: all,
        ...(body !== undefined && { body: text }),
      }),
    );
  }
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: HeadersInit = {},
  ): Promise<Answer> {
    const response = await this.send(method, path, body, headers);
    const text = await response.text();
    const parsed: unknown = text.startsWith("{") ? JSON.parse(text) : { text };
    return { code: response.status, body: objectOf(parsed), headers: response.headers };
  }
  merge(path: string, patch: unknown): Promise<Answer> {
    return this.call("PATCH", path, patch, { "content-type": "application/merge-patch+json" });
  }
  /** Names of all objects of a list. */
  async names(path: string): Promise<string[]> {
    const { body } = await this.call("GET", path);
    const items = Array.isArray(body.items) ? body.items : [];
    return items.filter(isObject).map(({ metadata }) => String(objectOf(metadata).name));
  }
}

/** The lines of a watch, one at a time. */
export class WatchReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #pending = "";

  constructor(response: Response) {
    if (response.body === null) throw new TypeError("A watch has a body");
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }
  /** The next line; undefined at the end. */
  async next(): Promise<JsonObject | undefined> {
    for (;;) {
      const end = this.#pending.indexOf("\n");
      if (end !== -1) {
        const line = this.#pending.slice(0, end);
        this.#pending = this.#pending.slice(end + 1);
        return objectOf(JSON.parse(line));
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#pending += value;
    }
  }
  /** `TYPE name` of the next line. */
  async nextEvent(): Promise<string | undefined> {
    const line = await this.next();
    if (line === undefined) return undefined;
    const object = objectOf(line.object);
    return `${line.type} ${objectOf(object.metadata).name ?? object.message}`;
  }
  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
