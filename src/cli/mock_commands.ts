/** `mock coordinator|aggregator|collector|learner`: the sample worker. */
import type { Command } from "commander";
import { flagOf, MOCK_COMMANDS, MockFailure } from "../mock/mod.ts";
import { type CommandContext, CommandFailure } from "./process.ts";

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
    command.action(async (values: Record<string, string | undefined>) => {
      try {
        setExitCode(await run(values, Deno.env.toObject(), { log: print, signal }));
      } catch (error) {
        throw error instanceof MockFailure ? new CommandFailure(error.message) : error;
      }
    });
  }
}
