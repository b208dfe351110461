/** This program under its own name on every container's `PATH`. */

/**
 * Deno asks the system for the addresses of a host even where a proxy will, and waits for the answer. No
 * server outside knows the names of this cluster, so that only time is lost, seconds where answers are
 * lost: this program, whose requests all take the proxy, does not ask (glibc reads the variable).
 */
const NO_LOOKUPS = 'export RES_OPTIONS="${RES_OPTIONS:-attempts:0}"\n';

/**
 * Writes `<folder>/di-orchestrator`, which starts `command` with the arguments it is given.
 *
 * @param variables What the program needs in its environment besides what containers have.
 */
export async function writeProgram(
  folder: string,
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const exports = Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`).join("");
  const script = `#!/bin/sh\n${NO_LOOKUPS}${exports}exec ${command.map(quoted).join(" ")} "$@"\n`;
  await Deno.writeTextFile(`${folder}/di-orchestrator`, script, { mode: 0o700 });
}

/** A word as a shell reads it back. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
