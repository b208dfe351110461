/** kubectl, as a user runs it. */
import { type RunningCommand, startCommand } from "./command.ts";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whether there is a kubectl on PATH. */
export function hasKubectl(): boolean {
  try {
    return new Deno.Command("kubectl", {
      args: ["version", "--client"],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs kubectl against one cluster. It keeps what it caches in a folder that goes with `close()`. */
export class Kubectl {
  readonly #global: readonly string[];
  readonly #folder: string;

  constructor(kubeconfigPath: string) {
    this.#folder = Deno.makeTempDirSync({ prefix: "di-test-kubectl-" });
    this.#global = [`--kubeconfig=${kubeconfigPath}`, `--cache-dir=${this.#folder}`];
  }

  /** Starts a command that goes on, such as a watch. */
  start(args: readonly string[]): RunningCommand {
    return startCommand(["kubectl", ...this.#global, ...args]);
  }

  /** Runs one command to its end, whatever that is. */
  async run(
    args: readonly string[],
    stdin?: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> {
    const child = new Deno.Command("kubectl", {
      args: [...this.#global, ...args],
      env: { TMPDIR: this.#folder, ...env },
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (stdin !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdin));
      await writer.close();
    }
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** What a command printed. @throws {Error} If it failed; with what it printed. */
  async ok(args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, stdin);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")} ended with ${code}\n${stdout}${stderr}`);
  }

  close(): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
