import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { MockFailure } from "./failure.ts";
import { ReplicaClient, type ReplicaClientOptions } from "./replica_client.ts";

const LISTS = {
  namespace: "rl",
  coordinator: "pong-coordinator",
  collectors: ["pong-collector-4gk7x.rl:80"],
  learners: [],
};

function envelope(success: boolean, message = "done", status = 200): Response {
  return Response.json({ success, code: success ? 0 : 1, message, data: success ? LISTS : null }, {
    status,
  });
}

/** Serves the given answers one after the other while `use` runs; `use` gets a client for them. */
async function withAnswers(
  answers: Response[],
  use: (client: ReplicaClient, lines: string[]) => Promise<void>,
  options: Partial<ReplicaClientOptions> = {},
): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => answers.shift() ?? new Response("no more answers", { status: 500 }),
  );
  const lines: string[] = [];
  await use(clientOf(`http://127.0.0.1:${server.addr.port}`, lines, options), lines);
  await server.shutdown();
  strictEqual(answers.length, 0);
}

function clientOf(
  serverUrl: string,
  lines: string[],
  options: Partial<ReplicaClientOptions> = {},
): ReplicaClient {
  return new ReplicaClient({
    serverUrl,
    namespace: "rl",
    coordinator: "pong-coordinator",
    requestTimeoutMs: 1000,
    signal: new AbortController().signal,
    log: (line) => void lines.push(line),
    patience: { connectRetries: 2, connectWaitMs: 5, busyWaitMs: 5, busyLimitMs: 1000 },
    ...options,
  });
}

Deno.test("an answer without success is asked for again", () =>
  withAnswers([envelope(false, "caches are not filled"), envelope(true)], async (client, lines) => {
    deepStrictEqual(await client.getReplicas(), LISTS);
    deepStrictEqual(lines, ["the server cannot GET replicas now: caches are not filled"]);
  }));

Deno.test("an answer that stays without success ends the patience", () => {
  const patience = { connectRetries: 0, connectWaitMs: 0, busyWaitMs: 5, busyLimitMs: 0 };
  return withAnswers([envelope(false, "API server is away")], async (client) => {
    await rejects(
      client.getReplicas(),
      new MockFailure("serverBusy", "The server could not GET replicas: API server is away"),
    );
  }, { patience });
});

Deno.test("a gateway that cannot reach the server counts as no answer", () =>
  withAnswers([new Response("bad gateway", { status: 502 }), envelope(true)], async (client) => {
    deepStrictEqual(await client.getReplicas(), LISTS);
  }));

Deno.test.each([{ status: 400 }, { status: 404 }, { status: 500 }, { status: 503 }])(
  "status $status of the server itself ends it at once",
  ({ status }) =>
    withAnswers([envelope(false, "no", status)], async (client) => {
      await rejects(
        client.getReplicas(),
        new MockFailure(
          "serverRefused",
          `The server refused to GET replicas: status ${status}, no`,
        ),
      );
    }),
);

Deno.test("lists that were not touched are empty", () =>
  withAnswers(
    [Response.json({ success: true, code: 0, message: "", data: { ...LISTS, learners: null } })],
    async (client) => {
      deepStrictEqual(await client.deleteReplicas({ collectors: 1, learners: 0 }), LISTS);
    },
  ));

Deno.test("refused connections are tried again, and the last one is told", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const lines: string[] = [];
  await rejects(
    clientOf(`http://127.0.0.1:${port}`, lines).getReplicas(),
    (error) => error instanceof MockFailure && error.reason === "serverUnreachable",
  );
  deepStrictEqual(lines.map((line) => line.split("; ").at(-1)), ["retry 1 of 2", "retry 2 of 2"]);
});

Deno.test("a server that comes back within the retries is not noticed", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  let server: Deno.HttpServer | undefined;
  const client = clientOf(`http://127.0.0.1:${port}`, [], {
    log: () => {
      server ??= Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, () => envelope(true));
    },
  });
  deepStrictEqual(await client.getReplicas(), LISTS);
  await server?.shutdown();
});

Deno.test("an abort ends the waiting", async () => {
  const stop = new AbortController();
  const patience = { connectRetries: 0, connectWaitMs: 0, busyWaitMs: 60_000, busyLimitMs: 60_000 };
  await withAnswers([envelope(false, "busy")], async (client) => {
    await rejects(client.getReplicas(), { name: "AbortError" });
  }, { patience, signal: stop.signal, log: () => stop.abort() });
});
