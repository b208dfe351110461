import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  type CoordinatorOptions,
  type MockIo,
  runAggregator,
  runCollector,
  runCoordinator,
  runLearner,
  type WorkerOptions,
} from "./mod.ts";
import { serveRole } from "./role_server.ts";
import type { ReplicaRole } from "./roster.ts";

/** What the server was asked, in short. */
type Call = readonly [method: string, path: string, body: Record<string, unknown>];
type Run = (options: WorkerOptions, io: MockIo) => Promise<number>;

/** A server that starts the real roles in this process and knows them by the names of pods. */
class FakeCluster {
  readonly calls: Call[] = [];
  readonly #ports = new Map<string, number>();
  readonly #stops = new Map<string, AbortController>();
  readonly #running: Promise<number>[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #names = 0;
  /** Answers that come before the true ones. */
  readonly surprises: Response[] = [];
  /** What new pods run. */
  readonly programs: Record<ReplicaRole, Run> = { collector: runCollector, learner: runLearner };

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  get serverUrl(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  urls = (kind: string): string[] =>
    [...this.#stops.keys()].filter((url) => url.startsWith(`pong-${kind}-`));

  resolve = (url: string): string => `127.0.0.1:${this.#ports.get(url) ?? 1}`;

  start(kind: string, run: Run): string {
    const name = `pong-${kind}-${++this.#names}`;
    const url = `${name}.rl:80`;
    const stop = new AbortController();
    this.#stops.set(url, stop);
    this.#running.push(run({ port: 0, name }, {
      log() {},
      signal: stop.signal,
      listening: (port) => void this.#ports.set(url, port),
    }));
    return url;
  }

  remove(url: string): string {
    this.#stops.get(url)?.abort();
    this.#stops.delete(url);
    return url;
  }

  async stop(): Promise<void> {
    for (const url of [...this.#stops.keys()]) this.remove(url);
    deepStrictEqual((await Promise.all(this.#running)).filter((code) => code !== 0), []);
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = request.method === "GET" ? {} : await request.json();
    strictEqual(request.headers.get("content-type"), null);
    if (request.method !== "GET") this.calls.push([request.method, pathname, body]);
    const surprise = this.surprises.shift();
    if (surprise !== undefined) return surprise;
    return this.#done(this.#act(request.method, pathname, body));
  }

  #act(method: string, path: string, body: Record<string, unknown>): Lists {
    if (method === "GET") {
      return { collectors: this.urls("collector"), learners: this.urls("learner") };
    }
    if (path.endsWith("/failed")) {
      return {
        collectors: names(body["collectors"]).map((pod) => this.#replace(pod, "collector")),
        learners: names(body["learners"]).map((pod) => this.#replace(pod, "learner")),
      };
    }
    const change = method === "DELETE"
      ? (kind: ReplicaRole) => this.remove(this.urls(kind)[0] ?? "")
      : (kind: ReplicaRole) => this.start(kind, this.programs[kind]);
    return {
      collectors: Array.from({ length: wanted(body["collectors"]) }, () => change("collector")),
      learners: Array.from({ length: wanted(body["learners"]) }, () => change("learner")),
    };
  }

  #replace(pod: string, kind: ReplicaRole): string {
    ok(this.#stops.has(`${pod}.rl:80`), `${pod} is not the name of a pod`);
    this.remove(`${pod}.rl:80`);
    return this.start(kind, this.programs[kind]);
  }

  #done(lists: Lists): Response {
    const data = { namespace: "rl", coordinator: "pong-coordinator", ...lists };
    return Response.json({ success: true, code: 0, message: "done", data });
  }
}

interface Lists {
  readonly collectors: string[];
  readonly learners: string[];
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function wanted(value: unknown): number {
  return typeof value === "object" && value !== null && "replicas" in value
    ? Number(value.replicas)
    : 0;
}

/** Runs a coordinator on a cluster of its own. `during` may meddle; its end is awaited as well. */
async function runJob(
  { options = {}, aggregator = false, signal = new AbortController().signal, during }: {
    readonly options?: Partial<CoordinatorOptions>;
    readonly aggregator?: boolean;
    readonly signal?: AbortSignal;
    readonly during?: (cluster: FakeCluster, lines: string[]) => Promise<void> | void;
  },
): Promise<{ code: number; lines: string[]; cluster: FakeCluster; left: string[] }> {
  const cluster = new FakeCluster();
  const aggregatorUrl = aggregator ? cluster.start("aggregator", runAggregator) : undefined;
  const lines: string[] = [];
  const running = runCoordinator({
    serverUrl: cluster.serverUrl,
    port: 0,
    namespace: "rl",
    name: "pong-coordinator",
    ...(aggregatorUrl === undefined ? {} : { aggregatorUrl }),
    collectors: 2,
    learners: 2,
    steps: 120,
    paceMs: 3,
    pollIntervalMs: 20,
    connectTimeoutMs: 3000,
    requestTimeoutMs: 1000,
    ...options,
  }, { log: (line) => void lines.push(line), signal, resolve: cluster.resolve });
  await during?.(cluster, lines);
  const code = await running;
  const left = [...cluster.urls("collector"), ...cluster.urls("learner")];
  await cluster.stop();
  return { code, lines, cluster, left };
}

async function eventually(condition: () => boolean): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    ok(performance.now() - start < 4000, "did not happen within 4 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a job trains to its end, gives a collector back and has a learner replaced", async () => {
  const { code, lines, cluster, left } = await runJob({ aggregator: true });
  const text = lines.join("\n");
  strictEqual(code, 0, text);
  const resources = { cpus: "100m", gpus: "0", memory: "256Mi", replicas: 2 };
  const self = { namespace: "rl", coordinator: "pong-coordinator" };
  deepStrictEqual(cluster.calls, [
    ["POST", "/v1alpha1/replicas", { ...self, collectors: resources, learners: resources }],
    ["DELETE", "/v1alpha1/replicas", {
      ...self,
      collectors: { replicas: 1 },
      learners: { replicas: 0 },
    }],
    ["POST", "/v1alpha1/replicas/failed", { ...self, ...failedLearner(lines) }],
  ]);
  deepStrictEqual(left.map((url) => url.replace(/-\d+\..*/, "")), [
    "pong-collector",
    "pong-learner",
    "pong-learner",
  ]);
  for (
    const line of [
      /^try to connect to pong-aggregator-1\.rl:80$/m,
      /^connected to pong-aggregator-1\.rl:80$/m,
      /^Received replicas response from server \{"namespace":"rl",.*"pong-learner-5\.rl:80"\]\}$/m,
      /^failed list: \[\] \[\]$/m,
      /^current list: \["pong-collector-2\.rl:80","pong-collector-3\.rl:80"\] \["pong-learner-4/m,
      /^Have connected 2 collectors, 2 learners, match limit requests\.$/m,
      /^Start\.\.\.$/m,
      /^collector task\(collector_task_1\) is assigned to collector\(pong-collector-\d\.rl:80\)$/m,
      /^send delete and received \{.*"collectors":\["pong-collector-2\.rl:80"\],"learners":\[\]\}$/m,
      /^learner\(pong-learner-6\.rl:80\) has taken the place of learner\(pong-learner-\d\.rl:80\)$/m,
      /^training is finished: 120 steps, loss \S+ -> \S+, \d+ episodes, mean return \S+, policy version [56]$/m,
    ]
  ) match(text, line);
});

/** The body that the line on the failed learner asks for: its pod's name, not its URL. */
function failedLearner(lines: readonly string[]): Record<string, unknown> {
  const url = lines.join("\n").match(/^learner\((\S+)\) is marked as failed/m)?.[1] ?? "";
  return { collectors: [], learners: [url.replace(".rl:80", "")] };
}

Deno.test("a job without an aggregator says so and averages by itself", async () => {
  const { code, lines } = await runJob({ options: { steps: 40, learners: 1, collectors: 1 } });
  strictEqual(code, 0, lines.join("\n"));
  ok(lines.includes("KUBERNETES_AGGREGATOR_URL is not set: going on without an aggregator"));
  match(lines.at(-1) ?? "", /policy version [12]$/);
});

Deno.test("the task of a replica that vanished goes to the one that took its place", async () => {
  const { code, lines } = await runJob({
    options: { collectors: 1 },
    during: async (cluster, printed) => {
      await eventually(() => printed.some((line) => line.includes("send data")));
      const [url = ""] = cluster.urls("collector");
      cluster.remove(url);
      cluster.start("collector", runCollector);
    },
  });
  strictEqual(code, 0, lines.join("\n"));
  const story = lines.filter((line) => line.startsWith("collector task(collector_task_1) "));
  deepStrictEqual(story.map((line) => line.replace(/pong-collector-\d/, "…")), [
    "collector task(collector_task_1) put into queue",
    "collector task(collector_task_1) is assigned to collector(….rl:80)",
    "collector task(collector_task_1) send data(20)",
    "collector task(collector_task_1) put back into queue",
    "collector task(collector_task_1) is assigned to collector(….rl:80)",
  ]);
});

Deno.test("a replica that connects but does no work is replaced", async () => {
  const { code, lines, cluster } = await runJob({
    options: { learners: 1, collectors: 1 },
    during: async ({ programs, urls }) => {
      programs.learner = ({ port, name }, io) =>
        serveRole({ port, resource: { role: "learner", name }, handlers: {}, io });
      await eventually(() => urls("learner").length === 1);
      programs.learner = runLearner;
    },
  });
  strictEqual(code, 0, lines.join("\n"));
  const reports = cluster.calls.filter(([, path]) => path.endsWith("/failed"));
  // The broken one, and the one that every job reports.
  deepStrictEqual(reports.map(([, , body]) => body["learners"]), [["pong-learner-2"], [
    "pong-learner-3",
  ]]);
});

Deno.test.each([
  {
    when: "the server refuses",
    surprise: () =>
      Response.json({ success: false, code: 1, message: "no such pod", data: null }, {
        status: 404,
      }),
    line: "error: The server refused to POST replicas: status 404, no such pod",
  },
  {
    when: "something else answers",
    surprise: () => new Response("hello"),
    line: "error: The server refused to POST replicas: status 200, not an answer of this API",
  },
])("a job ends with code 1 when $when", async ({ surprise, line }) => {
  const { code, lines } = await runJob({
    during: (cluster) => void cluster.surprises.push(surprise()),
  });
  deepStrictEqual({ code, line: lines.at(-1) }, { code: 1, line });
});

Deno.test("a job ends with code 1 when its aggregator never answers", async () => {
  const options = { aggregatorUrl: "pong-aggregator.rl:80", connectTimeoutMs: 10 };
  const { code, lines } = await runJob({ options });
  deepStrictEqual({ code, line: lines.at(-1) }, {
    code: 1,
    line: "error: No aggregator at pong-aggregator.rl:80 within 0.01 s",
  });
});

Deno.test("a signal ends a job at once and does not look like success", async () => {
  const stop = new AbortController();
  const { code, lines } = await runJob({
    signal: stop.signal,
    options: { steps: 1_000_000 },
    during: async (_, printed) => {
      await eventually(() => printed.some((line) => line.includes("send data")));
      stop.abort();
    },
  });
  deepStrictEqual({ code, line: lines.at(-1) }, { code: 143, line: "stopped by a signal" });
});

Deno.test("a signal that came first ends a job before it asks for anything", async () => {
  const { code, cluster } = await runJob({ signal: AbortSignal.abort() });
  deepStrictEqual({ code, calls: cluster.calls }, { code: 143, calls: [] });
});

Deno.test("a role that cannot listen says why", async () => {
  const taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const { port } = taken.addr;
  const lines: string[] = [];
  const io = { log: (line: string) => void lines.push(line), signal: new AbortController().signal };
  deepStrictEqual(await runLearner({ port, name: "pong-learner" }, io), 1);
  deepStrictEqual(lines, [`error: Cannot listen on port ${port}: it is in use`]);
  taken.close();
});
