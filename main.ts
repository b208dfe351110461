import { runCommandLine, signalOfProcess } from "./src/cli/mod.ts";

const context = { signal: signalOfProcess(), print: (line: string) => console.log(line) };
Deno.exit(await runCommandLine(Deno.args, context));
