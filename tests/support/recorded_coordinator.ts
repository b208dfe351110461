/**
 * A program for the pod of a coordinator that does what DI-engine's does: asks for replicas, keeps up with
 * the list, connects to each by its URL, reports what it cannot connect to. The replicas are those of the
 * sample job. It gives one collector back, which DI-engine leaves to its user, and ends with 0.
 */
import { eventually } from "./eventually.ts";
import { RecordedClient, recordedPodName } from "./recorded_client.ts";
import { type RecordedKind, startPolling } from "./recorded_polling.ts";

const COLLECTORS = 2;
const LEARNERS = 1;
/** A replica that does not listen must not cost the story DI-engine's 120 s. */
const CONNECT_LIMIT_MS = 5000;
const CONNECT_WAIT_MS = 200;

if (import.meta.main) await runRecordedCoordinator();

async function runRecordedCoordinator(): Promise<void> {
  using client = new RecordedClient({
    server: variable("KUBERNETES_SERVER_URL"),
    namespace: variable("KUBERNETES_POD_NAMESPACE"),
    coordinator: variable("KUBERNETES_POD_NAME"),
    proxy: variable("http_proxy"),
  });
  await client.postReplicas({
    collectors: { replicas: COLLECTORS },
    learners: { replicas: LEARNERS },
  });
  const polling = startPolling(client, {
    connect,
    connectWaitMs: CONNECT_WAIT_MS,
    connectLimitMs: CONNECT_LIMIT_MS,
  });
  const untilConnected = (collectors: number) =>
    eventually(`${collectors} collectors`, () => {
      if (polling.error !== undefined) throw polling.error;
      const { connected } = polling;
      return connected.collectors.length === collectors && connected.learners.length === LEARNERS;
    }, { timeoutMs: 60_000 });
  try {
    await untilConnected(COLLECTORS);
    print(`connected to ${JSON.stringify(polling.connected)}`);
    await client.deleteReplicas({ collectors: 1 });
    await untilConnected(COLLECTORS - 1);
    print(`left with ${JSON.stringify(polling.connected)}`);
  } finally {
    await polling.stop();
  }
}

/** The first question of a coordinator of the sample job; the answer must come from the pod that was meant. */
async function connect(kind: RecordedKind, url: string): Promise<void> {
  const response = await fetch(`http://${url}/resource`);
  const found = await response.text();
  const wanted = JSON.stringify({ role: kind.slice(0, -1), name: recordedPodName(url) });
  if (found === wanted) return;
  if (response.ok) print(`${url} is answered by ${found}`);
  throw new Error(`Cannot connect to ${url}: ${found}`);
}

function variable(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
