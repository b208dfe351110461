/** What callers are told when the API server refuses or is away: what passes is no error. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ApiError, ConnectionError, KubeClient } from "../../src/kube/mod.ts";
import { AllocationStory, startTestServer } from "../support/allocation_story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

/** Has creations of pods fail after the first `good`. */
class RefusingClient extends KubeClient {
  readonly #error: Error;
  #good: number;

  constructor({ config }: KubeClient, error: Error, good: number) {
    super(config);
    this.#error = error;
    this.#good = good;
  }

  override request<T>(
    method: string,
    path: string,
    options: Parameters<KubeClient["request"]>[2],
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    const isPod = method === "POST" && /\/pods(\?|$)/.test(path);
    if (isPod && this.#good-- <= 0) return Promise.reject(this.#error);
    return super.request(method, path, options, body, contentType);
  }
}

interface Row {
  readonly error: Error;
  readonly status: number;
}

const ROWS: readonly Row[] = [
  { error: new ApiError(403, "Forbidden", "exceeded quota"), status: 200 },
  { error: new ApiError(409, "Conflict", "changed"), status: 200 },
  { error: new ApiError(429, "TooManyRequests", "slowly"), status: 200 },
  { error: new ApiError(500, "InternalError", "oh"), status: 200 },
  { error: new ApiError(503, "ServiceUnavailable", "soon"), status: 200 },
  { error: new ConnectionError("got no answer", undefined), status: 200 },
  { error: new ApiError(400, "BadRequest", "no such field"), status: 400 },
  { error: new ApiError(422, "Invalid", "spec.containers[0].image: Required"), status: 400 },
];

async function meet(row: Row): Promise<void> {
  await using story = await AllocationStory.open(cluster());
  const { namespace } = story;
  const client = new RefusingClient(story.client, row.error, 2);
  const server = await startTestServer(client);
  try {
    const answer = await story.post(
      { collectors: { replicas: 3 }, learners: { replicas: 1 } },
      server,
    );
    strictEqual(answer.headers.get("retry-after"), row.status === 200 ? "2" : null);
    deepStrictEqual(
      [answer.status, answer.success, answer.message.replace(/[012] of/g, "n of"), answer.data],
      [
        row.status,
        false,
        `created n of 3 collectors and n of 1 learners: ${row.error.message}; nothing of it was kept`,
        { namespace, coordinator: "demo-coordinator", collectors: [], learners: [] },
      ],
    );
    deepStrictEqual(await story.namesOf("collector"), []);
  } finally {
    await server.stop();
    client.close();
  }
}

// At once: what passes is tried again for some seconds.
Deno.test("a POST that the API server fails says what was missing, and leaves nothing", async () => {
  await Promise.all(ROWS.map(meet));
});
