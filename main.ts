import { runCommandLine, signalOfProcess } from "./src/cli/mod.ts";

// deno-lint-ignore no-console -- standard output is what these commands are for.
const context = { signal: signalOfProcess(), print: (line: string) => console.log(line) };
Deno.exit(await runCommandLine(Deno.args, context));
