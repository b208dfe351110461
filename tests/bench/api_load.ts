/** The clients of an API server, as a program: prints its figures as JSON. Argument: a kubeconfig. */
import { type ClusterConfig, readKubeconfig } from "../../src/kube/mod.ts";
import { HttpApi } from "../support/http_api.ts";
import { median } from "./figures.ts";

export interface LoadFigures {
  /** Pods made in a second, by clients that are connected already to a server that has made none. */
  readonly createsPerSecond: number;
  /** A list of 5,000 pods, from the request until all of it has been read, in ms; median of 5. */
  readonly listMs: number;
  /** From a write's beginning until a watcher has read it, in ms; median of 200. */
  readonly watchMs: number;
  /** The second slowest of them, in ms. */
  readonly slowestWatchMs: number;
}

const CLIENTS = 16;
const FIRST_PODS = 1000;
const ALL_PODS = 5000;
const LISTS = 5;
const WATCHED = 200;
const PODS = "/api/v1/namespaces/default/pods";
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

async function measure(config: ClusterConfig): Promise<LoadFigures> {
  const clients = Array.from({ length: CLIENTS }, () => new HttpApi(config));
  try {
    await Promise.all(clients.map((api) => api.send({ method: "GET", path: "/version" })));
    const startedAt = performance.now();
    await createPods(clients, 0, FIRST_PODS);
    const createsPerSecond = FIRST_PODS / (performance.now() - startedAt) * 1000;
    await createPods(clients, FIRST_PODS, ALL_PODS);
    const [api] = clients;
    if (api === undefined) throw new RangeError("No client");
    const lists: number[] = [];
    for (let run = 0; run < LISTS; run += 1) lists.push(await timeOf(() => list(api)));
    const delays = (await watchDelays(api)).sort((a, b) => a - b);
    return {
      createsPerSecond,
      listMs: median(lists),
      watchMs: median(delays),
      slowestWatchMs: delays.at(-2) ?? NaN,
    };
  } finally {
    for (const api of clients) api.close();
  }
}

async function createPods(clients: readonly HttpApi[], from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(clients.map(async (api) => {
    for (let index = next++; index < to; index = next++) {
      await create(api, PODS, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `pod-${index}`, labels: { app: "bench" } },
        spec: { containers: [{ name: "main", image: "nowhere/none:1" }] },
      });
    }
  }));
}

async function create(api: HttpApi, path: string, body: unknown): Promise<void> {
  const { status } = await api.send({ method: "POST", path, body });
  if (status !== 201) throw new Error(`POST ${path}: ${status}`);
}

async function list(api: HttpApi): Promise<void> {
  const { body } = await api.send({ method: "GET", path: PODS });
  const found: unknown = Object(body).items?.length;
  if (found !== ALL_PODS) throw new Error(`The list has ${found} pods`);
}

async function timeOf(act: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

/** Writes one object after the other, and sees how long a watcher takes to show each. */
async function watchDelays(api: HttpApi): Promise<number[]> {
  const ending = new AbortController();
  const delays: number[] = [];
  let startedAt = 0;
  let writing = Promise.resolve();
  const write = () => {
    startedAt = performance.now();
    const metadata = { name: `watched-${delays.length}` };
    writing = create(api, CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata });
  };
  const watch = `${CONFIG_MAPS}?watch=1&resourceVersion=0`;
  try {
    const lines = api.lines(watch, ending.signal);
    write();
    for await (const _line of lines) {
      delays.push(performance.now() - startedAt);
      await writing;
      if (delays.length > WATCHED) break;
      write();
    }
  } finally {
    ending.abort();
  }
  // The first one came with the opening of the watch.
  return delays.slice(1);
}

if (import.meta.main) {
  const [path = ""] = Deno.args;
  // deno-lint-ignore no-console
  console.log(JSON.stringify(await measure(readKubeconfig(path))));
}
