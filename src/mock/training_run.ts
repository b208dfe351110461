/** The training itself: tasks handed out, data moved, parameters shared. */
import { sleep } from "../lib/abort.ts";
import { ReplayBuffer } from "./buffer.ts";
import type { Transition } from "./environment.ts";
import { MockFailure } from "./failure.ts";
import type { Fleet, Replica } from "./fleet.ts";
import {
  aggregateAnswer,
  type AggregateRequest,
  collectAnswer,
  type CollectRequest,
  learnAnswer,
  type LearnRequest,
  type Policy,
} from "./protocol.ts";
import { seededRandom } from "./random.ts";
import { RoleCallError, type RoleClient } from "./role_client.ts";
import type { ReplicaRole } from "./roster.ts";
import type { StepBudget } from "./step_budget.ts";
import { averageParameters, initialParameters } from "./training.ts";

const BUFFER_CAPACITY = 1000;
/** Learners wait until there is so much to draw from. */
const BUFFER_START = 40;
const TRANSITIONS_A_REQUEST = 20;
const BATCH_SIZE = 16;
/** Training steps of one request to a learner. */
const STEPS_A_REQUEST = 5;
/** After so many steps the learners' parameters become a new policy version. */
const STEPS_A_VERSION = 20;
/** How many lines tell of the progress, start and end aside. */
const REPORTS = 8;
/** Episodes that the printed mean return covers. */
const RECENT_EPISODES = 50;
/** A replica whose requests fail so often in a row has failed. */
const MAX_FAILURES = 5;
const FAILURE_PAUSE_MS = 500;
const DISPATCH_MS = 25;
/** Training that makes no step for so long will not make another. */
const STALL_MS = 120_000;

/** What a training run needs. */
export interface TrainingRunOptions {
  readonly fleet: Fleet;
  readonly roles: RoleClient;
  /** `host:port` of the aggregator; without it parameters are averaged here. */
  readonly aggregatorUrl: string | undefined;
  readonly collectors: number;
  readonly learners: number;
  readonly budget: StepBudget;
  /** Pause of a replica between two requests. */
  readonly paceMs: number;
  readonly log: (line: string) => void;
}

/** Work for one replica at a time. It outlives the replica: the next one goes on with it. */
interface Task {
  readonly id: string;
  readonly role: ReplicaRole;
  replica: Replica | undefined;
  closed: boolean;
}

export class TrainingRun {
  readonly #options: TrainingRunOptions;
  readonly #tasks: Task[] = [];
  readonly #buffer = new ReplayBuffer<Transition>(BUFFER_CAPACITY);
  readonly #random = seededRandom(1);
  /** What learners have learnt since the last version, by URL. */
  readonly #updates = new Map<string, readonly number[]>();
  #policy: Policy = { version: 0, parameters: initialParameters() };
  #versionSteps = 0;
  /** One version at a time: the next one counts on from it. */
  #sharing = false;
  #returns: number[] = [];
  #episodes = 0;
  #firstLoss: number | undefined;
  #loss = 0;
  #progressAt = performance.now();
  #crash: unknown;

  constructor(options: TrainingRunOptions) {
    this.#options = options;
  }

  get policyVersion(): number {
    return this.#policy.version;
  }

  /**
   * Hands tasks to replicas that have none, until `signal` aborts.
   *
   * @throws {MockFailure} `stalled` when no step was made for two minutes.
   */
  async run(signal: AbortSignal): Promise<void> {
    for (let i = 1; i <= this.#options.learners; i++) this.#addTask("learner", i);
    for (let i = 1; i <= this.#options.collectors; i++) this.#addTask("collector", i);
    this.#progressAt = performance.now();
    const working = new Set<Promise<void>>();
    while (!signal.aborted && this.#crash === undefined) {
      for (const [task, replica] of this.#assignments()) {
        task.replica = replica;
        const work = this.#work(task, replica)
          .catch((error) => void (this.#crash ??= error))
          .finally(() => working.delete(work));
        working.add(work);
      }
      if (performance.now() - this.#progressAt > STALL_MS) {
        throw new MockFailure("stalled", `No training step for ${STALL_MS / 1000} s`);
      }
      await sleep(DISPATCH_MS, signal);
    }
    if (this.#crash !== undefined) throw this.#crash;
    await Promise.all(working);
  }

  /** Ends a task for good: the one that a replica in `urls` works on, or else any of that kind. */
  closeTask(role: ReplicaRole, urls: readonly string[]): void {
    const tasks = this.#tasks.filter((task) => task.role === role);
    const task = tasks.find(({ replica }) => replica !== undefined && urls.includes(replica.url)) ??
      tasks.at(-1);
    if (task === undefined) return;
    task.closed = true;
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    this.#options.log(`${role} task(${task.id}) is closed`);
  }

  /** One line on what the whole run has brought. */
  summary(): string {
    const { done } = this.#options.budget;
    return `${done} steps, loss ${(this.#firstLoss ?? 0).toFixed(4)} -> ${
      this.#loss.toFixed(4)
    }, ` +
      `${this.#episodes} episodes, mean return ${this.#meanReturn()}, ` +
      `policy version ${this.#policy.version}`;
  }

  #addTask(role: ReplicaRole, number: number): void {
    const id = `${role}_task_${number}`;
    this.#tasks.push({ id, role, replica: undefined, closed: false });
    this.#options.log(`${role} task(${id}) put into queue`);
  }

  #assignments(): [Task, Replica][] {
    const busy = new Set(this.#tasks.map((task) => task.replica));
    const pairs: [Task, Replica][] = [];
    for (const task of this.#tasks.filter((each) => each.replica === undefined)) {
      const free = this.#options.fleet.connected(task.role).find((each) => !busy.has(each));
      if (free === undefined) continue;
      busy.add(free);
      pairs.push([task, free]);
    }
    return pairs;
  }

  async #work(task: Task, replica: Replica): Promise<void> {
    const { fleet, log, paceMs } = this.#options;
    log(`${task.role} task(${task.id}) is assigned to ${task.role}(${replica.url})`);
    let failures = 0;
    while (!replica.gone.aborted && !task.closed) {
      try {
        await (task.role === "collector"
          ? this.#collect(task, replica)
          : this.#learn(task, replica));
        failures = 0;
        await sleep(paceMs, replica.gone);
      } catch (error) {
        if (!(error instanceof RoleCallError)) throw error;
        if (replica.gone.aborted) break;
        failures++;
        log(`${task.role} task(${task.id}): ${error.message} (${failures} of ${MAX_FAILURES})`);
        if (failures === MAX_FAILURES) fleet.markFailed(replica, error.message);
        else await sleep(FAILURE_PAUSE_MS, replica.gone);
      }
    }
    task.replica = undefined;
    // At the very end all tasks stop; nobody is left who would take them out of the queue.
    if (!task.closed && !this.#options.budget.spent) {
      log(`${task.role} task(${task.id}) put back into queue`);
    }
  }

  async #collect(task: Task, replica: Replica): Promise<void> {
    const body: CollectRequest = {
      task: task.id,
      policy: this.#policy,
      transitions: TRANSITIONS_A_REQUEST,
    };
    const answer = await this.#options.roles.call({
      url: replica.url,
      path: "/collect",
      body,
      shape: collectAnswer,
      signal: replica.gone,
    });
    if (this.#buffer.size === 0) {
      this.#options.log(`collector task(${task.id}) send data(${answer.transitions.length})`);
    }
    this.#buffer.push(answer.transitions);
    this.#episodes += answer.returns.length;
    this.#returns = [...this.#returns, ...answer.returns].slice(-RECENT_EPISODES);
  }

  async #learn(task: Task, replica: Replica): Promise<void> {
    const { budget, roles } = this.#options;
    if (this.#buffer.size < BUFFER_START) return;
    const steps = budget.claim(replica.url, STEPS_A_REQUEST);
    if (steps === 0) return;
    const body: LearnRequest = {
      task: task.id,
      policy: this.#policy,
      batches: Array.from({ length: steps }, () => this.#buffer.sample(BATCH_SIZE, this.#random)),
    };
    try {
      const answer = await roles.call({
        url: replica.url,
        path: "/learn",
        body,
        shape: learnAnswer,
        signal: replica.gone,
      });
      this.#loss = answer.loss;
      this.#firstLoss ??= answer.loss;
      this.#updates.set(replica.url, answer.parameters);
    } catch (error) {
      budget.giveBack(steps);
      throw error;
    }
    this.#progressAt = performance.now();
    const before = budget.done;
    budget.finish(replica.url, steps);
    this.#reportProgress(before);
    if (budget.done - this.#versionSteps < STEPS_A_VERSION || this.#sharing) return;
    this.#sharing = true;
    await this.#share(replica.gone);
    this.#sharing = false;
  }

  /** Makes the next policy version out of what the learners have. */
  async #share(signal: AbortSignal): Promise<void> {
    const { aggregatorUrl, budget, log, roles } = this.#options;
    this.#versionSteps = budget.done;
    const body: AggregateRequest = {
      version: this.#policy.version + 1,
      updates: [...this.#updates.values()].map((each) => [...each]),
    };
    this.#updates.clear();
    if (aggregatorUrl === undefined) {
      this.#policy = { version: body.version, parameters: averageParameters(body.updates) };
      return;
    }
    try {
      this.#policy = await roles.call({
        url: aggregatorUrl,
        path: "/aggregate",
        body,
        shape: aggregateAnswer,
        signal,
      });
    } catch (error) {
      // The old policy still serves, and the next version will hold this one's learning as well.
      if (!(error instanceof RoleCallError)) throw error;
      if (!signal.aborted) log(`no policy version ${body.version}: ${error.message}`);
    }
  }

  #reportProgress(before: number): void {
    const { budget, log } = this.#options;
    const every = Math.max(1, Math.floor(budget.total / REPORTS));
    if (Math.floor(before / every) === Math.floor(budget.done / every)) return;
    log(
      `step ${budget.done}/${budget.total}: loss ${this.#loss.toFixed(4)}, ` +
        `mean return ${this.#meanReturn()}, policy version ${this.#policy.version}, ` +
        `replay buffer ${this.#buffer.size}`,
    );
  }

  #meanReturn(): string {
    const sum = this.#returns.reduce((total, each) => total + each, 0);
    return (sum / Math.max(1, this.#returns.length)).toFixed(2);
  }
}
