/** Programs that the tools start, with the project's top as their folder. */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/** `path` from the project's top. */
export function inRoot(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

/** What the program printed. @throws {Error} With what it said, when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const said = [stderr, stdout].map((part) => new TextDecoder().decode(part).trim()).join("\n");
  throw new Error(said.trim() || `${program} failed`);
}

/** Says why and ends. */
export function fail(message: string): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`${message}\n`));
  Deno.exit(1);
}
