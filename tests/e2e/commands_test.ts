/** The commands as processes: what they print, how they end, and what they say when they cannot work. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseAllDocuments, stringify } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { DIJOBS } from "../../src/api/mod.ts";
import { createDefinition, KubeClient, PODS, readKubeconfig } from "../../src/kube/mod.ts";
import {
  explained,
  printed,
  processesWith,
  PROGRAM,
  type RunningCommand,
  runOrchestrator,
  startCommand,
  startOrchestrator,
} from "../support/command.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { kubeconfigFor, startLateApiServer } from "../support/late_api_server.ts";
import { shellJob } from "../support/shell_job.ts";
import { readProjectCrds } from "../support/shared_control_plane.ts";
import { objectsOf, SERVER_ADDRESS, submitMockJob, untilFinished } from "../support/story.ts";
import {
  createNamespace,
  ensureNamespace,
  IS_REAL,
  type TestCluster,
  useTestCluster,
} from "../support/test_cluster.ts";

const cluster = useTestCluster();
const START = { timeoutMs: 30_000 };

async function withClient<T>(path: string, use: (client: KubeClient) => Promise<T>): Promise<T> {
  const client = new KubeClient(readKubeconfig(path));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** Runs `use` with a temporary folder. */
async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "di-test-commands-" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One line on standard error, and nothing else. */
function assertOneLine(text: string, pattern: RegExp): void {
  strictEqual(text.trimEnd().split("\n").length, 1, text);
  match(text, pattern);
}

/** Starts a `dev` cluster by these words, with a job on it whose processes have `marker` in them. */
async function startBusyDev(words: readonly string[]) {
  const marker = `1000000.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const command = startCommand(words);
  try {
    const kubeconfigPath = await printed(command, "KUBECONFIG");
    const serverUrl = await printed(command, "SERVER");
    await withClient(kubeconfigPath, async (client) => {
      await client.create(
        DIJOBS,
        shellJob("busy", `trap "" TERM; sleep ${marker} & sleep ${marker} & wait; wait`),
      );
      await eventually(
        "the job's processes",
        () => processesWith(`sleep ${marker}`).length >= 3,
        START,
      );
    });
    return { command, kubeconfigPath, serverUrl, marker };
  } catch (error) {
    command.kill("SIGKILL");
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test.each([{ signal: "SIGTERM" as const }, { signal: "SIGINT" as const }])(
  "dev serves until $signal, then ends every process that it started and exits 0",
  async ({ signal }) => {
    const { command, kubeconfigPath, serverUrl, marker } = await startBusyDev([...PROGRAM, "dev"]);
    try {
      const health = await fetch(`${serverUrl}/healthz`);
      await health.body?.cancel();
      strictEqual(health.status, 200);
      deepStrictEqual(command.stdout(), `KUBECONFIG=${kubeconfigPath}\nSERVER=${serverUrl}\n`);
      command.kill(signal);
      strictEqual(await command.ended, 0);
      deepStrictEqual(processesWith(marker), []);
      strictEqual(await exists(kubeconfigPath), false);
    } finally {
      command.kill("SIGKILL");
    }
  },
);

Deno.test.each([
  { starter: "a shell", words: ["/bin/sh", "-c", '"$@" & wait', "sh", ...PROGRAM, "dev"] },
  { starter: "deno task", words: [Deno.execPath(), "task", "--quiet", "dev"] },
])("dev ends when $starter that started it is killed", async ({ words }) => {
  const { command, kubeconfigPath, marker } = await startBusyDev(words);
  command.kill("SIGKILL");
  strictEqual(await command.ended, "SIGKILL");
  // Its output is closed, so it has ended; what it started may not outlive it.
  deepStrictEqual(processesWith(marker), []);
  strictEqual(await exists(kubeconfigPath), false);
});

Deno.test("apiserver, kubelet, operator and server run the sample job as processes of their own", async () => {
  await withFolder(async (folder) => {
    const started: RunningCommand[] = [];
    const start = (...args: string[]) => {
      const command = startOrchestrator(...args);
      started.push(command);
      return command;
    };
    try {
      const kubeconfigPath = IS_REAL ? cluster().kubeconfigPath : `${folder}/kubeconfig`;
      if (!IS_REAL) {
        const apiserver = start(
          "apiserver",
          "--bind-address",
          "127.0.0.1:0",
          "--write-kubeconfig",
          kubeconfigPath,
        );
        strictEqual(await printed(apiserver, "KUBECONFIG"), kubeconfigPath);
      }
      const access = ["--kubeconfig", kubeconfigPath];
      const server = start("server", ...access, "--server-bind-address", "127.0.0.1:0");
      start(
        "operator",
        ...access,
        "--metrics-bind-address",
        "0",
        "--health-probe-bind-address",
        "127.0.0.1:0",
      );
      const { host } = new URL(await printed(server, "SERVER"));
      start("kubelet", ...access, "--node-name", "alone", "--route", `${SERVER_ADDRESS}=${host}`);
      await explained(started, () =>
        withClient(kubeconfigPath, async (client) => {
          const alone: TestCluster = { client, kubeconfigPath, hasGarbageCollector: true };
          if (!IS_REAL) {
            for (const crd of await readProjectCrds()) await createDefinition(client, crd);
            await ensureNamespace(alone, "di-system");
          }
          const submitted = await submitMockJob(alone, await createNamespace(alone, "alone"));
          const { status } = await untilFinished(alone, submitted);
          strictEqual(status?.phase, "Succeeded");
          await eventually(
            "the clean-up",
            async () => (await objectsOf(alone, submitted)).pods.length === 1,
          );
        }));
      for (const command of started.toReversed()) {
        command.kill("SIGTERM");
        strictEqual(await command.ended, 0, command.stderr());
      }
    } finally {
      for (const command of started) command.kill("SIGKILL");
      await Promise.all(started.map(({ ended }) => ended));
    }
  });
});

Deno.test("a port in use is named in one line, and ends every command with 1", async () => {
  await withFolder(async (folder) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${listener.addr.port}`;
    const path = `${folder}/kubeconfig`;
    await Deno.writeTextFile(path, kubeconfigFor("http://127.0.0.1:1"));
    const outcomes = await Promise.all([
      ["apiserver", "--bind-address", address],
      ["server", "--kubeconfig", path, "--server-bind-address", address],
      [
        "operator",
        "--kubeconfig",
        path,
        "--metrics-bind-address",
        "0",
        "--health-probe-bind-address",
        address,
      ],
      ["dev", "--bind-address", address],
      ["dev", "--server-bind-address", address],
    ].map(async (args) => ({ args, ...await runOrchestrator(...args, "--log-level", "error") })));
    listener.close();
    for (const { args, end, stdout, stderr } of outcomes) {
      deepStrictEqual({ args, end, stdout }, { args, end: 1, stdout: "" });
      assertOneLine(
        stderr,
        new RegExp(`^di-orchestrator: Cannot listen on "${address}": .*in use`),
      );
    }
  });
});

Deno.test("a kubeconfig that cannot be read is named in one line, and ends every command with 1", async () => {
  await withFolder(async (folder) => {
    const broken = `${folder}/broken`;
    await Deno.writeTextFile(broken, "clusters: [\n");
    const outcomes = await Promise.all(
      ["operator", "server", "kubelet"].flatMap((name) =>
        [`${folder}/none`, broken].map(async (path) => ({
          path,
          ...await runOrchestrator(name, "--kubeconfig", path),
        }))
      ),
    );
    for (const { path, end, stdout, stderr } of outcomes) {
      deepStrictEqual({ end, stdout }, { end: 1, stdout: "" }, stderr);
      assertOneLine(
        stderr,
        new RegExp(`^di-orchestrator: Cannot (read|use) kubeconfig "${path}": `),
      );
    }
  });
});

Deno.test("operator and server outlast an API server that is away, and work when it comes", async () => {
  const late = await startLateApiServer(cluster());
  const path = late.kubeconfigPath;
  const probe = "127.0.0.1:" + freePort();
  const operator = startOrchestrator(
    "operator",
    "--kubeconfig",
    path,
    "--metrics-bind-address",
    "0",
    "--health-probe-bind-address",
    probe,
  );
  const server = startOrchestrator(
    "server",
    "--kubeconfig",
    path,
    "--server-bind-address",
    "127.0.0.1:0",
  );
  try {
    const url = await printed(server, "SERVER");
    const replicas = (namespace: string) =>
      `${url}/v1alpha1/replicas?namespace=${namespace}&coordinator=late-coordinator`;
    await eventually("the operator's probes", async () =>
      deepStrictEqual(
        [await statusOf(`http://${probe}/healthz`), await statusOf(`http://${probe}/readyz`)],
        [200, 500],
      ) ?? true, START);
    await eventually(
      "the server to be ready without",
      async () => await statusOf(`${url}/readyz`) === 200,
      START,
    );
    const answer = await fetch(replicas("default"));
    const body = await answer.json();
    deepStrictEqual([answer.status, body.success], [200, false]);

    await late.appear();
    await explained(
      [operator, server],
      () =>
        withClient(late.clusterKubeconfigPath, async (client) => {
          const there: TestCluster = { client, kubeconfigPath: path, hasGarbageCollector: true };
          const namespace = await createNamespace(there, "late");
          await client.create(DIJOBS, shellJob("late", "exit 0", namespace));
          await eventually(
            "the coordinator",
            () => client.get(PODS, { namespace, name: "late-coordinator" }),
            { timeoutMs: 45_000 },
          );
          await eventually("the server's answer", async () => {
            const response = await fetch(replicas(namespace));
            return (await response.json()).success;
          }, { timeoutMs: 45_000 });
        }),
    );
    strictEqual(await statusOf(`http://${probe}/readyz`), 200);
    for (const command of [operator, server]) {
      command.kill("SIGTERM");
      strictEqual(await command.ended, 0, command.stderr());
    }
  } finally {
    for (const command of [operator, server]) command.kill("SIGKILL");
    await late.stop();
  }
});

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

Deno.test("crds, version and --help print what they promise", async () => {
  const [crds, version, help, serverHelp] = await Promise.all(
    [["crds"], ["version"], ["--help"], ["server", "--help"]].map((args) =>
      runOrchestrator(...args)
    ),
  );
  const names = parseAllDocuments(crds?.stdout ?? "").map((document) =>
    document.toJS().metadata.name
  );
  deepStrictEqual(names.sort(), [
    "aggregatorconfigs.diengine.opendilab.org",
    "dijobs.diengine.opendilab.org",
  ]);
  const { deno, typescript, v8 } = Deno.version;
  deepStrictEqual(version, {
    end: 0,
    stdout: [
      `di-orchestrator ${config.version}`,
      "commit     from the sources",
      `deno       ${deno} (v8 ${v8})`,
      `typescript ${typescript}`,
      "",
    ].join("\n"),
    stderr: "",
  });
  for (
    const name of ["operator", "server", "apiserver", "kubelet", "dev", "demo", "mock", "crds"]
  ) {
    match(help?.stdout ?? "", new RegExp(`^  ${name} `, "m"));
  }
  match(serverHelp?.stdout ?? "", /--server-bind-address/);
  deepStrictEqual([crds?.end, help?.end, serverHelp?.end], [0, 0, 0]);
});

Deno.test("a flag or a command that is unknown is named, and ends the program with 2", async () => {
  const [flag, command] = await Promise.all([
    runOrchestrator("server", "--frobnicate"),
    runOrchestrator("frobnicate"),
  ]);
  deepStrictEqual([flag?.end, command?.end], [2, 2]);
  match(flag?.stderr ?? "", /^error: unknown option '--frobnicate'/);
  match(command?.stderr ?? "", /^error: unknown command 'frobnicate'/);
});

Deno.test.each([
  {
    what: "names file, line and column of broken YAML",
    text: "apiVersion: v1\nkind: DIJob\nmetadata: {name: a\n",
    end: 1,
    says: /^di-orchestrator: FILE:4:1: ./,
  },
  {
    what: "names the field that the API server refuses",
    text: stringify({
      ...shellJob("a", "exit 0"),
      spec: { ...shellJob("a", "exit 0").spec, cleanPodPolicy: "Some" },
    }),
    end: 1,
    says: /^di-orchestrator: .*spec\.cleanPodPolicy: Unsupported value: "Some"/,
  },
  {
    what: "refuses a field that there is not",
    text: stringify({
      ...shellJob("a", "exit 0"),
      spec: { ...shellJob("a", "exit 0").spec, cleanPodPolcy: "All" },
    }),
    end: 1,
    says: /^di-orchestrator: .*unknown field "spec\.cleanPodPolcy"/,
  },
  {
    what: "ends with 1 when a template is refused",
    text: stringify({
      ...shellJob("a", "exit 0"),
      spec: {
        ...shellJob("a", "exit 0").spec,
        learner: {
          template: aTemplate({ containers: [aContainer({ ports: [{ containerPort: 99_999 }] })] }),
        },
      },
    }),
    end: 1,
    shows:
      "Not observed: the job starts: InvalidTemplate: spec.learner.template.spec.containers[0]",
  },
  {
    what: "ends with 0 when the job succeeds",
    text: stringify(shellJob("a", "exit 0")),
    end: 0,
    shows: "The job succeeded.",
  },
  {
    what: "ends with 1 when the job fails",
    text: stringify(shellJob("a", "exit 3")),
    end: 1,
    shows: "The job failed.",
  },
])("demo --job FILE $what", async ({ text, end, says, shows = "" }) => {
  await withFolder(async (folder) => {
    const file = `${folder}/job.yaml`;
    await Deno.writeTextFile(file, text);
    const outcome = await runOrchestrator("demo", "--job", file);
    strictEqual(outcome.end, end, outcome.stdout + outcome.stderr);
    if (says === undefined) {
      strictEqual(outcome.stderr, "");
      ok(outcome.stdout.includes(shows), outcome.stdout);
    } else assertOneLine(outcome.stderr.replaceAll(file, "FILE"), says);
  });
});
