/** One request and what must come back, as rows of the suite's tables state them. */
import { eventually } from "../support/eventually.ts";
import type { HttpApi } from "../support/http_api.ts";
import { assertAnswer, type ExpectedAnswer, isRecord } from "./expected.ts";

/** An object as it travels. */
export interface ApiObject {
  readonly [field: string]: unknown;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
}

/** The object called so, or the list of that kind, as the row's latest answer that was it showed it. */
export type Seen = (name: string) => ApiObject;

/** A value, or how it follows from what was seen before. */
export type FromSeen<T> = T | ((seen: Seen) => T);

/** An object, a list of patch operations, or a text that is sent as it is. */
export type Body = Readonly<Record<string, unknown>> | readonly unknown[] | string;

export interface Exchange {
  /**
   * Method and path: `POST configmaps`, `GET diengine.opendilab.org/v1alpha1/dijobs/a`, both in the
   * row's own namespace; a path that starts with a slash is taken as it is.
   */
  readonly send: FromSeen<string>;
  readonly body?: FromSeen<Body>;
  /** Content type of the body; `merge`, `json`, `strategic` and `apply` name those of patches. */
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: FromSeen<Readonly<Record<string, string>>>;
  /** Absent: any success. A function may look at what was seen before. */
  readonly answers?: FromSeen<ExpectedAnswer>;
  /** Whether to ask again until the answer is as expected: what controllers do takes its time. */
  readonly eventually?: boolean;
}

const PATCH_TYPES: Readonly<Record<string, string>> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Where a row's exchanges take place, and what they have shown so far. */
export class Scene {
  readonly #objects = new Map<string, ApiObject>();

  constructor(readonly api: HttpApi, readonly namespace: string) {}

  readonly seen: Seen = (name) => {
    const object = this.#objects.get(name);
    if (object === undefined) throw new Error(`No answer has held an object called "${name}"`);
    return object;
  };

  /** The path on the server for a path of a row. */
  pathOf(path: string): string {
    if (path.startsWith("/")) return path;
    const [, groupVersion, rest] = /^([^/]+\/v[0-9][^/]*)\/(.*)$/.exec(path) ?? [];
    const base = groupVersion === undefined ? "/api/v1" : `/apis/${groupVersion}`;
    return `${base}/namespaces/${this.namespace}/${rest ?? path}`;
  }

  /** Sends and compares. @throws {AssertionError} If the answer is another. */
  async perform(exchange: Exchange): Promise<void> {
    if (!exchange.eventually) return await this.#once(exchange);
    await eventually(`the answer to ${exchange.send}`, () => this.#once(exchange).then(() => true));
  }

  async #once({ send, body, type, accept, headers, answers }: Exchange): Promise<void> {
    const line = this.resolve(send);
    const space = line.indexOf(" ");
    const answer = await this.api.send({
      method: line.slice(0, space),
      path: this.pathOf(line.slice(space + 1)),
      ...(body !== undefined && { body: this.resolve(body) }),
      headers: {
        ...(type !== undefined && { "content-type": PATCH_TYPES[type] ?? type }),
        ...(accept !== undefined && { accept }),
        ...this.resolve(headers ?? {}),
      },
    });
    const expected = answers === undefined
      ? { status: answer.status < 300 ? answer.status : 200 }
      : this.resolve(answers);
    assertAnswer(answer, expected);
    this.#remember(answer.body);
  }

  resolve<T>(value: FromSeen<T>): T {
    return isFunction(value) ? value(this.seen) : value;
  }

  #remember(body: unknown): void {
    if (!isRecord(body) || !isRecord(body["metadata"])) return;
    const object = { ...body, metadata: body["metadata"] };
    if (Array.isArray(body["items"])) this.#objects.set(String(body["kind"]), object);
    else this.#objects.set(String(body["metadata"]["name"]), object);
  }
}

function isFunction<T>(value: FromSeen<T>): value is (seen: Seen) => T {
  return typeof value === "function";
}
