import { deepStrictEqual } from "node:assert/strict";
import { eventually } from "../../../tests/support/eventually.ts";
import { MemoryGuard } from "./memory.ts";
import { startProcess } from "./process.ts";
import { Reaper } from "./reaper.ts";

/** Holds some 20 MB in a child, and says when. */
const LOOP = "while :; do sleep 0.05; done";
const HUNGRY = `(x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo full; ${LOOP}) & ${LOOP}`;

Deno.test("a memory guard tells of a group over its limit, children counted, and of no other", async () => {
  const reaper = new Reaper("/usr/bin:/bin");
  const guard = new MemoryGuard(10);
  const over: string[] = [];
  let output = "";
  const start = () =>
    startProcess({
      argv: ["/bin/sh", "-c", HUNGRY],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      onOutput: (data) => void (output += new TextDecoder().decode(data)),
    }, reaper);
  const [small, large] = [await start(), await start()];
  guard.watch(large.pid, 500_000_000, () => over.push("large"));
  guard.watch(small.pid, 10_000_000, () => {
    over.push("small");
    small.signal("SIGKILL");
  });
  try {
    await eventually("the small limit's end", () => over.length > 0);
    deepStrictEqual(await small.exited, 137);
    await eventually("the other's fill", () => output.includes("full"));
    deepStrictEqual(over, ["small"]);
  } finally {
    guard.unwatch(small.pid);
    guard.unwatch(large.pid);
    large.signal("SIGKILL");
    await large.exited;
    await reaper.stop();
  }
});
