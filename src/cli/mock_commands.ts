/** `mock coordinator|aggregator|collector|learner`: the sample worker. */
import type { Command } from "commander";
import { flagOf, MOCK_COMMANDS, MockFailure } from "../mock/mod.ts";
import { examples } from "./examples.ts";
import { type CommandContext, CommandFailure } from "./process.ts";

/** Of each role: what a pod has in its command, and what it takes to start one by hand. */
const EXAMPLES: Readonly<Record<keyof typeof MOCK_COMMANDS, string>> = {
  coordinator: "mock coordinator --collectors 4 --learners 1 --steps 2000",
  aggregator: "mock aggregator --port 22272",
  collector: "mock collector --port 22270",
  learner: "mock learner --port 22271",
};

/** Adds the four roles below `mock`, with the flags that the mock itself declares. */
export function addMockRoles(
  mock: Command,
  { signal, print }: CommandContext,
  setExitCode: (code: number) => void,
): void {
  for (const [role, { description, flags, run }] of Object.entries(MOCK_COMMANDS)) {
    const command = mock.command(role).description(description);
    for (const row of flags) {
      const source = row.variable === undefined ? "" : ` (or $${row.variable})`;
      const fallback = row.fallback === undefined ? "" : ` (default: ${row.fallback})`;
      command.option(`${flagOf(row)} <value>`, row.description + source + fallback);
    }
    command.addHelpText("after", examples(EXAMPLES[role as keyof typeof EXAMPLES]));
    command.action(async (values: Record<string, string | undefined>) => {
      try {
        setExitCode(await run(values, Deno.env.toObject(), { log: print, signal }));
      } catch (error) {
        throw error instanceof MockFailure ? new CommandFailure(error.message) : error;
      }
    });
  }
}
