import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { eventually } from "../../../tests/support/eventually.ts";
import { startProcess } from "./process.ts";
import { Reaper } from "./reaper.ts";

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

const HOLDER = `
import { startProcess } from ${JSON.stringify(import.meta.resolve("./process.ts"))};
import { Reaper } from ${JSON.stringify(import.meta.resolve("./reaper.ts"))};
const reaper = new Reaper(Deno.env.get("PATH") ?? "");
const argv = ["/bin/sh", "-c", "trap '' TERM; (while :; do :; done) & while :; do :; done"];
const run = await startProcess({ argv, env: {}, cwd: "/", onOutput: () => {} }, reaper);
await Deno.stdout.write(new TextEncoder().encode(run.pid + "\\n"));
await run.exited;
`;

Deno.test("no process outlives a holder that is killed", async () => {
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", `data:application/typescript,${encodeURIComponent(HOLDER)}`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = holder.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const group = Number((await reader.read()).value);
  strictEqual(isGroupAlive(group), true);
  holder.kill("SIGKILL");
  await holder.status;
  await reader.cancel();
  await eventually("the group to be gone", () => !isGroupAlive(group));
});
