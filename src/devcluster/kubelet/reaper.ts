/** No process outlives the kubelet: whoever starts one has it written down here first. */

/**
 * Keeps the process groups named on its standard input, and ends them when that closes: by then the
 * kubelet has gone, however it went. Only built-ins, since `PATH` may hold nothing; a `sleep` would be
 * nice to have between the two signals, and is used where it exists.
 */
const REAPER_SCRIPT = `
trap '' HUP INT TERM
groups=' '
while read -r what group; do
  case "$what" in
    +) groups="$groups$group " ;;
    -) rest=' '
       for one in $groups; do [ "$one" = "$group" ] || rest="$rest$one "; done
       groups="$rest" ;;
  esac
done
for one in $groups; do kill -TERM "-$one"; done
[ "$groups" = ' ' ] || sleep 0.5
for one in $groups; do kill -KILL "-$one"; done
`;

/**
 * A shell in a session of its own that ends every process group it was told of when this process is
 * gone, SIGKILL included.
 */
export class Reaper {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  /** @param hostPath Where `sleep` may be found. */
  constructor(hostPath: string) {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", REAPER_SCRIPT, "kubelet-reaper"],
      clearEnv: true,
      env: { PATH: hostPath },
      cwd: "/",
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
  }

  /** Resolves once the group is sure to be ended with this process. */
  add(group: number): Promise<void> {
    return this.#write(`+ ${group}\n`);
  }

  /** The group has ended: its number may come to belong to somebody else. */
  async remove(group: number): Promise<void> {
    try {
      await this.#write(`- ${group}\n`);
    } catch {
      // The shell has ended, and every group with it.
    }
  }

  /** Ends the shell, and with it every group that is still written down. */
  async stop(): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
  }

  #write(line: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(line));
  }
}
