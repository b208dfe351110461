/** Connections to the API server that are cut: no call gives, takes or replaces more than it says. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { KubeClient, parseKubeconfig } from "../../src/kube/mod.ts";
import type { RunningServer } from "../../src/server/mod.ts";
import {
  AllocationStory,
  podNameOf,
  type ReplicaLists,
  startTestServer,
  untilReady,
} from "../support/allocation_story.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault_proxy.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

function rowsOf(writes: number) {
  return ["cutBefore", "cutAfter"].flatMap((fault) =>
    Array.from({ length: writes }, (_, index) => ({
      fault: fault === "cutBefore" ? "cutBefore" as const : "cutAfter" as const,
      at: index + 1,
    }))
  );
}

/** Runs `act` with a server whose way to the API server leads through a proxy. */
async function withFaults(
  act: (story: AllocationStory, server: RunningServer, proxy: FaultProxy) => Promise<void>,
): Promise<void> {
  await using story = await AllocationStory.open(cluster());
  const proxy = startFaultProxy(story.client.config);
  const client = new KubeClient(parseKubeconfig(proxy.kubeconfig, "proxy"));
  const server = await startTestServer(client);
  try {
    const made = await story.post({ collectors: { replicas: 2 }, learners: { replicas: 1 } });
    strictEqual(made.message, "successfully create replicas");
    await untilReady(server);
    await act(story, server, proxy);
  } finally {
    await server.stop();
    client.close();
    await proxy.stop();
  }
}

Deno.test.each(rowsOf(6))("POST gives what it says when write $at suffers $fault", async (row) => {
  await withFaults(async (story, server, proxy) => {
    const before = [...await story.namesOf("collector"), ...await story.namesOf("learner")];
    proxy.arm(row.at, row.fault, () => {});
    const { success, data } = await story.post(
      { collectors: { replicas: 2 }, learners: { replicas: 1 } },
      server,
    );
    strictEqual(success, true);
    const { collectors, learners } = data as ReplicaLists;
    const after = [...await story.namesOf("collector"), ...await story.namesOf("learner")];
    const given = [...collectors, ...learners].map(podNameOf);
    deepStrictEqual([given.length, after.length], [3, 6]);
    deepStrictEqual(new Set(after), new Set([...before, ...given]));
  });
});

Deno.test.each(rowsOf(2))(
  "DELETE takes what it says when write $at suffers $fault",
  async (row) => {
    await withFaults(async (story, server, proxy) => {
      const before = await story.namesOf("collector");
      proxy.arm(row.at, row.fault, () => {});
      const { success, data } = await story.delete(
        { collectors: { replicas: 1 }, learners: { replicas: 1 } },
        server,
      );
      strictEqual(success, true);
      const { collectors, learners } = data as ReplicaLists;
      deepStrictEqual([collectors.length, learners.length], [1, 1]);
      deepStrictEqual(
        new Set([...collectors.map(podNameOf), ...await story.namesOf("collector")]),
        new Set(before),
      );
      deepStrictEqual(await story.namesOf("learner"), []);
    });
  },
);

Deno.test.each(rowsOf(3))("/failed replaces once when write $at suffers $fault", async (row) => {
  await withFaults(async (story, server, proxy) => {
    const [failed = "", healthy = ""] = await story.namesOf("collector");
    proxy.arm(row.at, row.fault, () => {});
    const { success, data } = await story.reportFailed({ collectors: [failed] }, server);
    strictEqual(success, true);
    const { collectors } = data as ReplicaLists;
    deepStrictEqual(
      await story.namesOf("collector"),
      [healthy, ...collectors.map(podNameOf)].sort(),
    );
  });
});
