/** DELETE `/v1alpha1/replicas`: gives replicas back. */
import { planRemove } from "../allocation/mod.ts";
import type { DIJob } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import { addressOfReplica } from "./list.ts";
import { findOwner } from "./owner.ts";
import { mapLimited } from "./parallel.ts";
import type { ScaleRequest } from "./requests.ts";
import { podsOwnedBy } from "./view.ts";
import { claimDeletion, type WriteDeps, WRITES_AT_ONCE } from "./writes.ts";

/** Deletes replicas. One server has one of these, so that two calls never choose the same pod. */
export class ReplicaRemover {
  readonly #deps: WriteDeps;
  /** uids that some call is deleting. */
  readonly #taken = new Set<string>();

  constructor(deps: WriteDeps) {
    this.#deps = deps;
  }

  /** @returns The addresses of what was deleted, in that order: fewer than asked for where there are fewer. */
  async remove(request: ScaleRequest, signal: AbortSignal): Promise<ReplicaSet> {
    const { namespace, coordinator } = request;
    const { job } = await findOwner(this.#deps.view, { namespace, name: coordinator }, signal);
    const removed = { collectors: [] as Pod[], learners: [] as Pod[] };
    const report = () => ({
      namespace,
      coordinator,
      collectors: removed.collectors.map(addressOfReplica),
      learners: removed.learners.map(addressOfReplica),
    });
    try {
      // Victims that somebody else deletes meanwhile do not count: others go in their place.
      while (await this.#removeOnce(job, request, removed, signal));
      return report();
    } catch (error) {
      throw new UnfinishedError(textOf(error), report(), error);
    }
  }

  /** @returns True when victims turned out to be gone, so that it takes another round. */
  async #removeOnce(
    job: DIJob,
    request: ScaleRequest,
    removed: { readonly collectors: Pod[]; readonly learners: Pod[] },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { view } = this.#deps;
    const wanted = {
      collectors: request.collectors.replicas - removed.collectors.length,
      learners: request.learners.replicas - removed.learners.length,
    };
    const planFrom = (pods: readonly Pod[]) =>
      planRemove(job, pods.filter(({ metadata }) => !this.#taken.has(metadata.uid ?? "")), wanted);
    const pods = await view.podsOf(request.namespace, signal);
    let plan = planFrom(podsOwnedBy(pods, job.metadata.uid));
    if (
      plan.collectors.length < wanted.collectors || plan.learners.length < wanted.learners
    ) {
      // Another copy of the server may have made some that our watch has not told of yet.
      plan = planFrom(await view.livePodsOf(job, signal));
    }
    const gone = [
      await this.#removeAll(plan.collectors, removed.collectors, signal),
      await this.#removeAll(plan.learners, removed.learners, signal),
    ];
    return gone.includes(true);
  }

  async #removeAll(pods: readonly Pod[], removed: Pod[], signal: AbortSignal): Promise<boolean> {
    const uids = pods.map(({ metadata }) => metadata.uid ?? "");
    for (const uid of uids) this.#taken.add(uid);
    const done = new Set<Pod>();
    try {
      await mapLimited(pods, WRITES_AT_ONCE, async (pod) => {
        if (await claimDeletion(this.#deps, pod, signal)) done.add(pod);
      });
      return done.size < pods.length;
    } finally {
      removed.push(...pods.filter((pod) => done.has(pod)));
      for (const uid of uids) this.#taken.delete(uid);
    }
  }
}
