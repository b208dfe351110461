/** POST `/v1alpha1/replicas/failed`: puts new replicas in the place of failed ones. */
import { buildReplacement, isReplacementOf, replaceableTypeOf } from "../allocation/mod.ts";
import type { DIJob } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { type ReplicaSet, textOf, UnfinishedError } from "./answers.ts";
import { addressOfReplica } from "./list.ts";
import { findOwner, requireUnfinished, unknownPod } from "./owner.ts";
import { mapLimited } from "./parallel.ts";
import type { FailedRequest } from "./requests.ts";
import { jobReferenceOf } from "./view.ts";
import { createReplica, deletePod, type WriteDeps, WRITES_AT_ONCE } from "./writes.ts";

/** What is known of one reported replica before anything is done. */
type Report =
  /** The failed pod is gone, and this one has its place. */
  | { readonly kind: "replaced"; readonly name: string; readonly by: Pod }
  /** It is still there; `by` is what a call that was cut off has made already. */
  | { readonly kind: "failed"; readonly name: string; readonly old: Pod; readonly by?: Pod };

/**
 * Replaces the named pods. Doing it again gives the same replacements.
 *
 * @returns The new addresses in the order of the names, `null` for a list that had none.
 */
export async function replaceFailed(
  deps: WriteDeps,
  request: FailedRequest,
  signal: AbortSignal,
): Promise<ReplicaSet> {
  const { namespace, coordinator } = request;
  const { job } = await findOwner(deps.view, { namespace, name: coordinator }, signal);
  requireUnfinished(job);
  const names = [...new Set([...request.collectors, ...request.learners])];
  // All are found before any is touched: a client that is refused can send the same names again.
  const reports = await mapLimited(
    names,
    WRITES_AT_ONCE,
    (name) => findReported(deps, job, name, signal),
  );
  const addresses = new Map<string, string>();
  const addressesOf = (list: readonly string[]) =>
    list.length === 0 ? null : list.flatMap((name) => addresses.get(name) ?? []);
  const replaced = () => ({
    namespace,
    coordinator,
    collectors: addressesOf(request.collectors),
    learners: addressesOf(request.learners),
  });
  try {
    await mapLimited(reports, WRITES_AT_ONCE, async (report) => {
      const pod = await replaceOne(deps, job, report, signal);
      addresses.set(report.name, addressOfReplica(pod));
    });
    return replaced();
  } catch (error) {
    throw new UnfinishedError(textOf(error), replaced(), error);
  }
}

async function findReported(
  { view }: WriteDeps,
  job: DIJob,
  name: string,
  signal: AbortSignal,
): Promise<Report> {
  const key = { namespace: job.metadata.namespace ?? "", name };
  const old = await view.findPod(key, signal);
  if (old !== undefined) {
    // A pod of another job does not exist for this caller.
    if (jobReferenceOf(old)?.uid !== job.metadata.uid) throw unknownPod(key);
    replaceableTypeOf(job, old);
  }
  const by = await view.findReplacement(job, { name, uid: old?.metadata.uid }, signal);
  if (old !== undefined) return { kind: "failed", name, old, ...(by && { by }) };
  if (by !== undefined) return { kind: "replaced", name, by };
  throw unknownPod(key);
}

/** The new one comes before the old one goes, so that a crash in between loses nothing. */
async function replaceOne(
  deps: WriteDeps,
  job: DIJob,
  report: Report,
  signal: AbortSignal,
): Promise<Pod> {
  if (report.kind === "replaced") return report.by;
  const { old } = report;
  const plan = {
    podAt: (attempt: number) =>
      buildReplacement(job, old, { serverAddress: deps.serverAddress, attempt }),
    isOurs: (pod: Pod) => isReplacementOf(pod, old.metadata.uid ?? ""),
  };
  const pod = report.by ?? await createReplica(deps, plan, () => {}, signal);
  await deletePod(deps, old, { signal, gracePeriodSeconds: 0 });
  return pod;
}
