/** README.md, as a newcomer follows it: the demo prints what it shows, and its commands work as they stand. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { transcriptIn, transcriptOf } from "../../src/tools/demo_transcript.ts";
import { explained, printed, runOrchestrator, startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { hasKubectl } from "../support/kubectl.ts";
import { readPage, sectionOf } from "../support/pages.ts";
import { run } from "../support/run_program.ts";

const TOP = new URL("../../", import.meta.url);
const WAIT = { timeoutMs: 60_000 };

Deno.test("README.md shows what the demo prints", async () => {
  const { end, stdout, stderr } = await runOrchestrator("demo");
  strictEqual(end, 0, stdout + stderr);
  strictEqual(
    transcriptIn((await readPage("README.md")).text),
    transcriptOf(stdout),
    "run `deno task generate:transcript`",
  );
});

Deno.test("README.md begins with the commands that CI runs", async () => {
  const [block] = sectionOf(await readPage("README.md"), "Try it").blocks;
  const commands = block?.text.split("\n").map((line) => line.replace(/ *#.*/, "")) ?? [];
  const ci = await Deno.readTextFile(new URL(".ci/run", TOP));
  const [, runner = ""] = /^task\(\) \{ (.*) "\$@"; \}$/m.exec(ci) ?? [];
  const steps = [...ci.matchAll(/^step \S+ task (\S+)/gm)].map(([, task]) => `${runner} ${task}`);
  strictEqual(commands.length, 2);
  deepStrictEqual(commands.filter((command) => !steps.includes(command)), []);
});

Deno.test({
  name: "the commands for a cluster on one machine work as README.md has them",
  ignore: !hasKubectl(),
  async fn() {
    const { blocks } = sectionOf(await readPage("README.md"), "A cluster on your machine");
    const [start = "", session = ""] = blocks.map(({ text }) => text);
    const path = `${Deno.execPath().replace(/\/[^/]+$/, "")}:${Deno.env.get("PATH")}`;
    const dev = startCommand(["sh", "-c", start], { PATH: path });
    try {
      const kubeconfig = await printed(dev, "KUBECONFIG");
      const server = await printed(dev, "SERVER");
      const typed = session.replace("<file>", kubeconfig).replace("<url>", server);
      await explained([dev], async () => {
        const { code, stdout, stderr } = await run(["sh", "-ec", typed], {
          cwd: TOP.pathname,
          env: { PATH: path },
        });
        strictEqual(code, 0, stdout + stderr);
        match(stdout, /training is finished/);
        // A job that has only just begun to run may not have asked yet.
        match(stdout, /^(NAMESPACE +COORDINATOR +ROLE +ADDRESS|No replicas\.)$/m);
        const phase = ["kubectl", "--kubeconfig", kubeconfig, "get", "dijob", "-A"];
        await eventually("the job's end", async () => {
          return (await run(phase)).stdout.includes("Succeeded");
        }, WAIT);
      });
    } finally {
      dev.kill("SIGTERM");
      await dev.ended;
    }
  },
});
