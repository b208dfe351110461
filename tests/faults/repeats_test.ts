/** What counts once and what counts twice, through two copies of the server. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import {
  type CallOptions,
  KubeClient,
  type KubeList,
  type Lease,
  LEASES,
} from "../../src/kube/mod.ts";
import type { RunningServer } from "../../src/server/mod.ts";
import {
  AllocationStory,
  podNameOf,
  type ReplicaLists,
  startTestServer,
} from "../support/allocation_story.ts";
import { eventually } from "../support/eventually.ts";
import { SYSTEM_NAMESPACE, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

/** A client whose writes of pods wait while it is told to. */
class HeldClient extends KubeClient {
  #gate: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  letGo(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  override async request<T>(
    method: string,
    path: string,
    options: CallOptions,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    if (method !== "GET" && path.includes("/pods")) await this.#gate?.promise;
    return await super.request(method, path, options, body, contentType);
  }
}

/** Two copies of the server, one of which can be held up. */
class TwoCopies implements AsyncDisposable {
  readonly story: AllocationStory;
  readonly held: RunningServer;
  readonly other: RunningServer;
  readonly #client: HeldClient;

  private constructor(story: AllocationStory, held: RunningServer, client: HeldClient) {
    this.story = story;
    this.held = held;
    this.other = story.server;
    this.#client = client;
  }

  static async open(): Promise<TwoCopies> {
    const story = await AllocationStory.open(cluster());
    const client = new HeldClient(story.client.config);
    return new TwoCopies(story, await startTestServer(client), client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.letGo();
    await this.held.stop();
    this.#client.close();
    await this.story[Symbol.asyncDispose]();
  }

  /** Sends a request to the copy that can be held up, and hangs up while that is at work on it. */
  async sendAndHangUp(method: string, body: unknown, headers: HeadersInit = {}): Promise<void> {
    const before = (await this.records()).length;
    this.#client.hold();
    const hangUp = new AbortController();
    const sent = this.send(this.held, method, body, { headers, signal: hangUp.signal });
    await eventually("the record", async () => (await this.records()).length > before);
    hangUp.abort();
    await rejects(sent, { name: "AbortError" });
    // By the time that it has answered this, the copy has seen the caller go.
    await (await fetch(`${this.held.url}/healthz`)).body?.cancel();
    this.#client.letGo();
    await eventually("the record without a taker", async () => {
      const states = (await this.records()).map(({ metadata }) =>
        metadata.annotations?.["diengine.opendilab.org/state"]
      );
      return states.length > before && states.every((state) => state === "undelivered");
    });
  }

  async send(
    { url }: RunningServer,
    method: string,
    body: unknown,
    init: Pick<RequestInit, "headers" | "signal"> = {},
  ): Promise<string[]> {
    const response = await fetch(`${url}/v1alpha1/replicas`, {
      method,
      ...init,
      body: JSON.stringify({ ...this.place, ...body as object }),
    });
    const { success, data } = await response.json() as { success: boolean; data: ReplicaLists };
    strictEqual(success, true);
    return [...data.collectors, ...data.learners].map(podNameOf).sort();
  }

  get place() {
    return { namespace: this.story.namespace, coordinator: "demo-coordinator" };
  }

  async records(): Promise<readonly Lease[]> {
    const { client } = this.story;
    const { items }: KubeList<Lease> = await client.list(LEASES, { namespace: SYSTEM_NAMESPACE });
    return items;
  }

  async untilNoRecord(): Promise<void> {
    await eventually("the end of all records", async () => (await this.records()).length === 0);
  }
}

const TWO = { collectors: { replicas: 2 } };
const ONE = { collectors: { replicas: 1 } };

Deno.test.each([
  { through: "one copy", copies: ["other", "other"] as const },
  { through: "two copies", copies: ["other", "held"] as const },
])("equal requests that are each answered all count, through $through", async ({ copies }) => {
  await using two = await TwoCopies.open();
  for (const copy of copies) strictEqual((await two.send(two[copy], "POST", TWO)).length, 2);
  strictEqual((await two.story.namesOf("collector")).length, 4);
  const all = copies.map((copy) => two.send(two[copy], "POST", TWO));
  const given = (await Promise.all(all)).flat();
  strictEqual(new Set(given).size, 4);
  strictEqual((await two.story.namesOf("collector")).length, 8);
  const gone = (await Promise.all(copies.map((copy) => two.send(two[copy], "DELETE", TWO)))).flat();
  strictEqual(new Set(gone).size, 4);
  strictEqual((await two.story.namesOf("collector")).length, 4);
  await two.untilNoRecord();
});

Deno.test.each([
  { through: "the same copy", copy: "held" as const },
  { through: "another copy", copy: "other" as const },
])("a POST whose connection broke counts once when it comes again to $through", async (row) => {
  await using two = await TwoCopies.open();
  await two.sendAndHangUp("POST", TWO);
  const made = await two.story.namesOf("collector");
  strictEqual(made.length, 2);
  deepStrictEqual(await two.send(two[row.copy], "POST", TWO), made);
  deepStrictEqual(await two.story.namesOf("collector"), made);
  const more = await two.send(two[row.copy], "POST", TWO);
  deepStrictEqual(await two.story.namesOf("collector"), [...made, ...more].sort());
  await two.untilNoRecord();
});

Deno.test.each([
  { through: "the same copy", copy: "held" as const },
  { through: "another copy", copy: "other" as const },
])("a DELETE whose connection broke counts once when it comes again to $through", async (row) => {
  await using two = await TwoCopies.open();
  const before = await two.send(two.held, "POST", { collectors: { replicas: 4 } });
  await two.sendAndHangUp("DELETE", ONE);
  const left = await two.story.namesOf("collector");
  strictEqual(left.length, 3);
  const gone = await two.send(two[row.copy], "DELETE", ONE);
  deepStrictEqual(gone, before.filter((name) => !left.includes(name)));
  deepStrictEqual(await two.story.namesOf("collector"), left);
  strictEqual((await two.send(two[row.copy], "DELETE", ONE)).length, 1);
  strictEqual((await two.story.namesOf("collector")).length, 2);
  await two.untilNoRecord();
});

Deno.test("an Idempotency-Key tells repeats from other equal requests", async () => {
  await using two = await TwoCopies.open();
  const first = { "idempotency-key": "first" };
  await two.sendAndHangUp("POST", TWO, first);
  const made = await two.story.namesOf("collector");
  const others = await two.send(two.other, "POST", TWO, {
    headers: { "idempotency-key": "second" },
  });
  const unnamed = await two.send(two.other, "POST", TWO);
  deepStrictEqual(await two.send(two.other, "POST", TWO, { headers: first }), made);
  deepStrictEqual(
    await two.story.namesOf("collector"),
    [...made, ...others, ...unnamed].sort(),
  );
  await two.untilNoRecord();
});
