/** The logs that are kept of one container: of its current or last run, and of the one before. */
import { LogFile, rotatedPath } from "./log_file.ts";

export class ContainerLogs {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #sizeLimit: number;
  #kept: LogFile[] = [];
  #runs = 0;

  /** @param folder Made when the first run starts. */
  constructor(folder: string, now: () => number, sizeLimit: number) {
    this.#folder = folder;
    this.#now = now;
    this.#sizeLimit = sizeLimit;
  }

  get current(): LogFile | undefined {
    return this.#kept[0];
  }
  get previous(): LogFile | undefined {
    return this.#kept[1];
  }

  /** Begins the log of a run; that of the run before the last is removed. */
  async open(): Promise<LogFile> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const log = new LogFile(`${this.#folder}/${this.#runs++}.log`, this.#now, this.#sizeLimit);
    const [, dropped] = this.#kept;
    this.#kept = [log, ...this.#kept].slice(0, 2);
    if (dropped !== undefined) {
      await Deno.remove(dropped.path).catch(() => {});
      await Deno.remove(rotatedPath(dropped.path)).catch(() => {});
    }
    return log;
  }
}
