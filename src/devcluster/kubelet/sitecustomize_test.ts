import { deepStrictEqual } from "node:assert/strict";
import { tableText } from "./name_service.ts";
import { NAMES_FILE, SITECUSTOMIZE } from "./sitecustomize.ts";

const PATH = Deno.env.get("PATH") ?? "";

/** Whether there is a Python to try it with. */
async function hasPython(): Promise<boolean> {
  try {
    return (await new Deno.Command("python3", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

const PROGRAM = `
import json, os, socket
def ask(host, port):
    try:
        return list(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4])
    except OSError:
        return None
first = [ask("pong.rl", 80), ask("PONG.rl.svc.cluster.local", "81"), ask(b"pong.rl", 80),
         ask("127.0.0.1", 80)]
path = os.environ["NAMES"]
with open(path + ".new", "w") as table:
    table.write('{"pong.rl": [[80, "127.0.0.1", 30000, 16]]}')
os.replace(path + ".new", path)
print(json.dumps([first, ask("pong.rl", 80), os.environ.get("SHADOWED")]))
`;

Deno.test({
  name: "the Python module resolves services, sees changes, and runs what it hides",
  ignore: !await hasPython(),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const entries = [{ port: 80, host: "127.0.0.1", hostPort: 20000, size: 16 }];
      await Deno.mkdir(`${folder}/ours`);
      await Deno.mkdir(`${folder}/theirs`);
      await Deno.writeTextFile(`${folder}/ours/sitecustomize.py`, SITECUSTOMIZE);
      await Deno.writeTextFile(
        `${folder}/ours/${NAMES_FILE}`,
        tableText(new Map([["pong.rl", entries], ["idle.rl", []]])),
      );
      const theirs = 'import os\nos.environ["SHADOWED"] = "run"\n';
      await Deno.writeTextFile(`${folder}/theirs/sitecustomize.py`, theirs);
      const { stdout } = await new Deno.Command("python3", {
        args: ["-c", PROGRAM],
        clearEnv: true,
        env: {
          PATH,
          NAMES: `${folder}/ours/${NAMES_FILE}`,
          PYTHONPATH: `${folder}/ours:${folder}/theirs`,
          PYTHONDONTWRITEBYTECODE: "1",
        },
        stderr: "inherit",
      }).output();
      const local = (port: number) => ["127.0.0.1", port];
      deepStrictEqual(JSON.parse(new TextDecoder().decode(stdout)), [
        [local(20000), local(20001), local(20000), local(80)],
        local(30000),
        "run",
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
