/** What a POST for very many replicas costs the POSTs of another job. */
import { KubeClient, readKubeconfig } from "../../src/kube/mod.ts";
import { sleep } from "../../src/lib/abort.ts";
import { AllocationStory } from "../support/allocation_story.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { startProgram } from "../support/program.ts";
import { RecordedClient } from "../support/recorded_client.ts";
import { ensureNamespace, SYSTEM_NAMESPACE } from "../support/test_cluster.ts";

export interface PostDelayFigures {
  /** A POST for one replica while nothing else happens: the slowest of {@link CALM_POSTS}, in ms. */
  readonly calmMs: number;
  /** The slowest such POST while the many were being made, in ms. */
  readonly busyMs: number;
  /** How many of these there were. */
  readonly busyPosts: number;
  /** The POST for the many, in ms. */
  readonly manyMs: number;
}

export const MANY = 5000;
const CALM_POSTS = 20;
/** Between two POSTs for one, in ms. */
const PAUSE_MS = 250;
const ONE = { collectors: { replicas: 1 } };

/** Asks one server process of two jobs' clients, on the API server of `kubeconfigPath`. */
export async function measurePostDelay(kubeconfigPath: string): Promise<PostDelayFigures> {
  const client = new KubeClient(readKubeconfig(kubeconfigPath));
  const cluster = { client, kubeconfigPath, hasGarbageCollector: true };
  await ensureNamespace(cluster, SYSTEM_NAMESPACE);
  const story = await AllocationStory.open(cluster);
  await story.server.stop();
  await story.createJob("many");
  const address = `127.0.0.1:${freePort()}`;
  const server = startProgram([
    "server",
    `--kubeconfig=${kubeconfigPath}`,
    `--server-bind-address=${address}`,
  ]);
  const clientOf = (job: string) =>
    new RecordedClient({
      server: address,
      namespace: story.namespace,
      coordinator: `${job}-coordinator`,
    });
  const [one, many] = [clientOf("demo"), clientOf("many")];
  try {
    await eventually("the server", async () => (await one.getReplicas()).success);
    const calm: number[] = [];
    for (let count = 0; count < CALM_POSTS; count++) {
      calm.push(await timed(() => one.postReplicas(ONE)));
    }
    const busy: number[] = [];
    let isDone = false;
    const [manyMs] = await Promise.all([
      timed(() => many.postReplicas({ collectors: { replicas: MANY } })).finally(() =>
        isDone = true
      ),
      (async () => {
        while (!isDone) {
          busy.push(await timed(() => one.postReplicas(ONE)));
          await sleep(PAUSE_MS);
        }
      })(),
    ]);
    return {
      calmMs: Math.max(...calm),
      busyMs: Math.max(...busy),
      busyPosts: busy.length,
      manyMs,
    };
  } finally {
    await server.end("SIGTERM");
    client.close();
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}
