import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually } from "./eventually.ts";
import { ProcessKeeper } from "./process_keeper.ts";

/** A shell that has started a second process, ignores SIGTERM, and says both process ids. */
const STUBBORN = ["/bin/sh", "-c", 'trap "" TERM; sleep 600 & echo $$ $!; wait; wait'];

Deno.test("ProcessKeeper.start() gives pid, output and exit code", async () => {
  const keeper = await ProcessKeeper.open("keeper-test-");
  try {
    const kept = await keeper.start("hello", ["/bin/sh", "-c", 'echo "$$ $GREETING"; exit 3'], {
      env: { GREETING: "hi" },
    });
    strictEqual(await kept.ended, 3);
    deepStrictEqual([kept.exited, kept.logTail()], [true, `${kept.pid} hi`]);
  } finally {
    await keeper.stop();
  }
});

Deno.test("ProcessKeeper.start() of a missing program ends with 127 and says why", async () => {
  const keeper = await ProcessKeeper.open("keeper-test-");
  try {
    const kept = await keeper.start("missing", ["/nowhere/program"]);
    strictEqual(await kept.ended, 127);
    ok(kept.logTail().includes("/nowhere/program"), kept.logTail());
  } finally {
    await keeper.stop();
  }
});

Deno.test("ProcessKeeper.stop() ends stopped processes and their children, and the folder", async () => {
  const keeper = await ProcessKeeper.open("keeper-test-");
  const kept = await keeper.start("pair", ["/bin/sh", "-c", "sleep 600 & echo $$ $!; wait"]);
  const pids = await eventually("both process ids", () => pidsIn(kept.logTail()));
  kept.signal("SIGSTOP");
  await keeper.stop();
  // The child was sent its signal, and is given a moment to obey on a busy machine.
  await eventually("their end", () => !pids.some(isAlive));
  await eventuallyGone(keeper.folder);
});

Deno.test("ProcessKeeper.stop() kills what does not end by itself", async () => {
  const keeper = await ProcessKeeper.open("keeper-test-");
  const kept = await keeper.start("stubborn", STUBBORN);
  const pids = await eventually("both process ids", () => pidsIn(kept.logTail()));
  await keeper.stop(50);
  deepStrictEqual([await kept.ended, pids.filter(isAlive)], [137, []]);
});

Deno.test("ProcessKeeper's processes do not outlive a killed test process", async () => {
  const module = JSON.stringify(new URL("process_keeper.ts", import.meta.url).href);
  const script = `
    import { ProcessKeeper } from ${module};
    const keeper = await ProcessKeeper.open("keeper-test-");
    await keeper.start("stubborn", ${JSON.stringify(STUBBORN)});
    console.log(keeper.folder);
    await new Promise(() => setInterval(() => {}, 1000));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const folder = await firstLine(child.stdout);
  const log = `${folder}/stubborn.log`;
  const pids = await eventually("both process ids", () => pidsIn(Deno.readTextFileSync(log)));
  deepStrictEqual(pids.filter(isAlive), pids);
  child.kill("SIGKILL");
  await child.status;
  await eventually("the processes to be gone", () => !pids.some(isAlive));
  await eventuallyGone(folder);
});

function pidsIn(log: string): number[] | undefined {
  const pids = log.trim().split(" ").map(Number);
  return pids.length === 2 ? pids : undefined;
}

/** A dead process that its parent has not noticed yet counts as gone. */
function isAlive(pid: number): boolean {
  const state = Deno.build.os === "linux" ? stateInProc(pid) : stateByPs(pid);
  return state !== undefined && !state.startsWith("Z");
}

function stateInProc(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(Deno.readTextFileSync(`/proc/${pid}/stat`))?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function stateByPs(pid: number): string | undefined {
  const { stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] }).outputSync();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

async function eventuallyGone(folder: string): Promise<void> {
  await eventually(`${folder} to be gone`, () => {
    try {
      Deno.statSync(folder);
      return false;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  });
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return text.split("\n", 1)[0] ?? "";
}
