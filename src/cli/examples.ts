/** Examples below a command's flags, and how they are found there. */
import type { Command } from "commander";

const HEAD = "Examples:";

/** Text for `addHelpText("after", …)`; each line is what follows the program's name. */
export function examples(...lines: string[]): string {
  return `\n${HEAD}\n${lines.map((line) => `  di-orchestrator ${line}`).join("\n")}`;
}

/** The lines of a command's examples, the program's name first. */
export function examplesOf(command: Command): string[] {
  let text = "";
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (part) => text += part });
  command.outputHelp();
  command.configureOutput(before);
  const lines = text.split("\n");
  const at = lines.indexOf(HEAD);
  return at < 0 ? [] : lines.slice(at + 1).map((line) => line.trim()).filter((line) => line !== "");
}
