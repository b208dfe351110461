/** A job whose coordinator behaves as DI-engine's: from its first request to its end, one replica failing. */
import { deepStrictEqual, match } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type DIJob, DIJOBS } from "../../src/api/mod.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { countRoles, deleteJob, recordPods, startParts, untilFinished } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const COORDINATOR = fileURLToPath(new URL("../support/recorded_coordinator.ts", import.meta.url));
const PORTS = [{ name: "di-port", containerPort: 80 }];
const cluster = useTestCluster();

/** The first collector to start never listens: whoever makes the folder sleeps. */
const COLLECTOR_SCRIPT = 'mkdir "$VOLUME_MARK/first" && exec sleep 600; ' +
  "exec di-orchestrator mock collector";

function jobOf(namespace: string, mark: string): DIJob {
  const recorded = [Deno.execPath(), "run", "--quiet", "--allow-net", "--allow-env", COORDINATOR];
  return {
    metadata: { name: "recorded", namespace },
    spec: {
      cleanPodPolicy: "Running",
      volumes: [{ name: "mark", hostPath: { path: mark } }],
      coordinator: {
        template: aTemplate({ containers: [aContainer({ command: recorded })] }),
      },
      collector: {
        template: aTemplate({
          containers: [aContainer({
            command: ["/bin/sh", "-c", COLLECTOR_SCRIPT],
            ports: PORTS,
            volumeMounts: [{ name: "mark", mountPath: "/mark" }],
          })],
        }),
      },
      learner: {
        template: aTemplate({
          containers: [
            aContainer({ command: ["di-orchestrator", "mock", "learner"], ports: PORTS }),
          ],
        }),
      },
    },
  };
}

Deno.test("a coordinator like DI-engine's gets replicas, reaches them by URL, has one replaced, and ends", async () => {
  const { client } = cluster();
  const namespace = await createNamespace(cluster(), "recorded-job");
  const mark = await Deno.makeTempDir();
  const parts = await startParts(cluster(), namespace);
  const record = recordPods(cluster(), namespace);
  try {
    const submitted = await client.create(DIJOBS, jobOf(namespace, mark));
    const job = await untilFinished(cluster(), submitted);
    const path = `/api/v1/namespaces/${namespace}/pods/recorded-coordinator/log`;
    const log = await (await client.stream(path, AbortSignal.timeout(10_000))).text();
    // An AggregatorConfig that another story put there may give it an aggregator.
    const { aggregator: _, ...roles } = countRoles(record);
    deepStrictEqual({ phase: job.status?.phase, roles }, {
      phase: "Succeeded",
      roles: { coordinator: 1, collector: 3, learner: 1, replacements: 1 },
    }, log);
    match(log, /^connected to .*\nleft with .*\n$/);
    await deleteJob(cluster(), submitted);
  } finally {
    await record.stop();
    await parts.stop();
    await Deno.remove(mark, { recursive: true });
  }
});
