/**
 * The transcript in README.md: what `demo` prints, abridged to the lines that tell the story, and without
 * what differs from run to run. Run by `deno task generate:transcript`, which writes it.
 */
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

const README = new URL("../../README.md", import.meta.url);
const BEGIN = "<!-- demo: written by `deno task generate:transcript` -->";
const END = "<!-- end of demo -->";

/**
 * The lines that are kept, in their order. Pods and the coordinator's log come at once, so that the order
 * between these two differs from run to run: pods are shown first.
 */
const KEPT: readonly RegExp[] = [
  /^== 1\./,
  /^ {2}node /,
  /^ {2}KUBECONFIG=/,
  /^ {2}SERVER=/,
  /^== 2\./,
  /^ {2}agconfig\//,
  /^ {2}dijob\//,
  /^== 3\./,
  /s {2}\S+-coordinator +Running/,
  /s {2}\S+-aggregator +Running/,
  /^== 4\./,
  /s {2}\S+-collector-\S+ +Running/,
  /s {2}\S+-learner-\S+ +Running/,
  /s {2}\S+-collector-\S+ +gone/,
  /\| Have connected /,
  /\| learner\(.* has taken the place of /,
  /\| training is finished/,
  /^== 5\./,
  /^ {2}Succeeded$/,
  /^== 6\./,
  /DIJobSucceeded/,
  /SuccessfulDelete +Delete pod: \S+-aggregator$/,
  /^== 7\./,
  /^ {2}pod\//,
  /^The job succeeded/,
];

/** What differs from run to run or from machine to machine, and what stands in its place. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/^ *\d+\.\d+s/, "     …s"],
  [/\(\d+\.\d+ s\)/, "(… s)"],
  [/^( {2}node )\S+/, "$1…"],
  [/\/\S*\/di-orchestrator-[0-9a-f]+/, "/tmp/di-orchestrator-…"],
  [/(127\.0\.0\.1:)\d+/, "$1…"],
  [/(-(?:collector|learner)-)[a-z0-9]{5}\b/g, "$1…"],
  [/(: 400 steps), .*/, "$1, …"],
];

/** @throws {Error} If a line that is to be shown is not there. */
export function transcriptOf(printed: string): string {
  const lines = printed.split("\n");
  return KEPT.map((pattern) => {
    const line = lines.find((each) => pattern.test(each));
    if (line === undefined) throw new Error(`The demo printed no line like ${pattern}`);
    return VARYING.reduce((text, [varying, instead]) => text.replace(varying, instead), line);
  }).join("\n");
}

/** The transcript that the text of README.md has. @throws {Error} If it has none. */
export function transcriptIn(readme: string): string {
  const [, , block = ""] = split(readme);
  return block.replace(/^```\n/, "").replace(/\n```$/, "");
}

function split(readme: string): [before: string, after: string, block: string] {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`README.md has no place between ${BEGIN} and ${END}`);
  }
  const start = begin + BEGIN.length;
  return [readme.slice(0, start), readme.slice(end), readme.slice(start, end).trim()];
}

if (import.meta.main) {
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const printed = await run(Deno.execPath(), ["run", "-A", "--quiet", main, "demo"]);
  const [before, after] = split(await Deno.readTextFile(README));
  const block = `\`\`\`\n${transcriptOf(printed)}\n\`\`\``;
  await Deno.writeTextFile(README, `${before}\n${block}\n${after}`);
}
