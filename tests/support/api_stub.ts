/** Servers that play an API server's part in tests of whoever talks to one. */
import { type ClusterConfig, KubeClient } from "../../src/kube/mod.ts";

/** One request as the server got it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly type: string | null;
  readonly body: unknown;
}
/** `count` is 1 for the first request. */
export type Answer = (request: Request, count: number) => Response | Promise<Response>;

/** Gives `work` a client of a server that gives `answer`; `seen` is what the server was asked. */
export async function withServer(
  answer: Answer,
  work: (client: KubeClient, seen: SeenRequest[]) => Promise<void>,
  config: Partial<ClusterConfig> = {},
): Promise<void> {
  const seen: SeenRequest[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    seen.push({
      method: request.method,
      path: pathname + search,
      type: request.headers.get("content-type"),
      body: text === "" ? undefined : JSON.parse(text),
    });
    return await answer(request, seen.length);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const client = new KubeClient({ server: url, namespace: "default", ...config });
  try {
    await work(client, seen);
  } finally {
    client.close();
    await server.shutdown();
  }
}

/** A refusal as an API server words it. */
export function kubeStatus(code: number, reason: string, headers: HeadersInit = {}): Response {
  const body = { kind: "Status", status: "Failure", code, reason, message: `it is ${reason}` };
  return Response.json(body, { status: code, headers });
}

/**
 * Gives `work` a client of a server that cuts each connection after its request has come and
 * the next of `answers`, raw HTTP, has gone; an absent one: without any. `requests` counts.
 */
export async function withCuttingServer(
  answers: readonly (string | undefined)[],
  work: (client: KubeClient, requests: () => number) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(65_536));
      const answer = answers[count++];
      if (answer !== undefined) {
        await connection.write(new TextEncoder().encode(answer));
      }
      connection.close();
    }
  })();
  const client = new KubeClient({
    server: `http://127.0.0.1:${listener.addr.port}`,
    namespace: "default",
  });
  try {
    await work(client, () => count);
  } finally {
    client.close();
    listener.close();
    await serving;
  }
}

/** A raw answer for {@link withCuttingServer}; a `length` beyond the body's leaves it unfinished. */
export function rawAnswer(body: string, length: number = body.length): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n${body}`;
}
