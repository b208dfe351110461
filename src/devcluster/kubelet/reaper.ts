/** No process outlives the kubelet: whoever starts one has it written down here first. */
import { MARK_VARIABLE, StrayHunter } from "./strays.ts";

/**
 * Keeps the process groups named on its standard input, and ends them when that closes: by then the
 * kubelet has gone, however it went. Processes that left their group have its mark in their environment.
 * Nothing but a shell is needed, since `PATH` may hold nothing; `grep`, `sleep` and `rm` are nice to have.
 */
const REAPER_SCRIPT = `
trap '' HUP INT TERM
mark=$1 folder=$2 groups=' '
while read -r what group; do
  case "$what" in
    +) groups="$groups$group " ;;
    -) rest=' '
       for one in $groups; do [ "$one" = "$group" ] || rest="$rest$one "; done
       groups="$rest" ;;
    .) folder= ;;
  esac
done
if command -v grep; then
  marked_files() { grep -lsF -e "$mark" /proc/[0-9]*/environ; }
else
  marked_files() {
    for file in /proc/[0-9]*/environ; do
      while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in *"$mark"*) echo "$file"; break ;; esac
      done <"$file"
    done
  }
fi
find_strays() {
  strays=
  for file in $(marked_files); do
    pid=\${file#/proc/}
    strays="$strays \${pid%/environ}"
  done
}
for one in $groups; do kill -TERM "-$one"; done
find_strays
for one in $strays; do kill -TERM "$one"; done
[ "$groups$strays" = ' ' ] || sleep 0.5
for one in $groups; do kill -KILL "-$one"; done
for round in 1 2 3 4 5 6 7 8 9; do
  find_strays
  [ -n "$strays" ] || break
  for one in $strays; do kill -KILL "$one"; done
done
[ -z "$folder" ] || rm -rf -- "$folder"
`;

/**
 * A shell in a session of its own that ends every process group it was told of when this process is
 * gone, SIGKILL included.
 */
export class Reaper {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #hunter = new StrayHunter();
  /** Of everything that this reaper ends. */
  readonly #mark = crypto.randomUUID();
  #marked = 0;

  /**
   * @param hostPath Where `grep`, `sleep` and `rm` may be found.
   * @param folder What to remove once all has ended, should this process be killed.
   */
  constructor(hostPath: string, folder = "") {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", REAPER_SCRIPT, "kubelet-reaper", `${MARK_VARIABLE}=${this.#mark}.`, folder],
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

  /** A mark for one process, to be put into its environment as {@link MARK_VARIABLE}. */
  nextMark(): string {
    return `${this.#mark}.${++this.#marked}`;
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

  /** Ends what inherited a mark and has left its group. Resolves when nothing of it is left. */
  endStrays(mark: string): Promise<void> {
    return this.#hunter.end(mark);
  }

  /** Ends the shell, and with it everything that is still there. */
  async stop(): Promise<void> {
    await this.#write(". 0\n").catch(() => {});
    await this.#writer.close();
    await this.#process.status;
  }

  #write(line: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(line));
  }
}
