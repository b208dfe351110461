/** The pages: what they link to is there, and what they tell the reader to type exists. */
import { deepStrictEqual, ok } from "node:assert/strict";
import type { Command } from "commander";
import { parseAllDocuments } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { buildProgram, normalizeArguments } from "../../src/cli/mod.ts";
import { type Page, readPages } from "../support/pages.ts";
import { run } from "../support/run_program.ts";

const ROOT = new URL("../../", import.meta.url);
const TASKS: Readonly<Record<string, { readonly command: string }>> = config.tasks;

/** `path:line: what`, for everything in a page that is wrong. */
type Fault = string;

async function faultsOf(find: (page: Page) => Promise<Fault[]> | Fault[]): Promise<Fault[]> {
  const pages = await readPages();
  ok(pages.length > 10, "the pages were not found");
  return (await Promise.all(pages.map(find))).flat();
}

/** What is set as code: each block, and each span in the text. */
function codeOf({ blocks, prose }: Page): string[] {
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  const lines = blocks.filter(({ language }) => ["bash", "", "dockerfile"].includes(language))
    .flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n"));
  return [...spans, ...lines];
}

Deno.test("each block of YAML and of JSON can be parsed", async () => {
  const faults = await faultsOf(({ path, blocks }) =>
    blocks.flatMap(({ language, text, line }) => {
      try {
        if (language === "json") JSON.parse(text);
      } catch (error) {
        return [`${path}:${line}: ${error}`];
      }
      const documents = language === "yaml" ? parseAllDocuments(text) : [];
      return documents.flatMap(({ errors }) => errors).map((error) => `${path}:${line}: ${error}`);
    })
  );
  deepStrictEqual(faults, []);
});

Deno.test("each block of shell can be parsed", async () => {
  const faults = await faultsOf(async ({ path, blocks }) => {
    const checked = blocks.filter(({ language }) => language === "bash").map(async (block) => {
      // What the reader fills in would be a redirection.
      const text = block.text.replace(/<([a-z]+)>/g, "$1");
      const { code, stderr } = await run(["bash", "-n", "-c", text]);
      return code === 0 ? [] : [`${path}:${block.line}: ${stderr}`];
    });
    return (await Promise.all(checked)).flat();
  });
  deepStrictEqual(faults, []);
});

Deno.test("each relative link leads somewhere", async () => {
  const anchors = new Map((await readPages()).map((page) => [page.path, page.anchors]));
  const faults = await faultsOf(async ({ path, prose }) => {
    // A pattern in code may look like one.
    const text = prose.replace(/`[^`\n]*`/g, "");
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const faults = await Promise.all(
      links.filter((link) => !/^[a-z]+:/.test(link)).map(async (link) => {
        const [file = "", anchor] = link.split("#");
        const target = file === ""
          ? path
          : new URL(file, new URL(path, "file:///")).pathname.slice(1);
        if (!await exists(target)) return [`${path}: ${link} is not there`];
        const known = anchors.get(target);
        const isThere = anchor === undefined || known === undefined || known.has(anchor);
        return isThere ? [] : [`${path}: ${link} has no such heading`];
      }),
    );
    return faults.flat();
  });
  deepStrictEqual(faults, []);
});

Deno.test("each `deno task` is one of deno.json", async () => {
  const faults = await faultsOf((page) =>
    [...page.text.matchAll(/\bdeno(?:@[\d.]+)? task (?:(?:--quiet|-q) )?([a-z][\w:]*)/g)]
      .filter(([, task = ""]) => TASKS[task] === undefined)
      .map(([words]) => `${page.path}: ${words}`)
  );
  deepStrictEqual(faults, []);
});

Deno.test("each command of the program exists, and so do its flags", async () => {
  const program = await buildProgram(
    { signal: AbortSignal.abort(), print: () => {} },
    { withRoles: true, setExitCode: () => {} },
  );
  let count = 0;
  const faults = await faultsOf((page) =>
    codeOf(page).flatMap(commandLinesIn).flatMap((words) => {
      count++;
      const fault = faultIn(program, words);
      return fault === undefined ? [] : [`${page.path}: ${words.join(" ")}: ${fault}`];
    })
  );
  deepStrictEqual(faults, []);
  ok(count > 50, `only ${count} were found`);
});

Deno.test("each file that kubectl is given is there", async () => {
  const faults = await faultsOf(async (page) => {
    const lines = codeOf(page);
    const made = new Set(
      lines.flatMap((line) => [...line.matchAll(/>(\S+\.yaml)/g)].map(([, to]) => to)),
    );
    const files = lines
      .filter((line) => /^(sudo )?kubectl (.* )?(apply|create|delete|wait|replace) /.test(line))
      .flatMap((line) =>
        [...line.matchAll(/ (?:-f|-k|--filename) (\S+)/g)].map(([, file = ""]) => file)
      )
      .filter((file) => file !== "-" && !/^[A-Z]+$/.test(file) && !made.has(file));
    const isThere = await Promise.all(files.map(exists));
    return files.filter((_, index) => !isThere[index]).map((file) => `${page.path}: ${file}`);
  });
  deepStrictEqual(faults, []);
});

/** Words behind the program's name, or behind a task that is the program. */
function commandLinesIn(code: string): string[][] {
  const pattern =
    /(?:(?:^|[\s$;&|(])di-orchestrator|\bdeno(?:@[\d.]+)? task (?:start|(?=(?:demo|dev|deploy|undeploy)\b))) ?([a-z][^|;&#<>]*)/g;
  return [...code.matchAll(pattern)].map(([, words = ""]) => words.trim().split(/\s+/));
}

/** What is wrong with these words; undefined: nothing. */
function faultIn(program: Command, words: readonly string[]): string | undefined {
  let command = program;
  const rest = normalizeArguments(words);
  while (command.commands.length > 0) {
    const next = command.commands.find((child) => child.name() === rest[0]);
    if (next === undefined) return isUnknown(command, program, rest[0]);
    command = next;
    rest.shift();
  }
  const flags = rest.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*/, ""));
  const unknown = flags.filter((flag) =>
    flag !== "--help" && !command.options.some(({ long }) => long === flag)
  );
  return unknown.length === 0 ? undefined : `no flag ${unknown.join(", ")}`;
}

/** A group may stand without one of its commands, and the program with its own flags. */
function isUnknown(command: Command, program: Command, word = ""): string | undefined {
  const isGroup = command !== program && !/^[a-z]/.test(word);
  return isGroup ? undefined : `no command "${word}"`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}
