/** A process of the program that is started again, at once, whenever it was killed. */
import { sleep } from "../../src/lib/abort.ts";
import { type ProgramProcess, startProgram } from "./program.ts";

export class RestartedProgram {
  readonly #args: readonly string[];
  #process: ProgramProcess;
  /** There while the process is dead. */
  #restarting: Promise<void> | undefined;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.#process = startProgram(args);
  }

  /** Kills it with SIGKILL; once until it stands again. */
  kill(): void {
    void this.restart("SIGKILL");
  }

  /** Ends it with `signal`; resolves when the next one has been started, `pauseMs` after its end. */
  restart(signal: "SIGKILL" | "SIGTERM", pauseMs = 0): Promise<void> {
    return this.#restarting ??= this.#process.end(signal).then(() => sleep(pauseMs)).then(() => {
      this.#process = startProgram(this.#args);
      this.#restarting = undefined;
    });
  }

  /** What the process that runs now has logged. */
  log(): string {
    return this.#process.stderr();
  }

  async stop(): Promise<void> {
    await this.#restarting;
    await this.#process.end("SIGKILL");
  }
}
