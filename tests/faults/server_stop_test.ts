/** A server that is told to stop in the middle of a request that takes longer than it has. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { LEASES } from "../../src/kube/mod.ts";
import { AllocationStory, podNameOf, type ReplicaLists } from "../support/allocation_story.ts";
import { startBalancer } from "../support/balancer.ts";
import { eventually } from "../support/eventually.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { keptPort } from "../support/free_port.ts";
import { startProgram } from "../support/program.ts";
import { RecordedClient } from "../support/recorded_client.ts";
import { SYSTEM_NAMESPACE, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

/** Of a POST the first write is its record, the second a pod. */
const POD_WRITE = 2;

async function isRefused(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ port, hostname: "127.0.0.1" })).close();
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return true;
    throw error;
  }
}

Deno.test("a server that stops takes no connections, and hands on what it cannot finish", async () => {
  await using things = new AsyncDisposableStack();
  const story = things.use(await AllocationStory.open(cluster()));
  const proxy = startFaultProxy(story.client.config);
  things.defer(() => proxy.stop());
  const kubeconfig = await Deno.makeTempFile();
  things.defer(() => Deno.remove(kubeconfig));
  await Deno.writeTextFile(kubeconfig, proxy.kubeconfig);
  const port = keptPort();
  const address = `127.0.0.1:${port}`;
  const server = startProgram([
    "server",
    `--kubeconfig=${kubeconfig}`,
    `--server-bind-address=${address}`,
  ]);
  things.defer(() => server.end("SIGKILL"));
  await eventually("the server", async () => {
    const { ok, body } = await fetch(`http://${address}/readyz`);
    await body?.cancel();
    return ok;
  });
  const copies = startBalancer([port, Number(new URL(story.server.url).port)]);
  things.defer(() => copies.stop());
  let lostConnections = 0;
  const client = things.use(
    new RecordedClient({
      server: copies.host,
      namespace: story.namespace,
      coordinator: "demo-coordinator",
      onRetry: () => lostConnections++,
    }),
  );

  proxy.arm(POD_WRITE, "stallAfter", () => {});
  let isAnswered = false;
  const asked = client.postReplicas({ collectors: { replicas: 2 } })
    .finally(() => isAnswered = true);
  await eventually("the stalled write", proxy.struck);
  const ended = server.end("SIGTERM");
  await eventually("the closed port", () => isRefused(port));
  strictEqual(isAnswered, false);

  await ended;
  const { collectors } = (await asked).data as ReplicaLists;
  strictEqual(await server.ended, 0);
  // The first copy has still said that it could not: the client has lost no connection.
  strictEqual(lostConnections, 0);
  strictEqual(collectors.length, 2);
  deepStrictEqual(collectors.map(podNameOf).sort(), await story.namesOf("collector"));
  await eventually("the end of the record", async () => {
    const { items } = await story.client.list(LEASES, { namespace: SYSTEM_NAMESPACE });
    return items.length === 0;
  });
});
