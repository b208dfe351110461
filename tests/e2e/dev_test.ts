/** Clusters on one machine: side by side, and killed in the middle of things. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { DIJOBS } from "../../src/api/mod.ts";
import {
  type Container,
  KubeClient,
  type Pod,
  PODS,
  type PodSpec,
  readKubeconfig,
} from "../../src/kube/mod.ts";
import { aContainer } from "../support/builders.ts";
import {
  explained,
  printed,
  processesWith,
  PROGRAM,
  type RunningCommand,
  startCommand,
} from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { shellJob } from "../support/shell_job.ts";

const START = { timeoutMs: 30_000 };

interface RunningDev {
  readonly command: RunningCommand;
  readonly client: KubeClient;
  readonly folder: string;
}

/** Starts these clusters, gives them to `use`, and ends whatever is left of them. */
async function withDevs(count: number, use: (devs: RunningDev[]) => Promise<void>): Promise<void> {
  const commands = Array.from({ length: count }, () => startCommand([...PROGRAM, "dev"]));
  const devs: RunningDev[] = [];
  try {
    for (const command of commands) {
      const path = await printed(command, "KUBECONFIG");
      await printed(command, "SERVER");
      const client = new KubeClient(readKubeconfig(path));
      devs.push({ command, client, folder: path.slice(0, path.lastIndexOf("/")) });
    }
    await explained(commands, () => use(devs));
  } finally {
    for (const command of commands) command.kill("SIGTERM");
    await Promise.all(commands.map(({ ended }) => ended));
    for (const { client } of devs) client.close();
  }
}

/** What a process can be found by, as the number of seconds that it sleeps. */
function marker(): string {
  return `1000000.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
}

function isGone(path: string): Promise<boolean> {
  return rejects(Deno.stat(path), Deno.errors.NotFound).then(() => true);
}

Deno.test("two dev clusters run side by side, and one outlives the other", () =>
  withDevs(2, async ([one, other]) => {
    if (one === undefined || other === undefined) throw new Error("two were asked for");
    const marks = [marker(), marker()];
    await Promise.all([one, other].map(async ({ client }, at) => {
      // The same names at the same time.
      await client.create(DIJOBS, shellJob("twin", `sleep ${marks[at]} & sleep 1; exit 0`));
      const key = { namespace: "default", name: "twin" };
      const phase = await eventually("the job's end", async () => {
        const { status } = await client.get(DIJOBS, key);
        return ["Succeeded", "Failed"].includes(status?.phase ?? "") && status?.phase;
      }, START);
      strictEqual(phase, "Succeeded");
      const { items } = await client.list(PODS, {});
      deepStrictEqual(items.map(({ metadata }) => metadata.name), ["twin-coordinator"]);
    }));
    await one.client.create(DIJOBS, shellJob("busy", `sleep ${marks[0]}`));
    await other.client.create(DIJOBS, shellJob("busy", `sleep ${marks[1]}`));
    const processesOf = (at: number) => processesWith(`sleep ${marks[at]}`);
    await eventually(
      "both to be busy",
      () => [0, 1].every((at) => processesOf(at).length > 0),
      START,
    );

    one.command.kill("SIGKILL");
    strictEqual(await one.command.ended, "SIGKILL");
    await eventually("the end of all that it ran", () => processesOf(0).length === 0);
    await eventually("the end of its folder", () => isGone(one.folder));
    strictEqual(processesOf(1).length > 0, true);
    const { items } = await other.client.list(PODS, {});
    deepStrictEqual(
      items.map(({ metadata, status }) => `${metadata.name} ${status?.phase}`).sort(),
      ["busy-coordinator Running", "twin-coordinator Succeeded"],
    );
    await other.client.create(DIJOBS, shellJob("after", "exit 0"));
    await eventually("a job after that", async () => {
      const { status } = await other.client.get(DIJOBS, { namespace: "default", name: "after" });
      return status?.phase === "Succeeded";
    }, START);
  }));

function shell(script: string, more: Partial<Container> = {}): Container {
  return aContainer({ name: "main", command: ["sh", "-c", script], ...more });
}

/** Pods each of which is in another state of its life when the cluster is killed. */
function podsInAllPhases(mark: string): Record<string, Partial<PodSpec>> {
  const sleep = `sleep ${mark}`;
  return {
    stubborn: {
      containers: [shell(`trap "" TERM; (trap "" TERM; ${sleep}; ${sleep}) & wait; wait`)],
    },
    "double-fork": { containers: [shell(`(${sleep} &) ; ${sleep}`)] },
    "own-session": {
      containers: [shell(`setsid sh -c 'trap "" TERM; ${sleep}; ${sleep}' & ${sleep}`)],
    },
    initializing: { initContainers: [shell(sleep, { name: "init" })], containers: [shell(sleep)] },
    probing: {
      containers: [
        shell(sleep, {
          readinessProbe: { exec: { command: ["sh", "-c", sleep] }, timeoutSeconds: 100 },
        }),
      ],
    },
    stopping: {
      terminationGracePeriodSeconds: 100,
      containers: [
        shell(sleep, {
          lifecycle: { preStop: { exec: { command: ["sh", "-c", `${sleep}; : stopping`] } } },
        }),
      ],
    },
  };
}

Deno.test("nothing outlives a dev that is killed, whatever its pods were at", () =>
  withDevs(1, async ([dev]) => {
    if (dev === undefined) throw new Error("one was asked for");
    const { client, command, folder } = dev;
    const mark = marker();
    const create = (name: string, spec: Partial<PodSpec>) =>
      client.create<Pod>(PODS, {
        metadata: { name, namespace: "default" },
        spec: { containers: [], restartPolicy: "Never", ...spec },
      });
    const phases = podsInAllPhases(mark);
    await Promise.all(Object.entries(phases).map(([name, spec]) => create(name, spec)));
    const countOf = (text: string) => processesWith(text).length;
    await eventually("the processes of all pods", () => countOf(mark) >= 11, START);
    await client.delete(PODS, { namespace: "default", name: "stopping" });
    await eventually("the hook", () => countOf(`${mark}; : stopping`) > 0, START);
    // These are about to start.
    await Promise.all(
      Array.from(
        { length: 8 },
        (_, at) => create(`late-${at}`, { containers: [shell(`sleep ${mark}`)] }),
      ),
    );
    command.kill("SIGKILL");
    strictEqual(await command.ended, "SIGKILL");
    await eventually("the end of all processes", () => {
      deepStrictEqual(processesWith(mark), []);
      return true;
    });
    await eventually("the end of the folder", () => isGone(folder));
  }));
