/**
 * Twenty clients that look at their lists every second, as DI-engine does, while servers restart and the
 * API server stands still. A client dies of one status that is not 2xx, and of a sixth refusal in a row.
 */
import { deepStrictEqual } from "node:assert/strict";
import { KubeClient, readKubeconfig } from "../../src/kube/mod.ts";
import { sleep } from "../../src/lib/abort.ts";
import { AllocationStory, type ReplicaLists } from "../support/allocation_story.ts";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { startControlPlane } from "../support/control_plane.ts";
import { startEmbeddedApiServer } from "../support/embedded_api_server.ts";
import { eventually } from "../support/eventually.ts";
import { keptPort } from "../support/free_port.ts";
import { RecordedClient } from "../support/recorded_client.ts";
import { type RecordedPolling, startPolling } from "../support/recorded_polling.ts";
import { RestartedProgram } from "../support/restarted_program.ts";
import { readProjectCrds } from "../support/shared_control_plane.ts";
import { ensureNamespace, IS_REAL, SYSTEM_NAMESPACE } from "../support/test_cluster.ts";

const CLIENTS = 20;
const REPLICAS = { collectors: { replicas: 2 }, learners: { replicas: 1 } };
/** Looks that each client takes before the trouble begins, and after it is over. */
const LOOKS = 3;
/** The looks of all clients are spread over this, in ms. */
const SPREAD_MS = 1000;
/** From the end of a copy to the start of the next, in ms: about what Kubernetes takes. */
const PAUSE_MS = 2000;

/** What the troubles are made of. */
interface Stage {
  /** Copies of the server. */
  readonly copies: readonly Copy[];
  readonly apiServer: { freeze(): void; thaw(): void };
}

/** One copy of the server, always at the same port. */
interface Copy {
  readonly process: RestartedProgram;
  isReady(): Promise<boolean>;
}

/** What happens while they poll. */
interface Trouble {
  readonly trouble: string;
  readonly copies: number;
  readonly happen: (stage: Stage) => Promise<void>;
}

const TROUBLES: readonly Trouble[] = [
  {
    trouble: "SIGTERM and restart of the only copy",
    copies: 1,
    happen: ({ copies }) => restartAll(copies, "SIGTERM"),
  },
  {
    trouble: "SIGKILL and restart of the only copy",
    copies: 1,
    happen: ({ copies }) => restartAll(copies, "SIGKILL"),
  },
  {
    trouble: "an API server that is frozen for 30 s",
    copies: 1,
    happen: ({ apiServer }) => whileFrozen(apiServer, 30_000, () => Promise.resolve()),
  },
  {
    trouble: "a restart of the only copy while the API server is frozen for 12 s",
    copies: 1,
    happen: ({ copies, apiServer }) =>
      whileFrozen(apiServer, 12_000, async () => {
        for (const { process } of copies) await process.restart("SIGTERM", PAUSE_MS);
      }),
  },
  {
    trouble: "a rolling restart of two copies",
    copies: 2,
    happen: ({ copies }) => restartAll(copies, "SIGTERM"),
  },
];

/** One after the other, the next when the last is ready again. */
async function restartAll(copies: readonly Copy[], signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  for (const { process, isReady } of copies) {
    await process.restart(signal, PAUSE_MS);
    await eventually("the new copy to be ready", isReady);
  }
}

async function whileFrozen(
  apiServer: Stage["apiServer"],
  ms: number,
  act: () => Promise<void>,
): Promise<void> {
  apiServer.freeze();
  try {
    await Promise.all([sleep(ms), act()]);
  } finally {
    apiServer.thaw();
  }
}

/** The clients, and what becomes of them. */
class Crowd {
  readonly #members: Member[] = [];

  /** Has one more client of each coordinator join. */
  async join(server: string, namespace: string, coordinators: readonly string[]): Promise<void> {
    for (const name of coordinators) {
      this.#members.push(new Member(server, namespace, name));
      await sleep(SPREAD_MS / coordinators.length);
    }
  }

  /** Waits until each client that lives has been given its list some times more. */
  async look(times: number): Promise<void> {
    const before = this.#members.map(({ looks }) => looks);
    await eventually(
      "all clients to look",
      () =>
        this.#members.every((one, index) => one.error || one.looks >= (before[index] ?? 0) + times),
      { timeoutMs: 60_000 },
    );
  }

  async stop() {
    await Promise.all(this.#members.map((member) => member.stop()));
    return {
      dead: this.#members.flatMap(({ error }) => error === undefined ? [] : [error.message]),
      shrunk: this.#members.flatMap(({ shrunk }) => shrunk),
      looks: this.#members.reduce((total, { looks }) => total + looks, 0),
      delayed: this.#members.reduce((total, { delayed }) => total + delayed, 0),
      retries: this.#members.reduce((total, { retries }) => total + retries, 0),
      mostRetriesOfOneLook: Math.max(...this.#members.map(({ mostRetries }) => mostRetries)),
    };
  }
}

class Member {
  readonly #polling: RecordedPolling;
  /** Good answers. */
  looks = 0;
  /** Answers with `success: false`. */
  delayed = 0;
  retries = 0;
  mostRetries = 0;
  /** Lists that lacked something. */
  readonly shrunk: ReplicaLists[] = [];

  constructor(server: string, namespace: string, coordinator: string) {
    const onRetry = (failed: number) => {
      this.retries++;
      this.mostRetries = Math.max(this.mostRetries, failed);
    };
    const client = new RecordedClient({ server, namespace, coordinator, onRetry });
    this.#polling = startPolling(client, {
      onAnswer: ({ success, data }) => {
        if (!success) return void this.delayed++;
        this.looks++;
        const lists = data as ReplicaLists;
        const isWhole = lists.collectors.length === REPLICAS.collectors.replicas &&
          lists.learners.length === REPLICAS.learners.replicas;
        if (!isWhole) this.shrunk.push(lists);
      },
    });
  }

  get error(): Error | undefined {
    return this.#polling.error;
  }

  stop(): Promise<void> {
    return this.#polling.stop();
  }
}

Deno.test.each(TROUBLES)(
  `${CLIENTS} clients outlive $trouble`,
  async ({ trouble, copies, happen }) => {
    await using things = new AsyncDisposableStack();
    const apiServer = IS_REAL
      ? await startControlPlane({ crds: await readProjectCrds() })
      : await startEmbeddedApiServer();
    things.defer(() => apiServer.stop());
    const { kubeconfigPath } = apiServer;
    const client = things.adopt(new KubeClient(readKubeconfig(kubeconfigPath)), (it) => it.close());
    const test = { client, kubeconfigPath, hasGarbageCollector: false };
    await ensureNamespace(test, SYSTEM_NAMESPACE);
    const story = things.use(await AllocationStory.open(test));
    const coordinators = await makeJobs(story);

    const ports = Array.from({ length: copies }, keptPort);
    const stage = { apiServer, copies: ports.map((port) => startCopy(kubeconfigPath, port)) };
    for (const { process } of stage.copies) things.defer(() => process.stop());
    for (const { isReady } of stage.copies) await eventually("each copy", isReady);
    const server = ports.length === 1 ? `127.0.0.1:${ports[0]}` : balance(ports, things).host;

    const crowd = new Crowd();
    try {
      await crowd.join(server, story.namespace, coordinators);
      await crowd.look(LOOKS);
      await happen(stage);
      await crowd.look(LOOKS);
    } finally {
      const { dead, shrunk, ...counts } = await crowd.stop();
      // deno-lint-ignore no-console
      console.log(`${trouble}: ${JSON.stringify({ dead: dead.length, ...counts })}`);
      deepStrictEqual({ dead, shrunk }, { dead: [], shrunk: [] });
    }
  },
);

/** A job with replicas for each client. @returns The names of the coordinators. */
function makeJobs(story: AllocationStory): Promise<string[]> {
  const names = Array.from({ length: CLIENTS }, (_, index) => `job-${index}`);
  return Promise.all(names.map(async (name) => {
    await story.createJob(name);
    const coordinator = `${name}-coordinator`;
    deepStrictEqual((await story.post({ coordinator, ...REPLICAS })).success, true);
    return coordinator;
  }));
}

function startCopy(kubeconfig: string, port: number): Copy {
  const address = `127.0.0.1:${port}`;
  const args = ["server", `--kubeconfig=${kubeconfig}`, `--server-bind-address=${address}`];
  return {
    process: new RestartedProgram(args),
    async isReady() {
      const { ok, body } = await fetch(`http://${address}/readyz`);
      await body?.cancel();
      return ok;
    },
  };
}

function balance(ports: readonly number[], things: AsyncDisposableStack): Balancer {
  const balancer = startBalancer(ports);
  things.defer(() => balancer.stop());
  return balancer;
}
