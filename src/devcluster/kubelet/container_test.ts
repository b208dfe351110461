import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { eventually } from "../../../tests/support/eventually.ts";
import type { Container } from "../../kube/mod.ts";
import { PodContainer } from "./container.ts";
import { reasonOf, type Run } from "./container_run.ts";
import type { EventNote } from "./events.ts";
import { LogFile } from "./log_file.ts";
import { MemoryGuard } from "./memory.ts";
import { PodPorts } from "./ports.ts";
import { Reaper } from "./reaper.ts";
import { RESTART_TIMING, type RunState } from "./records.ts";

const PATH = "/usr/bin:/bin";
const NEVER = new Promise<void>(() => {});

interface Rig {
  readonly container: PodContainer;
  readonly folder: string;
  readonly notes: readonly EventNote[];
  /** Waits for a state of this kind. */
  until<K extends RunState["kind"]>(kind: K): Promise<Extract<RunState, { kind: K }>>;
  log(): Promise<string>;
}

/** Starts a container that runs a shell script in a folder of its own, and ends it after `use`. */
async function withContainer(
  script: string,
  use: (rig: Rig) => Promise<void>,
  parts: Partial<Container> = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const reaper = new Reaper(PATH);
  const notes: EventNote[] = [];
  const spec = aContainer({ name: "main", command: ["/bin/sh", "-c", script], ...parts });
  const pod = aPod("pong", { spec: { containers: [spec] } });
  const container = new PodContainer({
    pod: () => pod,
    container: spec,
    place: () => ({ folder, ports: new PodPorts([], []), volumes: new Map() }),
    logFolder: `${folder}/logs`,
    onChange: () => {},
    onEvent: (note) => void notes.push(note),
  }, {
    base: { variables: { PATH }, programFolder: "/none", pythonFolder: "/none" },
    references: {
      configMap: () => Promise.resolve(undefined),
      secret: () => Promise.resolve(undefined),
      allocatable: new Map(),
    },
    reaper,
    memory: new MemoryGuard(10),
    timing: { ...RESTART_TIMING, leastGraceMs: 200 },
    logSizeLimit: 64 * 1024,
    now: Date.now,
  });
  const rig: Rig = {
    container,
    folder,
    notes,
    until: (kind) =>
      eventually(`state ${kind}`, () => {
        const { state } = container.record;
        return isOfKind(state, kind) && state;
      }),
    log: () => Deno.readTextFile(container.log(false)?.path ?? ""),
  };
  try {
    container.start(undefined);
    await use(rig);
  } finally {
    await container.end(0);
    await reaper.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

function isOfKind<K extends RunState["kind"]>(
  state: RunState,
  kind: K,
): state is Extract<RunState, { kind: K }> {
  return state.kind === kind;
}

const LOOP = "while :; do sleep 0.02; done";

Deno.test("a container tells of its start and its end", () =>
  withContainer("echo hello; exit 3", async ({ container, notes, until, log }) => {
    const { exitCode, reason } = await until("terminated");
    deepStrictEqual([exitCode, reason], [3, "Error"]);
    deepStrictEqual(notes.map(({ reason }) => reason), ["Pulled", "Created", "Started"]);
    strictEqual(notes[2]?.fieldPath, "spec.containers{main}");
    match(await log(), / stdout F hello\n$/);
    container.start({ last: await until("terminated"), crashes: 1 });
    await eventually("the second end", () => container.record.restartCount === 1);
    const { last, crashes } = container.record;
    deepStrictEqual([last?.exitCode, crashes], [3, 1]);
    await until("terminated");
    strictEqual(container.log(true)?.path.endsWith("/0.log"), true);
  }));

Deno.test("a container that does not end when it is asked to is killed", () =>
  withContainer(
    `trap 'echo no' TERM; echo up; ${LOOP}`,
    async ({ container, notes, until, log }) => {
      await until("running");
      await eventually("its trap", async () => (await log()).includes("up"));
      container.kill({
        graceMs: 300,
        message: "Stopping container main",
        after: Promise.resolve(),
      });
      const { exitCode, reason } = await until("terminated");
      deepStrictEqual([exitCode, reason], [137, "Error"]);
      match(await log(), / no\n$/);
      strictEqual(notes.at(-1)?.message, "Stopping container main");
    },
  ));

Deno.test("a shorter time to end replaces a longer one", () =>
  withContainer(`trap '' TERM; echo up; ${LOOP}`, async ({ container, notes, until, log }) => {
    await until("running");
    await eventually("its trap", async () => (await log()).includes("up"));
    const order = { message: "Stopping container main", after: Promise.resolve() };
    container.kill({ ...order, graceMs: 600_000 });
    container.kill({ ...order, graceMs: 10 });
    strictEqual((await until("terminated")).exitCode, 137);
    strictEqual(notes.filter(({ reason }) => reason === "Killing").length, 1);
  }));

Deno.test("a container waits for others before it is asked to end, but not longer than its time", () =>
  withContainer(LOOP, async ({ container, until }) => {
    await until("running");
    container.kill({ graceMs: 100, message: "", after: NEVER });
    strictEqual((await until("terminated")).exitCode, 143);
  }));

Deno.test("a container that takes too much memory is killed for that", () =>
  withContainer(
    `x=$(head -c 20000000 /dev/zero | tr '\\0' a); ${LOOP}`,
    async ({ until }) => {
      const { exitCode, reason } = await until("terminated");
      deepStrictEqual([exitCode, reason], [137, "OOMKilled"]);
    },
    { resources: { limits: { memory: "8Mi" } } },
  ));

Deno.test("a container whose log cannot be written runs on", () =>
  withContainer(
    "echo up; until test -f go; do sleep 0.02; done; yes | head -c 1000000; touch done; exit 5",
    async ({ folder, until }) => {
      await until("running");
      await Deno.remove(`${folder}/logs`, { recursive: true });
      await Deno.writeTextFile(`${folder}/go`, "");
      strictEqual((await until("terminated")).exitCode, 5);
      strictEqual((await Deno.stat(`${folder}/done`)).isFile, true);
    },
  ));

Deno.test("a container that cannot be made says why, and is tried again later", () =>
  withContainer("true", async ({ container, notes, until }) => {
    const { reason, message, retryAtMs } = await until("refused");
    deepStrictEqual([reason, message], ["CreateContainerConfigError", 'configmap "c" not found']);
    strictEqual(retryAtMs > Date.now(), true);
    deepStrictEqual(notes.at(-1)?.message, 'Error: configmap "c" not found');
    strictEqual(container.log(false), undefined);
  }, { envFrom: [{ configMapRef: { name: "c" } }] }));

Deno.test("a container whose program is not there is as one that ended with 128", () =>
  withContainer("", async ({ until }) => {
    const { exitCode, reason, waiting } = await until("terminated");
    const message = 'exec: "nonesuch": executable file not found in $PATH';
    deepStrictEqual([exitCode, reason], [128, "StartError"]);
    deepStrictEqual(waiting, { reason: "RunContainerError", message });
  }, { command: ["nonesuch"] }));

Deno.test("a container is not running before its postStart hook is done", () =>
  withContainer(LOOP, async ({ container, folder, until }) => {
    const { isInHook } = await until("running");
    deepStrictEqual([isInHook, container.record.started], [true, false]);
    await Deno.writeTextFile(`${folder}/go`, "");
    await eventually("its start", () => container.record.started);
    strictEqual((await until("running")).isInHook, undefined);
  }, {
    lifecycle: {
      postStart: { exec: { command: ["sh", "-c", "until test -f go; do sleep 0.02; done"] } },
    },
  }));

Deno.test("a container that is taken away is not started again", () =>
  withContainer(LOOP, async ({ container, until }) => {
    await until("running");
    await container.end(0);
    strictEqual((await until("terminated")).exitCode, 137);
    container.start(undefined);
    await until("refused");
  }));

Deno.test("reasonOf() knows a process that the system killed for memory by the system's count", async () => {
  const folder = await Deno.makeTempDir();
  const log = new LogFile(`${folder}/0.log`);
  const run: Run = {
    process: { pid: 1, exited: Promise.resolve(137), signal: () => {} },
    plan: { argv: ["/bin/true"], env: {}, cwd: "/" },
    log,
    messagePath: "",
    startedAtMs: 0,
    containerId: "process://1",
    ended: new AbortController().signal,
    systemKills: -1,
  };
  deepStrictEqual([
    reasonOf(run, 137),
    reasonOf(run, 1),
    reasonOf({ ...run, isKilled: true }, 137),
    reasonOf({ ...run, systemKills: Infinity }, 137),
  ], ["OOMKilled", "Error", "Error", "Error"]);
  await log.close();
  await Deno.remove(folder, { recursive: true });
});
