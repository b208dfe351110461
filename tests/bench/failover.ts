/** How long jobs wait when the operator that leads goes away. */
import { sleep } from "../../src/lib/abort.ts";
import type { Pod } from "../../src/kube/mod.ts";
import { eventually } from "../support/eventually.ts";
import { type OperatorProcess, startOperatorProcess } from "./processes.ts";
import { Submitter } from "./submitter.ts";

/** For a standby to get used to standing by, in ms. */
const SETTLE_MS = 3_000;
/** A standby looks at the lease this often: signals come at any time of it. */
const LOOK_MS = 2_000;

interface Copy {
  readonly process: OperatorProcess;
  /** What it tells coordinators of the server: so it is seen who has made one. */
  readonly mark: string;
}

/**
 * Sends each of `signals` to the copy that leads, with another one standing by.
 *
 * @returns For each, the time from the signal until the other one has started the coordinator of a job
 * that was submitted right after it, in ms.
 */
export async function measureFailovers(
  kubeconfigPath: string,
  signals: readonly ("SIGTERM" | "SIGKILL")[],
): Promise<number[]> {
  const submitter = await Submitter.open(kubeconfigPath);
  let count = 0;
  const startCopy = async (): Promise<Copy> => {
    const mark = `server-${count++}.test:8080`;
    const flags = ["--leader-elect", `--server-address=${mark}`];
    const process = startOperatorProcess(kubeconfigPath, flags);
    await process.untilReady();
    return { process, mark };
  };
  const copies: Copy[] = [];
  const times: number[] = [];
  try {
    copies.push(await startCopy());
    await eventually("the first copy to lead", () => leads(copies[0]));
    for (const signal of signals) {
      copies.push(await startCopy());
      await submitter.start();
      await sleep(SETTLE_MS + Math.random() * LOOK_MS);
      const [leader, standby] = copies;
      if (leader === undefined || standby === undefined) throw new RangeError("No copies");
      const startedAt = performance.now();
      leader.process.signal(signal);
      await untilStartedBy(standby, submitter);
      times.push(performance.now() - startedAt);
      await leader.process.stop();
      copies.shift();
    }
    return times;
  } finally {
    for (const { process } of copies) await process.stop();
    await submitter.close();
  }
}

async function leads(copy: Copy | undefined): Promise<boolean> {
  return await copy?.process.metric("leader_election_master_status") === 1;
}

/** Submits a job; another one when the copy that goes away was so quick as to start it. */
async function untilStartedBy({ mark }: Copy, submitter: Submitter): Promise<void> {
  for (;;) {
    const { pod } = await submitter.start();
    if (marksOf(pod).includes(mark)) return;
  }
}

function marksOf({ spec }: Pod): (string | undefined)[] {
  return spec?.containers.flatMap(({ env = [] }) => env.map(({ value }) => value)) ?? [];
}
