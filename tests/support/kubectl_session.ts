/** A user's session with kubectl in a namespace of its own, and how its output is read. */
import { NAMESPACES } from "../../src/kube/mod.ts";
import type { RunningCommand } from "./command.ts";
import { type CommandResult, hasKubectl, Kubectl } from "./kubectl.ts";
import { createNamespace, IS_REAL, type TestCluster } from "./test_cluster.ts";

/** Why a session cannot be held; "" when it can. A real control plane is not started without kubectl. */
const OBSTACLE = !IS_REAL && !hasKubectl() ? " (ignored: no kubectl on PATH)" : "";

export class KubectlSession {
  readonly #cluster: TestCluster;
  readonly #kubectl: Kubectl;
  readonly #folder: string;
  readonly #started: RunningCommand[] = [];
  readonly namespace: string;

  private constructor(cluster: TestCluster, namespace: string) {
    this.#cluster = cluster;
    this.#kubectl = new Kubectl(cluster.kubeconfigPath);
    this.#folder = Deno.makeTempDirSync({ prefix: "di-test-session-" });
    this.namespace = namespace;
  }

  static async open(cluster: TestCluster): Promise<KubectlSession> {
    return new KubectlSession(cluster, await createNamespace(cluster, "kubectl"));
  }

  /** What a command in the session's namespace printed. @throws {Error} If it failed. */
  ok(...args: string[]): Promise<string> {
    return this.#kubectl.ok(["-n", this.namespace, ...args]);
  }

  /** The same with something on its standard input. */
  okWith(stdin: string, ...args: string[]): Promise<string> {
    return this.#kubectl.ok(["-n", this.namespace, ...args], stdin);
  }

  /** Runs a command to its end, whatever that is. */
  run(...args: string[]): Promise<CommandResult> {
    return this.#kubectl.run(["-n", this.namespace, ...args]);
  }

  /** The same with something on its standard input. */
  runWith(stdin: string, ...args: string[]): Promise<CommandResult> {
    return this.#kubectl.run(["-n", this.namespace, ...args], stdin);
  }

  /** What a command that fails with code 1 said. @throws {Error} If it ends otherwise. */
  async refusal(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code === 1) return stderr;
    throw new Error(`kubectl ${args.join(" ")} ended with ${code}\n${stdout}${stderr}`);
  }

  /** Starts a command that goes on until the session ends. */
  start(...args: string[]): RunningCommand {
    const command = this.#kubectl.start(["-n", this.namespace, ...args]);
    this.#started.push(command);
    return command;
  }

  /** Runs `kubectl edit` with an editor that is a line of shell, the file being `$1`. */
  async edit(script: string, ...args: string[]): Promise<CommandResult> {
    const editor = this.path("editor.sh");
    await Deno.writeTextFile(editor, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { EDITOR: editor, KUBE_EDITOR: editor };
    return await this.#kubectl.run(["-n", this.namespace, "edit", ...args], undefined, env);
  }

  /** A file of the session's own. */
  path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  async close(): Promise<void> {
    for (const command of this.#started) command.kill("SIGKILL");
    await Promise.all(this.#started.map(({ ended }) => ended));
    const { client } = this.#cluster;
    await client.delete(NAMESPACES, { namespace: "", name: this.namespace });
    this.#kubectl.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Declares a test that holds one session; without kubectl it is ignored, and its name says so. */
export function testSession(
  name: string,
  cluster: () => TestCluster,
  fn: (session: KubectlSession, t: Deno.TestContext) => Promise<void>,
): void {
  Deno.test({
    name: `${name}${OBSTACLE}`,
    ignore: OBSTACLE !== "",
    fn: async (t) => {
      const session = await KubectlSession.open(cluster());
      try {
        await fn(session, t);
      } finally {
        await session.close();
      }
    },
  });
}

/** The cells of what `kubectl get` printed, a list for each line. */
export function cellsOf(text: string): string[][] {
  return text.trim().split("\n").map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
}

/** What a command printed, line by line, sorted. */
export function linesOf(text: string): string[] {
  return text.trim().split("\n").sort();
}

/** Cells without those of the named column, such as an age. */
export function withoutColumn(cells: readonly string[][], name: string): string[][] {
  const at = cells[0]?.indexOf(name) ?? -1;
  return cells.map((row) => row.filter((_cell, column) => column !== at));
}
