/** DELETE `/v1alpha1/replicas`: gives replicas back. */
import { planRemove, type RemovalPlan, type ReplicaCounts } from "../allocation/mod.ts";
import type { DIJob } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { publishedPorts, replicaTypeOf } from "../replicas/mod.ts";
import { type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import { referenceTo } from "./create.ts";
import type { Task } from "./ledger.ts";
import { mapLimited } from "../lib/parallel.ts";
import { isMadeFor } from "./make.ts";
import { type RecordedWork, type RequestRecord, type Victim, victimOf } from "./records.ts";
import type { ScaleRequest } from "./requests.ts";
import { podsOfJob } from "./view.ts";
import { claimDeletion, type WriteDeps, WRITES_AT_ONCE } from "./writes.ts";

type Removal = Extract<RecordedWork, { kind: "remove" }>;
const ROLES = ["collectors", "learners"] as const;
/** Gives the records of requests that are still to be answered. */
type Unanswered = (signal: AbortSignal) => Promise<readonly RequestRecord[]>;

/** Deletes replicas. One server has one of these, so that two calls never choose the same pod. */
export class ReplicaRemover {
  readonly #deps: WriteDeps;
  readonly #unanswered: Unanswered;
  /** Names with the start of their uid that some call is deleting. */
  readonly #taken = new Set<string>();

  constructor(deps: WriteDeps, unanswered: Unanswered) {
    this.#deps = deps;
    this.#unanswered = unanswered;
  }

  /** Chooses what goes. It stays chosen until {@link release}. */
  async plan(job: DIJob, request: ScaleRequest, signal: AbortSignal): Promise<Removal> {
    const chosen = { collectors: [], learners: [] };
    return await this.#chooseMore(job, request, chosen, signal);
  }

  /** What was chosen may be chosen again. */
  release(work: RecordedWork): void {
    if (work.kind !== "remove") return;
    for (const role of ROLES) {
      for (const victim of work[role]) this.#taken.delete(keyOfVictim(victim));
    }
  }

  /** @returns The addresses of what was deleted, in that order: fewer than asked for where there are fewer. */
  async perform(
    job: DIJob,
    request: ScaleRequest,
    task: Task,
  ): Promise<ReplicaSet> {
    const { namespace, coordinator } = request;
    const { signal } = task;
    if (task.work.kind !== "remove") {
      throw new TypeError(`a DELETE was recorded as ${task.work.kind}`);
    }
    let work: Removal = task.work;
    // Those of a first try, too, are nobody else's to choose.
    this.#take(work);
    const done = new Set<string>();
    const addressesOf = (victims: readonly Victim[]) =>
      victims.filter((victim) => done.has(keyOfVictim(victim)))
        .map(({ name, port }) => `${name}.${namespace}:${port}`);
    const report = () => ({
      namespace,
      coordinator,
      collectors: addressesOf(work.collectors),
      learners: addressesOf(work.learners),
    });
    try {
      let isResumed = task.isResumed;
      for (;;) {
        await this.#removeAll(work, isResumed, done, signal);
        const kept = keepOnly(work, done);
        // Victims that somebody else deletes meanwhile do not count: others go in their place.
        const lost = countOf(work) - countOf(kept);
        if (lost === 0) return report();
        work = await this.#chooseMore(job, request, kept, signal);
        await task.amend(work);
        isResumed = false;
      }
    } catch (error) {
      throw new UnfinishedError(textOf(error), report(), error);
    } finally {
      this.release(work);
    }
  }

  #take(work: Pick<Removal, "collectors" | "learners">): void {
    for (const role of ROLES) for (const victim of work[role]) this.#taken.add(keyOfVictim(victim));
  }

  /** `chosen`, filled up to what is asked for as far as there are any. */
  async #chooseMore(
    job: DIJob,
    request: ScaleRequest,
    chosen: Pick<Removal, "collectors" | "learners">,
    signal: AbortSignal,
  ): Promise<Removal> {
    const { view } = this.#deps;
    const wanted = {
      collectors: request.collectors.replicas - chosen.collectors.length,
      learners: request.learners.replicas - chosen.learners.length,
    };
    const isSpokenFor = spokenFor(await this.#unanswered(signal));
    const planFrom = (pods: readonly Pod[]) => {
      const free = pods.filter((pod) => !this.#taken.has(keyOfVictim(victimAt(pod))));
      return planSparing(job, free, wanted, isSpokenFor);
    };
    let plan = planFrom(podsOfJob(await view.podsOf(request.namespace, signal), job));
    if (plan.collectors.length < wanted.collectors || plan.learners.length < wanted.learners) {
      // Another copy of the server may have made some that our watch has not told of yet.
      plan = planFrom(await view.livePodsOf(job, signal));
    }
    const more = {
      collectors: plan.collectors.map(victimAt),
      learners: plan.learners.map(victimAt),
    };
    this.#take(more);
    return {
      kind: "remove",
      job: referenceTo(job),
      collectors: [...chosen.collectors, ...more.collectors],
      learners: [...chosen.learners, ...more.learners],
    };
  }

  /** Deletes what of `work` is not in `done` yet, and puts into `done` what it has deleted. */
  async #removeAll(
    { job, collectors, learners }: Removal,
    isResumed: boolean,
    done: Set<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const victims = [...collectors, ...learners].filter((victim) => !done.has(keyOfVictim(victim)));
    await mapLimited(victims, WRITES_AT_ONCE, async (victim) => {
      const key = { namespace: job.namespace, name: victim.name };
      const pod = await this.#deps.view.findPod(key, signal);
      const stands = pod !== undefined && keyOfVictim(victimAt(pod)) === keyOfVictim(victim);
      const isDeleted = stands
        ? await claimDeletion(this.#deps, pod, { mayBeOurs: isResumed, signal })
        : isResumed;
      if (isDeleted) done.add(keyOfVictim(victim));
    });
  }
}

/**
 * True for pods that a repeat of another request would take for its own: those that an unanswered DELETE
 * has chosen, and those that an unanswered POST has made.
 */
function spokenFor(records: readonly RequestRecord[]): (pod: Pod) => boolean {
  const victims = new Set<string>();
  const seeds: string[] = [];
  for (const { work } of records) {
    if (work.kind === "add") seeds.push(work.seed);
    else {for (const role of ROLES) {
        for (const victim of work[role]) victims.add(keyOfVictim(victim));
      }}
  }
  return (pod) =>
    victims.has(keyOfVictim(victimAt(pod))) || seeds.some((seed) => isMadeFor(pod, seed));
}

/** As {@link planRemove}, but pods that are spoken for go only where there are no others. */
function planSparing(
  job: DIJob,
  pods: readonly Pod[],
  wanted: ReplicaCounts,
  isSpokenFor: (pod: Pod) => boolean,
): RemovalPlan {
  const plan = planRemove(job, pods.filter((pod) => !isSpokenFor(pod)), wanted);
  const missing = {
    collectors: wanted.collectors - plan.collectors.length,
    learners: wanted.learners - plan.learners.length,
  };
  if (missing.collectors + missing.learners === 0) return plan;
  const rest = planRemove(job, pods.filter(isSpokenFor), missing);
  return {
    collectors: [...plan.collectors, ...rest.collectors],
    learners: [...plan.learners, ...rest.learners],
  };
}

function victimAt(pod: Pod): Victim {
  const { name = "", uid = "" } = pod.metadata;
  return victimOf(name, uid, publishedPorts(pod, replicaTypeOf(pod))[0]?.port ?? 0);
}

function keyOfVictim({ name, uid }: Victim): string {
  return `${name}/${uid}`;
}

function keepOnly({ collectors, learners }: Removal, done: ReadonlySet<string>) {
  const isDone = (victim: Victim) => done.has(keyOfVictim(victim));
  return { collectors: collectors.filter(isDone), learners: learners.filter(isDone) };
}

function countOf({ collectors, learners }: Pick<Removal, "collectors" | "learners">): number {
  return collectors.length + learners.length;
}
