import { deepStrictEqual, rejects } from "node:assert/strict";
import { eventually } from "./eventually.ts";
import { RecordedClient, recordedPodName } from "./recorded_client.ts";
import { startPolling } from "./recorded_polling.ts";

const DATA = {
  namespace: "rl",
  coordinator: "pong-coordinator",
  collectors: ["pong-collector-4gk7x.rl:80"],
  learners: ["pong-learner-h6t9c.rl:80"],
};

/** One request as it came over the wire, headers in the order sent. */
interface WireRequest {
  readonly first: string;
  readonly headers: string[];
  readonly body: string;
}

/** Answers each connection with the next text, or drops it for `undefined`; collects the requests. */
async function withWire(
  answers: (string | undefined)[],
  use: (client: RecordedClient, seen: WireRequest[]) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen: WireRequest[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      seen.push(await readRequest(connection));
      const answer = answers.shift();
      if (answer !== undefined) await connection.write(new TextEncoder().encode(answer));
      connection.close();
    }
  })();
  using client = new RecordedClient({
    server: `127.0.0.1:${listener.addr.port}`,
    namespace: "rl",
    coordinator: "pong-coordinator",
    retryWaitMs: 5,
    busyWaitMs: 5,
  });
  try {
    await use(client, seen);
  } finally {
    listener.close();
    await serving;
  }
}

async function readRequest(connection: Deno.Conn): Promise<WireRequest> {
  let text = "";
  const chunk = new Uint8Array(4096);
  while (true) {
    const [head = "", body] = text.split("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? NaN);
    if (body !== undefined && body.length >= length) {
      const [first = "", ...headers] = head.split("\r\n");
      return { first, headers, body };
    }
    const count = await connection.read(chunk);
    if (count === null) return { first: text, headers: [], body: "" };
    text += new TextDecoder().decode(chunk.subarray(0, count));
  }
}

function answer(success: boolean, status = 200, data: unknown = DATA): string {
  const body = JSON.stringify({ success, code: success ? 0 : 1, message: "m", data });
  return `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}

Deno.test("requests are those that DI-engine was seen to send", () =>
  withWire(Array.from({ length: 4 }, () => answer(true)), async (client, seen) => {
    await client.getReplicas();
    await client.postReplicas({ collectors: { replicas: 2, cpus: "1", gpus: "0", memory: "1Gi" } });
    await client.deleteReplicas({ collectors: 1 });
    await client.reportFailed({ learners: DATA.learners });
    const self = '"namespace": "rl", "coordinator": "pong-coordinator"';
    deepStrictEqual(seen.map(({ first, body }) => [first, body]), [
      ["GET /v1alpha1/replicas?namespace=rl&coordinator=pong-coordinator HTTP/1.1", "{}"],
      [
        "POST /v1alpha1/replicas HTTP/1.1",
        `{"collectors": {"replicas": 2, "cpus": "1", "gpus": "0", "memory": "1Gi"}, ${self}}`,
      ],
      [
        "DELETE /v1alpha1/replicas HTTP/1.1",
        `{${self}, "collectors": {"replicas": 1}, "learners": {"replicas": 0}}`,
      ],
      [
        "POST /v1alpha1/replicas/failed HTTP/1.1",
        `{${self}, "collectors": [], "learners": ["pong-learner-h6t9c"]}`,
      ],
    ]);
    deepStrictEqual(seen[0]?.headers.map((each) => each.replace(/:\d+$/, ":PORT")), [
      "Host: 127.0.0.1:PORT",
      "User-Agent: python-requests/2.34.2",
      "Accept-Encoding: gzip, deflate",
      "Accept: */*",
      "Connection: keep-alive",
      "Content-Length: 2",
    ]);
  }));

Deno.test("a lost connection is tried again, a status is not", () =>
  withWire([undefined, undefined, answer(true), answer(false, 404)], async (client, seen) => {
    deepStrictEqual(await client.getReplicas(), {
      status: 200,
      success: true,
      code: 0,
      message: "m",
      data: DATA,
    });
    await rejects(client.getReplicas(), { name: "RecordedClientError", status: 404 });
    deepStrictEqual(seen.length, 4);
  }));

Deno.test("six lost connections end it", () =>
  withWire([], async (client, seen) => {
    await rejects(client.getReplicas(), { name: "RecordedClientError", status: undefined });
    deepStrictEqual(seen.length, 6);
  }));

Deno.test("the first request is sent again while there is no success", () =>
  withWire([answer(false, 200, null), answer(true)], async (client, seen) => {
    deepStrictEqual((await client.postReplicas({})).data, DATA);
    deepStrictEqual(seen.length, 2);
  }));

Deno.test("a compressed answer is read", async () => {
  const data = { ...DATA, collectors: Array.from({ length: 50 }, () => DATA.collectors[0]) };
  const body = { success: true, code: 0, message: "m", data };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json(body),
  );
  using client = new RecordedClient({
    server: `http://127.0.0.1:${server.addr.port}`,
    namespace: "rl",
    coordinator: "pong-coordinator",
  });
  deepStrictEqual(await client.getReplicas(), { status: 200, ...body });
  await server.shutdown();
});

Deno.test("polling reports what has failed, and dies of a status in silence", () =>
  withWire([answer(true), answer(true), answer(true), answer(false, 500)], async (client, seen) => {
    const polling = startPolling(client, { pollWaitMs: 5 });
    polling.markFailed("learners", "pong-learner-h6t9c.rl:80");
    await eventually("the loop to die", () => polling.error, { intervalMs: 5 });
    await polling.stop();
    deepStrictEqual(polling.current, { collectors: DATA.collectors, learners: DATA.learners });
    deepStrictEqual(seen.map(({ first }) => first.split(/[ ?]/).slice(0, 2).join(" ")), [
      "GET /v1alpha1/replicas",
      "POST /v1alpha1/replicas/failed",
      "GET /v1alpha1/replicas",
      "GET /v1alpha1/replicas",
    ]);
  }));

Deno.test("polling connects to what is new, reports what it cannot connect to, and forgets what is gone", () =>
  withWire(
    [
      answer(true),
      answer(true),
      answer(true, 200, { ...DATA, collectors: [] }),
      answer(false, 500),
    ],
    async (client, seen) => {
      let tries = 0;
      const polling = startPolling(client, {
        pollWaitMs: 5,
        connectWaitMs: 1,
        connectLimitMs: 20,
        connect(kind) {
          if (kind === "collectors" && ++tries > 1) return Promise.resolve();
          return Promise.reject(new Error("refused"));
        },
      });
      await eventually("a connection", () => polling.connected.collectors.length, {
        intervalMs: 1,
      });
      await eventually("the loop to die", () => polling.error, { intervalMs: 5 });
      await polling.stop();
      deepStrictEqual(polling.connected, { collectors: [], learners: [] });
      deepStrictEqual(
        seen.map(({ first, body }) => [first.split(" ")[0], JSON.parse(body).learners]),
        [
          ["GET", undefined],
          ["POST", ["pong-learner-h6t9c"]],
          ["GET", undefined],
          ["POST", ["pong-learner-h6t9c"]],
        ],
      );
    },
  ));

Deno.test("polling dies when it cannot take leave of a replica that is gone", () =>
  withWire([answer(true), answer(true, 200, { ...DATA, learners: [] })], async (client, seen) => {
    const error = new Error("refused");
    const disconnect = () => Promise.reject(error);
    const polling = startPolling(client, { pollWaitMs: 5, disconnect });
    await eventually("the loop to die", () => polling.error, { intervalMs: 5 });
    await polling.stop();
    deepStrictEqual([polling.error, seen.length], [error, 2]);
  }));

Deno.test("a list of null kills polling", () =>
  withWire([answer(true, 200, { ...DATA, learners: null })], async (client) => {
    const polling = startPolling(client, { pollWaitMs: 5 });
    await eventually("the loop to die", () => polling.error, { intervalMs: 5 });
    await polling.stop();
    deepStrictEqual(polling.current, undefined);
  }));

Deno.test("recordedPodName() cuts off port and namespace", () => {
  deepStrictEqual(recordedPodName("pong-learner-h6t9c.rl:80"), "pong-learner-h6t9c");
});
