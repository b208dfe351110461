/** A node: what it has room for, what keeps pods off it, what its volumes show, how it ends. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { KubeletOptions } from "../../src/devcluster/kubelet/mod.ts";
import {
  CONFIG_MAPS,
  type Container,
  type CoreEvent,
  EVENTS,
  isNotFound,
  type Node,
  NODES,
  type Pod,
  PODS,
  type PodSpec,
} from "../../src/kube/mod.ts";
import { aContainer } from "../support/builders.ts";
import { startOrchestrator } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { hasKubectl, Kubectl } from "../support/kubectl.ts";
import { startNode } from "../support/story.ts";
import { createNamespace, IS_REAL, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const GPU = "nvidia.com/gpu";
const START = { timeoutMs: 30_000 };
/** Nobody listens there. */
const NO_SERVER = "127.0.0.1:1";

interface Bench {
  readonly node: string;
  readonly namespace: string;
  readonly client: ReturnType<typeof cluster>["client"];
  /** Makes a pod that only this node may have. */
  create(name: string, container: Partial<Container>, spec?: Partial<PodSpec>): Promise<Pod>;
  read(name: string): Promise<Pod>;
  /** Waits for what `look` says of a pod to be this. */
  until(name: string, what: string, look: (pod: Pod) => unknown): Promise<void>;
}

/** Runs `use` in a namespace and with a name for a node; removes the node afterwards. */
async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  const { client } = cluster();
  const namespace = await createNamespace(cluster(), "node");
  const read = (name: string) => client.get(PODS, { namespace, name });
  try {
    await use({
      node: namespace,
      namespace,
      client,
      create: (name, container, spec) =>
        client.create<Pod>(PODS, {
          metadata: { name, namespace },
          spec: {
            containers: [aContainer({ name: "main", command: ["sleep", "1000"], ...container })],
            nodeSelector: { "kubernetes.io/hostname": namespace },
            terminationGracePeriodSeconds: 1,
            restartPolicy: "Never",
            ...spec,
          },
        }),
      read,
      async until(name, what, look) {
        await eventually(`pod ${name}: ${what}`, async () => {
          deepStrictEqual(look(await read(name)), what);
          return true;
        }, START);
      },
    });
  } finally {
    for (const { metadata } of (await client.list(PODS, { namespace })).items) {
      await client.delete(PODS, { namespace, name: metadata.name ?? "" }, {
        gracePeriodSeconds: 0,
      }).catch(() => {});
    }
    await client.delete(NODES, { namespace: "", name: namespace }).catch(() => {});
  }
}

async function withNode(
  use: (bench: Bench) => Promise<void>,
  options: Partial<KubeletOptions> = {},
): Promise<void> {
  await withBench(async (bench) => {
    const kubelet = await startNode(cluster(), bench.node, NO_SERVER, options);
    try {
      await use(bench);
    } finally {
      await kubelet.stop();
    }
  });
}

function phaseOf({ status }: Pod): string | undefined {
  return status?.phase;
}

/** What the pod is told about its node. */
function placeOf({ status }: Pod): string {
  const { status: is, reason, message = "" } =
    status?.conditions?.find(({ type }) => type === "PodScheduled") ?? {};
  return `${is} ${reason} ${message}`;
}

async function eventsOf({ client, namespace }: Bench, name: string): Promise<CoreEvent[]> {
  const { items } = await client.list(EVENTS, { namespace });
  return items.filter(({ involvedObject }) => involvedObject.name === name);
}

Deno.test("pods beyond a node's capacity wait, say why, and start when there is room", () =>
  withNode(async (bench) => {
    const { client, node, create, until } = bench;
    const { status } = await client.get(NODES, { namespace: "", name: node });
    const { cpu, memory, [GPU]: gpus } = status?.allocatable ?? {};
    deepStrictEqual({ cpu, memory, gpus }, { cpu: "2", memory: "1Gi", gpus: "1" });

    const asking = (limits: Record<string, string>) => ({ resources: { limits } });
    await create("first", asking({ cpu: "1500m", memory: "1Gi", [GPU]: "1" }));
    await until("first", "Running", phaseOf);
    await create("second", asking({ cpu: "600m", memory: "1Mi", [GPU]: "1" }));
    await create("small", asking({ cpu: "500m" }));
    await create("huge", asking({ cpu: "64" }));
    await until(
      "second",
      "False Unschedulable 0/1 nodes are available: " +
        `1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient ${GPU}.`,
      placeOf,
    );
    await until(
      "huge",
      "False Unschedulable 0/1 nodes are available: 1 Insufficient cpu. " +
        `The pod asks for cpu 64, node ${node} has 2; --cpus lets it claim more.`,
      placeOf,
    );
    await until("small", "Running", phaseOf);
    await eventually("the event", async () => {
      const found = (await eventsOf(bench, "second")).map(({ type, reason }) =>
        `${type} ${reason}`
      );
      return found.includes("Warning FailedScheduling");
    });
    await client.delete(PODS, { namespace: bench.namespace, name: "first" });
    await client.delete(PODS, { namespace: bench.namespace, name: "small" });
    await until("second", "Running", phaseOf);
    strictEqual(phaseOf(await bench.read("huge")), "Pending");
  }, { claimed: { cpus: 2, memoryBytes: 2 ** 30, gpus: 1 } }));

Deno.test("a cordon and a taint keep pods off a node until they are taken away", () =>
  withNode(async ({ client, node, create, until }) => {
    const change = (spec: Partial<NonNullable<Node["spec"]>>) =>
      client.patch(NODES, { namespace: "", name: node }, { spec });
    await create("huge", { resources: { requests: { cpu: "1k" } } });
    await until("huge", "Unschedulable", ({ status }) => status?.conditions?.[0]?.reason);
    await change({ unschedulable: true });
    const reason = "False Unschedulable 0/1 nodes are available: 1 node(s)";
    // Only now it is known to the scheduler.
    await until("huge", `${reason} were unschedulable.`, placeOf);
    await create("late", {});
    await until("late", `${reason} were unschedulable.`, placeOf);
    await change({
      taints: [{ key: "team", value: "rl", effect: "NoSchedule" }],
      unschedulable: false,
    });
    await until("late", `${reason} had untolerated taint(s).`, placeOf);
    await create("tolerant", {}, { tolerations: [{ key: "team", operator: "Exists" }] });
    await until("tolerant", "Running", phaseOf);
    await change({ taints: [] });
    await until("late", "Running", phaseOf);
  }));

Deno.test({
  name: "kubectl drains a node",
  ignore: !IS_REAL && !hasKubectl(),
  fn: () =>
    withNode(async ({ client, node, namespace, create, until }) => {
      const kubectl = new Kubectl(cluster().kubeconfigPath);
      try {
        await create("one", {});
        await create("two", {});
        await until("one", "Running", phaseOf);
        await until("two", "Running", phaseOf);
        const printed = await kubectl.ok(["drain", node, "--force", "--timeout=30s"]);
        match(printed, new RegExp(`node/${node} drained`));
        deepStrictEqual((await client.list(PODS, { namespace })).items, []);
        await create("three", {});
        await until(
          "three",
          "False Unschedulable 0/1 nodes are available: 1 node(s) were unschedulable.",
          placeOf,
        );
        await kubectl.ok(["uncordon", node]);
        await until("three", "Running", phaseOf);
      } finally {
        kubectl.close();
      }
    }),
});

Deno.test("a pod waits for the config map of its volume, and sees what becomes of it", () =>
  withNode(async (bench) => {
    const { client, namespace, create, until } = bench;
    const show =
      'until [ "$(cat "$VOLUME_CONF/rate")" = 2 ]; do sleep 0.05; done; ls "$VOLUME_CONF"';
    await create("reader", {
      command: ["sh", "-c", show],
      volumeMounts: [{ name: "conf", mountPath: "/c" }],
    }, {
      volumes: [{ name: "conf", configMap: { name: "conf" } }],
    });
    await eventually("the event", async () => {
      const found = (await eventsOf(bench, "reader")).find(({ reason }) =>
        reason === "FailedMount"
      );
      strictEqual(
        found?.message,
        'MountVolume.SetUp failed for volume "conf" : configmap "conf" not found',
      );
      return true;
    }, START);
    await until(
      "reader",
      "ContainerCreating",
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason,
    );
    await client.create(CONFIG_MAPS, {
      metadata: { name: "conf", namespace },
      data: { rate: "1", old: "x" },
    });
    await until("reader", "Running", phaseOf);
    await client.patch(CONFIG_MAPS, { namespace, name: "conf" }, {
      data: { rate: "2", old: null },
    });
    await until("reader", "Succeeded", phaseOf);
  }, { volumeRefreshMs: 100 }));

function readNames(folder: string): Promise<string[]> {
  return Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
}

/** How a container has ended, in one line. */
function endOf({ status }: Pod): string {
  const { exitCode, reason } = status?.containerStatuses?.[0]?.state?.terminated ?? {};
  return `${status?.phase} ${status?.reason ?? ""} ${exitCode} ${reason}`;
}

Deno.test("a node that stops gives its pods time, and writes how they ended", () =>
  withBench(async (bench) => {
    const { client, node, create, read, until } = bench;
    const kubelet = await startNode(cluster(), node, NO_SERVER);
    const marks = await Deno.makeTempDir();
    const say = (script: string) => ({ command: ["sh", "-c", script] });
    const loop = "while :; do sleep 0.05; done";
    await create("polite", say(`trap 'sleep 0.3; exit 0' TERM; touch ${marks}/polite; ${loop}`));
    await create("stubborn", say(`trap '' TERM; touch ${marks}/stubborn; ${loop}`));
    await create("done", say("exit 0"));
    await create("leaving", {}, { terminationGracePeriodSeconds: 600 });
    for (const name of ["polite", "stubborn", "leaving"]) await until(name, "Running", phaseOf);
    await until("done", "Succeeded", phaseOf);
    await eventually("both traps", async () => (await readNames(marks)).length === 2);
    await kubelet.stop();
    await Deno.remove(marks, { recursive: true });

    const { status } = await client.get(NODES, { namespace: "", name: node });
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    deepStrictEqual([ready?.status, ready?.reason], ["False", "KubeletNotReady"]);
    deepStrictEqual(
      await Promise.all(
        ["polite", "stubborn", "done", "leaving"].map(async (name) => endOf(await read(name))),
      ),
      [
        "Failed Terminated 0 Completed",
        "Failed Terminated 137 Error",
        "Succeeded  0 Completed",
        "Failed Terminated 143 Error",
      ],
    );
    const target = (await read("polite")).status?.conditions
      ?.find(({ type }) => type === "DisruptionTarget");
    deepStrictEqual([target?.status, target?.reason], ["True", "TerminationByKubelet"]);
  }));

Deno.test("a kubelet that starts again after it was killed settles what was left", () =>
  withBench(async (bench) => {
    const { client, node, namespace, create, until } = bench;
    const start = () =>
      startOrchestrator("kubelet", "--kubeconfig", cluster().kubeconfigPath, "--node-name", node);
    const first = start();
    let second: ReturnType<typeof start> | undefined;
    try {
      await create("once", {});
      await create("again", {}, { restartPolicy: "Always" });
      await create("deleted", {}, { terminationGracePeriodSeconds: 600 });
      for (const name of ["once", "again", "deleted"]) await until(name, "Running", phaseOf);
      first.kill("SIGKILL");
      await first.ended;
      await client.delete(PODS, { namespace, name: "deleted" });
      second = start();
      await until("once", "Failed", phaseOf);
      await until(
        "again",
        "running 1",
        ({ status }) => {
          const [main] = status?.containerStatuses ?? [];
          return `${Object.keys(main?.state ?? {})} ${main?.restartCount}`;
        },
      );
      await eventually("the end of the deleted pod", async () => {
        try {
          await bench.read("deleted");
          return false;
        } catch (error) {
          if (isNotFound(error)) return true;
          throw error;
        }
      }, START);
      second.kill("SIGTERM");
      strictEqual(await second.ended, 0, second.stderr());
      await until("again", "Failed Terminated 143 Error", endOf);
    } finally {
      for (const kubelet of [first, second]) kubelet?.kill("SIGKILL");
      await Promise.all([first.ended, second?.ended]);
    }
  }));
