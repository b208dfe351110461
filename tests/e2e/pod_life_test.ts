/** What becomes of pods on a node of processes, told as their users see it: statuses, Events, logs. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { RESTART_TIMING, type RunningKubelet } from "../../src/devcluster/kubelet/mod.ts";
import {
  type Container,
  type ContainerStatus,
  EVENTS,
  type Pod,
  PODS,
  type PodSpec,
} from "../../src/kube/mod.ts";
import { eventually } from "../support/eventually.ts";
import { type ProgramProcess, startProgram } from "../support/program.ts";
import { isGone, recordPods, startNode } from "../support/story.ts";
import { createNamespace, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const NODE = `pod-life-${crypto.randomUUID().slice(0, 8)}`;
/** Ten seconds of a real kubelet are a fifth of one here. */
const TIMING = {
  ...RESTART_TIMING,
  initialMs: 200,
  maxMs: 800,
  refusedRetryMs: 100,
  leastGraceMs: 200,
};

let node: RunningKubelet | undefined;
Deno.test.beforeAll(async () => {
  node = await startNode(cluster(), NODE, "127.0.0.1:1", {
    schedule: false,
    restartTiming: TIMING,
    logSizeLimit: 256 * 1024,
  });
});
Deno.test.afterAll(() => node?.stop());

/** The node works on while a test ends and the next one begins. */
const WITH_NODE = { sanitizeOps: false, sanitizeResources: false };

function shell(script: string, parts: Partial<Container> = {}): Container {
  return { name: "main", image: "none:1", command: ["/bin/sh", "-c", script], ...parts };
}

/** One pod on the node, in a namespace of its own. */
class PodStory {
  readonly #key: { readonly namespace: string; readonly name: string };

  private constructor(namespace: string) {
    this.#key = { namespace, name: "pod" };
  }

  static async start(spec: Partial<PodSpec>, nodeName = NODE): Promise<PodStory> {
    const story = new PodStory(await createNamespace(cluster(), "life"));
    const containers = spec.containers ?? [];
    await cluster().client.create(PODS, {
      metadata: story.#key,
      spec: { nodeName, terminationGracePeriodSeconds: 1, ...spec, containers },
    });
    return story;
  }

  get namespace(): string {
    return this.#key.namespace;
  }

  pod(): Promise<Pod> {
    return cluster().client.get(PODS, this.#key);
  }

  /** Waits until the pod is as `isSo` says, and gives it. */
  until(what: string, isSo: (pod: Pod) => boolean): Promise<Pod> {
    return eventually(what, async () => {
      const pod = await this.pod();
      if (isSo(pod)) return pod;
      throw new Error(JSON.stringify(pod.status));
    });
  }

  untilPhase(phase: string): Promise<Pod> {
    return this.until(phase, (pod) => pod.status?.phase === phase);
  }

  async log(query = ""): Promise<string> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/pod/log?${query}`;
    return await (await cluster().client.stream(path, AbortSignal.timeout(10_000))).text();
  }

  /** Reasons of the pod's Events in the order of writing, each once, with the last message of each. */
  async events(): Promise<Map<string, string>> {
    const { items } = await cluster().client.list(EVENTS, { namespace: this.namespace });
    const told = items.filter(({ source }) => source?.component === "kubelet")
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
    return new Map(told.map(({ reason = "", message = "" }) => [reason, message]));
  }

  /** Waits for an Event of this reason and gives its message. */
  untilEvent(reason: string): Promise<string> {
    return eventually(`event ${reason}`, async () => (await this.events()).get(reason));
  }

  async delete(gracePeriodSeconds?: number): Promise<void> {
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await cluster().client.delete(PODS, this.#key, options);
  }

  untilGone(): Promise<boolean> {
    return eventually("the pod's end", () => isGone(this.pod()));
  }
}

function mainOf({ status }: Pod): ContainerStatus | undefined {
  return status?.containerStatuses?.[0];
}

function conditionOf({ status }: Pod, type: string): string | undefined {
  return status?.conditions?.find((one) => one.type === type)?.status;
}

/** Exit codes and reasons by container, init containers first. */
function endsOf({ status }: Pod): Record<string, string> {
  const rows = [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []];
  return Object.fromEntries(rows.map(({ name, state }) => {
    const { terminated, waiting } = state ?? {};
    return [
      name,
      terminated ? `${terminated.exitCode} ${terminated.reason}` : `${waiting?.reason}`,
    ];
  }));
}

function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}

Deno.test(
  "a pod that crashes again and again waits longer each time, and its last log can be read",
  WITH_NODE,
  async () => {
    const count = 'echo x >>runs; echo "run $(grep -c x runs)"; exit 3';
    const story = await PodStory.start({ containers: [shell(count)] });
    const pod = await story.until("a long wait", (one) => {
      const { message } = mainOf(one)?.state?.waiting ?? {};
      return message?.startsWith("back-off 1s") === true && (mainOf(one)?.restartCount ?? 0) >= 3;
    });
    const main = mainOf(pod);
    const { metadata: { uid }, status } = pod;
    deepStrictEqual(main?.state?.waiting, {
      reason: "CrashLoopBackOff",
      message: `back-off 1s restarting failed container=main pod=pod_${story.namespace}(${uid})`,
    });
    const { exitCode, reason } = main?.lastState?.terminated ?? {};
    deepStrictEqual([status?.phase, exitCode, reason], ["Running", 3, "Error"]);
    match(await story.log("previous=true"), /^run \d+\n$/);
    const [now, before] = [await story.log(), await story.log("previous=true")]
      .map((text) => Number(text.slice(4)));
    ok(now !== undefined && before !== undefined && now > before, `${now} after ${before}`);
    strictEqual(
      await story.untilEvent("BackOff"),
      `Back-off restarting failed container main in pod pod_${story.namespace}(${uid})`,
    );
    await story.delete();
    await story.untilGone();
  },
);

Deno.test("init containers run one after the other, then the rest", WITH_NODE, async () => {
  const story = await PodStory.start({
    restartPolicy: "Never",
    initContainers: [
      shell("echo one >>order", { name: "one" }),
      shell("echo two >>order", { name: "two" }),
    ],
    containers: [shell("cat order")],
  });
  const pod = await story.untilPhase("Succeeded");
  deepStrictEqual(endsOf(pod), { one: "0 Completed", two: "0 Completed", main: "0 Completed" });
  strictEqual(await story.log(), "one\ntwo\n");
  await eventually("all events", async () => {
    deepStrictEqual([...(await story.events()).keys()], ["Pulled", "Created", "Started"]);
    return true;
  });
});

Deno.test("a pod whose init container fails ends there, or tries it again", WITH_NODE, async () => {
  const initContainers = [
    shell("exit 4", { name: "bad" }),
    shell("true", { name: "later" }),
  ];
  const containers = [shell("true")];
  const ended = await PodStory.start({ restartPolicy: "Never", initContainers, containers });
  deepStrictEqual(endsOf(await ended.untilPhase("Failed")), {
    bad: "4 Error",
    later: "PodInitializing",
    main: "PodInitializing",
  });
  const looping = await PodStory.start({ initContainers, containers });
  const pod = await looping.until(
    "another try",
    ({ status }) => (status?.initContainerStatuses?.[0]?.restartCount ?? 0) > 1,
  );
  deepStrictEqual([pod.status?.phase, conditionOf(pod, "Initialized")], ["Pending", "False"]);
  await looping.delete();
  await looping.untilGone();
});

Deno.test(
  "a pod is ready once it started and for as long as its probe says so",
  WITH_NODE,
  async () => {
    const probe = { periodSeconds: 1, failureThreshold: 1 };
    const story = await PodStory.start({
      containers: [shell("until test -f go; do sleep 0.05; done; touch up; sleep 1000", {
        startupProbe: { exec: { command: ["test", "-f", "up"] }, ...probe, failureThreshold: 100 },
        readinessProbe: { exec: { command: ["test", "-f", "up"] }, ...probe },
      })],
    });
    const states: (string | undefined)[] = [];
    const note = (pod: Pod) =>
      states.push([mainOf(pod)?.started, mainOf(pod)?.ready, conditionOf(pod, "Ready")].join());
    note(await story.untilPhase("Running"));
    match(await story.untilEvent("Unhealthy"), /^Startup probe failed: /);
    const folder = await workFolder(await story.pod());
    await Deno.writeTextFile(`${folder}/go`, "");
    note(await story.until("readiness", (pod) => conditionOf(pod, "Ready") === "True"));
    await Deno.remove(`${folder}/up`);
    note(await story.until("its loss", (pod) => conditionOf(pod, "Ready") === "False"));
    deepStrictEqual(states, ["false,false,False", "true,true,True", "true,false,False"]);
    await story.delete();
    await story.untilGone();
  },
);

/** The folder in which the first container runs. */
async function workFolder(pod: Pod): Promise<string> {
  return await Deno.readLink(`/proc/${pidOf(pod)}/cwd`);
}

function pidOf(pod: Pod): number {
  return Number(mainOf(pod)?.containerID?.replace("process://", ""));
}

Deno.test(
  "a container whose liveness probe fails is stopped and started again",
  WITH_NODE,
  async () => {
    const story = await PodStory.start({
      containers: [shell("trap 'exit 0' TERM; touch up; while :; do sleep 0.05; done", {
        livenessProbe: {
          exec: { command: ["sh", "-c", "test ! -f up || { echo ill; exit 1; }"] },
          periodSeconds: 1,
          failureThreshold: 1,
        },
      })],
    });
    const pod = await story.until("a restart", (one) => mainOf(one)?.restartCount === 1);
    strictEqual(mainOf(pod)?.lastState?.terminated?.reason, "Completed");
    strictEqual(await story.untilEvent("Unhealthy"), "Liveness probe failed: ill\n");
    strictEqual(
      await story.untilEvent("Killing"),
      "Container main failed liveness probe, will be restarted",
    );
    await story.delete();
    await story.untilGone();
  },
);

Deno.test(
  "a deleted pod runs its preStop hook, gets its time, and leaves nobody behind",
  WITH_NODE,
  async () => {
    const mark = await Deno.makeTempFile();
    const story = await PodStory.start({
      containers: [
        shell(
          `trap 'echo term >>${mark}' TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done`,
          {
            lifecycle: {
              preStop: { exec: { command: ["sh", "-c", `echo stop >>${mark}; exit 7`] } },
            },
          },
        ),
      ],
    });
    const pod = await story.untilPhase("Running");
    const grandchild = await eventually("its child", async () => Number(await story.log()));
    const record = recordPods(cluster(), story.namespace);
    await eventually("a first look", () => record.seen.has("pod"));
    await story.delete();
    await story.untilGone();
    await record.stop();
    const last = record.seen.get("pod") ?? { metadata: {} };
    deepStrictEqual([last.status?.phase, endsOf(last)], ["Failed", { main: "137 Error" }]);
    deepStrictEqual([isAlive(pidOf(pod)), isAlive(grandchild)], [false, false]);
    strictEqual(await Deno.readTextFile(mark), "stop\nterm\n");
    strictEqual(await story.untilEvent("FailedPreStopHook"), "PreStopHook failed");
    await Deno.remove(mark);
  },
);

Deno.test("a container whose postStart hook fails does not run", WITH_NODE, async () => {
  const story = await PodStory.start({
    restartPolicy: "Never",
    containers: [shell("sleep 1000", {
      lifecycle: { postStart: { exec: { command: ["sh", "-c", "echo nope; exit 3"] } } },
    })],
  });
  deepStrictEqual(endsOf(await story.untilPhase("Failed")), { main: "143 Error" });
  strictEqual(await story.untilEvent("FailedPostStartHook"), "PostStartHook failed");
  strictEqual(await story.untilEvent("Killing"), "FailedPostStartHook");
});

Deno.test("a pod that is active for too long fails", WITH_NODE, async () => {
  const story = await PodStory.start({
    activeDeadlineSeconds: 2,
    containers: [shell("trap 'exit 0' TERM; while :; do sleep 0.05; done")],
  });
  const pod = await story.untilPhase("Failed");
  deepStrictEqual([pod.status?.reason, endsOf(pod)], ["DeadlineExceeded", { main: "0 Completed" }]);
  strictEqual(await story.untilEvent("DeadlineExceeded"), pod.status?.message);
});

Deno.test(
  "a container that takes more memory than it may is killed for it",
  WITH_NODE,
  async () => {
    const story = await PodStory.start({
      restartPolicy: "Never",
      containers: [
        shell(
          "head -c 100000000 /dev/zero | tail -c 99999999 >/dev/null; x=$(head -c 90000000 /dev/zero | tr '\\0' a); sleep 1000",
          {
            resources: { limits: { memory: "32Mi" } },
          },
        ),
      ],
    });
    deepStrictEqual(endsOf(await story.untilPhase("Failed")), { main: "137 OOMKilled" });
  },
);

Deno.test("a signal that ends a process is its exit code", WITH_NODE, async () => {
  const containers = [
    shell("kill -SEGV $$$$", { name: "segv" }),
    shell("kill -KILL $$$$", { name: "kill" }),
    shell("exit 5", { name: "exit" }),
  ];
  const story = await PodStory.start({ restartPolicy: "Never", containers });
  deepStrictEqual(endsOf(await story.untilPhase("Failed")), {
    segv: "139 Error",
    kill: "137 Error",
    exit: "5 Error",
  });
});

Deno.test(
  "a pod that misses a config map says so, and starts once it is there",
  WITH_NODE,
  async () => {
    const valueFrom = { configMapKeyRef: { name: "settings", key: "colour" } };
    const story = await PodStory.start({
      restartPolicy: "Never",
      containers: [shell("echo $COLOUR", { env: [{ name: "COLOUR", valueFrom }] })],
    });
    const pod = await story.until(
      "the reason",
      (one) => mainOf(one)?.state?.waiting?.message !== undefined,
    );
    deepStrictEqual([pod.status?.phase, mainOf(pod)?.state?.waiting], ["Pending", {
      reason: "CreateContainerConfigError",
      message: 'configmap "settings" not found',
    }]);
    strictEqual(await story.untilEvent("Failed"), 'Error: configmap "settings" not found');
    const path = `/api/v1/namespaces/${story.namespace}/configmaps`;
    const body = { metadata: { name: "settings" }, data: { colour: "red" } };
    await cluster().client.request("POST", path, {}, body);
    await story.untilPhase("Succeeded");
    strictEqual(await story.log(), "red\n");
  },
);

Deno.test("a program that is not there is a failed start", WITH_NODE, async () => {
  const containers = [{ name: "main", image: "none:1", command: ["nonesuch"] }];
  const once = await PodStory.start({ restartPolicy: "Never", containers });
  const pod = await once.untilPhase("Failed");
  deepStrictEqual(endsOf(pod), { main: "128 StartError" });
  strictEqual(
    mainOf(pod)?.state?.terminated?.message,
    'exec: "nonesuch": executable file not found in $PATH',
  );
  const again = await PodStory.start({ containers });
  await again.until(
    "back-off",
    (one) => mainOf(one)?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  await again.delete();
  await again.untilGone();
});

Deno.test(
  "sidecars start before the main container and end after it, the last one first",
  WITH_NODE,
  async () => {
    const mark = await Deno.makeTempFile();
    const script = (name: string) =>
      `trap 'echo ${name} ends >>${mark}; exit 0' TERM; echo ${name} >>${mark}; touch ${name}; ` +
      "while :; do sleep 0.05; done";
    const sidecar = (name: string): Container =>
      shell(script(name), {
        name,
        restartPolicy: "Always",
        startupProbe: { exec: { command: ["test", "-f", name] }, periodSeconds: 1 },
      });
    const story = await PodStory.start({
      terminationGracePeriodSeconds: 5,
      initContainers: [sidecar("first"), sidecar("second")],
      containers: [shell(script("main"))],
    });
    await story.until("readiness", (pod) => conditionOf(pod, "Ready") === "True");
    await eventually(
      "the main container",
      async () => (await Deno.readTextFile(mark)).includes("main"),
    );
    await story.delete();
    await story.untilGone();
    deepStrictEqual((await Deno.readTextFile(mark)).trimEnd().split("\n"), [
      "first",
      "second",
      "main",
      "main ends",
      "second ends",
      "first ends",
    ]);
    await Deno.remove(mark);
  },
);

Deno.test("a container's last words are in its status", WITH_NODE, async () => {
  const containers = [
    shell("echo no; echo my words >$TERMINATION_MESSAGE_PATH; exit 1", { name: "file" }),
    shell("echo the log; exit 1", {
      name: "log",
      terminationMessagePolicy: "FallbackToLogsOnError",
    }),
    shell("echo the log; exit 1", { name: "none" }),
  ];
  const story = await PodStory.start({ restartPolicy: "Never", containers });
  const { status } = await story.untilPhase("Failed");
  const words = status?.containerStatuses?.map(({ state }) => state?.terminated?.message);
  deepStrictEqual(words, ["my words\n", "the log\n", undefined]);
});

Deno.test(
  "a container that never stops writing is not held up, nor does its log fill the disk",
  WITH_NODE,
  async () => {
    const story = await PodStory.start({
      restartPolicy: "Never",
      containers: [shell("yes | head -c 4000000; echo; echo done")],
    });
    await story.untilPhase("Succeeded");
    const log = await story.log();
    ok(log.endsWith("y\n\ndone\n"), log.slice(-20));
    ok(log.length < 512 * 1024, `${log.length}`);
  },
);

Deno.test(
  "what a killed kubelet ran is dead, and goes on under the next one",
  WITH_NODE,
  async () => {
    const name = `${NODE}-killed`;
    const config = `--kubeconfig=${cluster().kubeconfigPath}`;
    const start = () => startProgram(["kubelet", "--no-schedule", config, `--node-name=${name}`]);
    const first = start();
    let second: ProgramProcess | undefined;
    try {
      const spec = {
        initContainers: [shell("echo once >>runs", { name: "init" })],
        containers: [shell("cat runs; trap '' TERM; while :; do sleep 0.05; done")],
      };
      const going = await PodStory.start(spec, name);
      const ending = await PodStory.start({ ...spec, restartPolicy: "Never" }, name);
      const pids = [await going.untilPhase("Running"), await ending.untilPhase("Running")].map(
        pidOf,
      );
      await first.end("SIGKILL");
      await eventually("their end", () => pids.every((pid) => !isAlive(pid)));
      second = start();
      deepStrictEqual(endsOf(await ending.untilPhase("Failed")), {
        init: "0 Completed",
        main: "137 ContainerStatusUnknown",
      });
      const pod = await going.until(
        "the second run",
        (one) => mainOf(one)?.restartCount === 1 && mainOf(one)?.state?.running !== undefined,
      );
      const { exitCode, reason } = mainOf(pod)?.lastState?.terminated ?? {};
      deepStrictEqual([exitCode, reason], [137, "ContainerStatusUnknown"]);
      // Its folder is a new one: what the init container had made was made again.
      strictEqual(pod.status?.initContainerStatuses?.[0]?.restartCount, 1);
      await eventually("its log", async () => await going.log() === "once\n");
      for (const story of [going, ending]) {
        await story.delete();
        await story.untilGone();
      }
    } finally {
      await first.end("SIGKILL");
      await second?.end("SIGTERM");
    }
  },
);
