/** A copy of the server that stands still in the middle of a POST, which another copy takes over. */
import { deepStrictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AllocationStory, podNameOf, type ReplicaLists } from "../support/allocation_story.ts";
import { eventually } from "../support/eventually.ts";
import { keptPort } from "../support/free_port.ts";
import { ProcessKeeper } from "../support/process_keeper.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
/** Many enough to be frozen among. */
const REPLICAS = 400;
const FROZEN_AT = 40;

Deno.test("a copy that stood still lists all that another made of the work it had begun", async () => {
  await using things = new AsyncDisposableStack();
  const story = things.use(await AllocationStory.open(cluster()));
  const keeper = await ProcessKeeper.open("di-test-server-");
  things.defer(() => keeper.stop(0));
  const address = `127.0.0.1:${keptPort()}`;
  const frozen = await keeper.start("server", [
    ...[Deno.execPath(), "run", "-A", "--quiet", MAIN, "server"],
    `--kubeconfig=${cluster().kubeconfigPath}`,
    `--server-bind-address=${address}`,
  ]);
  await eventually("the server", async () => {
    const { ok, body } = await fetch(`http://${address}/readyz`);
    await body?.cancel();
    return ok;
  });
  const place = { namespace: story.namespace, coordinator: "demo-coordinator" };
  const post = async (url: string, signal: AbortSignal) => {
    const body = JSON.stringify({ ...place, collectors: { replicas: REPLICAS } });
    const response = await fetch(`${url}/v1alpha1/replicas`, { method: "POST", body, signal });
    return (await response.json()).data as ReplicaLists;
  };

  const hangUp = new AbortController();
  const first = post(`http://${address}`, hangUp.signal).catch(() => {});
  await eventually("the first pods", async () => {
    return (await story.namesOf("collector")).length >= FROZEN_AT;
  });
  frozen.signal("SIGSTOP");
  hangUp.abort();
  await first;
  const { collectors } = await post(story.server.url, new AbortController().signal);
  frozen.signal("SIGCONT");

  const names = collectors.map(podNameOf).sort();
  deepStrictEqual([names.length, await story.namesOf("collector")], [REPLICAS, names]);
  await eventually("the copy to list them all", async () => {
    const query = new URLSearchParams(place);
    const response = await fetch(`http://${address}/v1alpha1/replicas?${query}`);
    const { data } = await response.json() as { data: ReplicaLists };
    deepStrictEqual(data.collectors.map(podNameOf).sort(), names);
    return true;
  });
  deepStrictEqual(await story.namesOf("collector"), names);
});
