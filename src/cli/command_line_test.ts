import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Command } from "commander";
import { parseAllDocuments } from "yaml";
import { buildCrds } from "../api/mod.ts";
import { buildProgram, examplesOf, normalizeArguments, runCommandLine } from "./mod.ts";
import { VERSION, versionLines } from "./version.ts";

/** Runs a command line that ends by itself; standard error is taken from the process. */
async function run(
  ...argv: string[]
): Promise<{ code: number; printed: string[]; errors: string }> {
  const printed: string[] = [];
  let errors = "";
  const take = (bytes: Uint8Array) => {
    errors += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  const { stderr } = Deno;
  const { writeSync } = stderr;
  const nodeWrite = globalThis.process?.stderr.write;
  stderr.writeSync = take;
  if (globalThis.process) {
    globalThis.process.stderr.write = (text: string | Uint8Array) => {
      errors += typeof text === "string" ? text : new TextDecoder().decode(text);
      return true;
    };
  }
  try {
    const code = await runCommandLine(argv, {
      signal: AbortSignal.abort(),
      print: (line) => void printed.push(line),
    });
    return { code, printed, errors };
  } finally {
    stderr.writeSync = writeSync;
    if (globalThis.process && nodeWrite) globalThis.process.stderr.write = nodeWrite;
  }
}

Deno.test("version prints the version of deno.json, and what the program runs on", async () => {
  const { code, printed } = await run("version");
  deepStrictEqual([code, printed], [0, versionLines()]);
  deepStrictEqual(printed.map((line) => line.split(" ", 1)[0]), [
    "di-orchestrator",
    "commit",
    "deno",
    "typescript",
  ]);
  strictEqual(printed[0], `di-orchestrator ${VERSION}`);
});

/** Every command below the program that itself does something, or leads to others. */
function commandsBelow(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...commandsBelow(child)]);
}

Deno.test("every command has an example, which the command line takes", async () => {
  const declare = () =>
    buildProgram(
      { signal: AbortSignal.abort(), print: () => {} },
      { withRoles: true, setExitCode: () => {} },
    );
  const lines = commandsBelow(await declare()).map((command) => ({
    command: command.name(),
    lines: examplesOf(command),
  }));
  deepStrictEqual(lines.filter(({ lines }) => lines.length === 0), []);
  for (const line of lines.flatMap(({ lines }) => lines)) {
    const [, words = ""] = /^di-orchestrator ([^|#]+?) *([|#].*)?$/.exec(line) ?? [];
    if (words.endsWith("--help")) continue;
    const program = await declare();
    let isTaken = false;
    for (const command of commandsBelow(program)) command.action(() => void (isTaken = true));
    await program.parseAsync(normalizeArguments(words.split(" ")), { from: "user" });
    deepStrictEqual({ line, isTaken }, { line, isTaken: true });
  }
});

Deno.test("crds prints both definitions as YAML", async () => {
  const { code, printed } = await run("crds");
  const documents = parseAllDocuments(printed.join("\n")).map((document) => document.toJSON());
  strictEqual(code, 0);
  deepStrictEqual(documents, JSON.parse(JSON.stringify(buildCrds())));
});

Deno.test.each([
  { argv: ["frobnicate"], says: "frobnicate" },
  { argv: ["operator", "--no-such-flag"], says: "--no-such-flag" },
  { argv: ["server", "--server-bind-address", "nowhere"], says: "HOST:PORT" },
  { argv: ["server", "--gpu-alloc-policy", "magic"], says: "simple" },
  { argv: ["operator", "-leader-elect=perhaps"], says: "true and false" },
  { argv: ["kubelet", "--gpus", "many"], says: "whole numbers" },
])("$argv is wrong usage, and $says is named", async ({ argv, says }) => {
  const { code, errors } = await run(...argv);
  deepStrictEqual([code, errors.includes(says)], [2, true], errors);
});

Deno.test.each([
  { argv: ["operator", "--kubeconfig", "/nowhere/config"] },
  { argv: ["server", "--kubeconfig", "/nowhere/config"] },
])("$argv ends with 1 and one line that names the file", async ({ argv }) => {
  const { code, errors } = await run(...argv, "--log-level", "error");
  strictEqual(code, 1);
  const [line = "", ...rest] = errors.split("\n");
  deepStrictEqual(
    [/^di-orchestrator: Cannot read kubeconfig "\/nowhere\/config": ./.test(line), rest],
    [true, [""]],
    errors,
  );
});
