import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { eventually } from "../../../tests/support/eventually.ts";
import { startProcess } from "./process.ts";
import { Reaper } from "./reaper.ts";
import { MARK_VARIABLE } from "./strays.ts";

/** Whatever the tests themselves were started with. */
const PATH = "/usr/bin:/bin";

/** Runs `use` with a reaper, which ends whatever a failed test leaves. */
async function withReaper(use: (reaper: Reaper) => Promise<void>): Promise<void> {
  const reaper = new Reaper(PATH);
  try {
    await use(reaper);
  } finally {
    await reaper.stop();
  }
}

function shell(script: string, env: Record<string, string> = {}) {
  let output = "";
  const decoder = new TextDecoder();
  const spec = {
    argv: ["/bin/sh", "-c", script] as const,
    env: { PATH, ...env },
    cwd: "/",
    onOutput: (data: Uint8Array) => void (output += decoder.decode(data, { stream: true })),
  };
  return { spec, output: () => output };
}

/** The processes of a group, as the system has them. */
function isGroupAlive(group: number): boolean {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[2] === String(group) && fields[0] !== "Z") return true;
    } catch {
      // It ended while we looked.
    }
  }
  return false;
}

Deno.test.each([
  { what: "its exit code", script: "exit 3", code: 3, output: "" },
  { what: "a signal", script: "kill -9 $$", code: 137, output: "" },
  {
    what: "both streams in order",
    script: "echo a; echo b >&2; echo c",
    code: 0,
    output: "a\nb\nc\n",
  },
  { what: "an empty standard input", script: "cat; echo end", code: 0, output: "end\n" },
  { what: "its variables alone", script: 'echo "$X$HOME"', code: 0, output: "1\n" },
])("a process gives $what", ({ script, code, output }) =>
  withReaper(async (reaper) => {
    const run = shell(script, { X: "1" });
    const process = await startProcess(run.spec, reaper);
    deepStrictEqual([await process.exited, run.output()], [code, output]);
  }));

Deno.test("a process gets variables whose names a shell cannot spell", () =>
  withReaper(async (reaper) => {
    const run = shell("", { "a.b": "odd" });
    const spec = { ...run.spec, argv: ["/usr/bin/env"] as const };
    const process = await startProcess(spec, reaper);
    strictEqual(await process.exited, 0);
    strictEqual(run.output().includes("a.b=odd\n"), true, run.output());
  }));

Deno.test("what a process leaves behind ends with it", () =>
  withReaper(async (reaper) => {
    const run = shell("(while :; do read x </dev/zero; done) & echo started");
    const process = await startProcess(run.spec, reaper);
    strictEqual(await process.exited, 0);
    await eventually("the group to be gone", () => !isGroupAlive(process.pid));
  }));

/** Starts what leaves its session, and says the number of the process that does. */
const LEAVE = "setsid sh -c 'echo $$; trap \"\" TERM; while :; do sleep 0.1; done' &";

Deno.test("what a process leaves behind in sessions of its own ends with it", () =>
  withReaper(async (reaper) => {
    const [mark, otherMark] = [reaper.nextMark(), reaper.nextMark()];
    const other = shell("echo up; read x </dev/zero; while :; do :; done", {
      [MARK_VARIABLE]: otherMark,
    });
    const kept = await startProcess({ ...other.spec, mark: otherMark }, reaper);
    await eventually("the other to be up", () => other.output() === "up\n");
    const run = shell(`${LEAVE} (${LEAVE}); sleep 0.2`, { [MARK_VARIABLE]: mark });
    const process = await startProcess({ ...run.spec, mark }, reaper);
    strictEqual(await process.exited, 0);
    const left = run.output().trim().split("\n").map(Number);
    deepStrictEqual([left.length, left.filter(isGroupAlive)], [2, []]);
    strictEqual(isGroupAlive(kept.pid), true);
    kept.signal("SIGKILL");
    await kept.exited;
  }));

Deno.test("a signal reaches the whole group", () =>
  withReaper(async (reaper) => {
    const run = shell('trap "echo bye; exit 5" TERM; echo up; while :; do :; done');
    const process = await startProcess(run.spec, reaper);
    await eventually("it to be up", () => run.output() === "up\n");
    process.signal("SIGTERM");
    deepStrictEqual([await process.exited, run.output()], [5, "up\nbye\n"]);
    process.signal("SIGKILL");
  }));

Deno.test("a reaper ends what is written down, and nothing else", async () => {
  const [one, other] = [new Reaper(PATH), new Reaper(PATH)];
  const kept = await startProcess(shell("read x </dev/zero; while :; do :; done").spec, other);
  const stubborn = shell("trap '' TERM; echo up; while :; do :; done");
  const ended = await startProcess(stubborn.spec, one);
  await eventually("it to be up", () => stubborn.output() === "up\n");
  await one.stop();
  strictEqual(await ended.exited, 137);
  strictEqual(isGroupAlive(kept.pid), true);
  kept.signal("SIGKILL");
  strictEqual(await kept.exited, 137);
  await other.stop();
});

const STUBBORN = `trap '' TERM; (while :; do :; done) & ${LEAVE} while :; do sleep 0.1; done`;
const HOLDER = `
import { startProcess } from ${JSON.stringify(import.meta.resolve("./process.ts"))};
import { Reaper } from ${JSON.stringify(import.meta.resolve("./reaper.ts"))};
const reaper = new Reaper(...Deno.args);
const script = ${JSON.stringify(STUBBORN)};
const env = { PATH: Deno.env.get("PATH"), KUBELET_PROCESS: reaper.nextMark() };
const onOutput = (data) => Deno.stdout.write(data);
const run = await startProcess({ argv: ["/bin/sh", "-c", script], env, cwd: "/", onOutput }, reaper);
await Deno.stdout.write(new TextEncoder().encode(run.pid + "\\n"));
await run.exited;
`;

Deno.test.each([
  { what: "no process and no folder", tools: PATH },
  { what: "no process, where there are no tools,", tools: "/nonexistent" },
])("$what outlives a holder that is killed", async ({ tools }) => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/file`, "");
  const program = `data:application/typescript,${encodeURIComponent(HOLDER)}`;
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-config", program, tools, folder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = holder.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (output.split("\n").length < 3) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The holder has ended after "${output}"`);
    output += value;
  }
  const groups = output.trim().split("\n").map(Number);
  deepStrictEqual(groups.map(isGroupAlive), [true, true]);
  holder.kill("SIGKILL");
  await holder.status;
  await reader.cancel();
  await eventually("all groups to be gone", () => !groups.some(isGroupAlive));
  if (tools !== PATH) return await Deno.remove(folder, { recursive: true });
  await eventually("the folder to be gone", () => rejects(Deno.stat(folder)).then(() => true));
});
