/** Takes an installation back: what `deploy` has made, and nothing else. */
import { AGGREGATOR_CONFIGS, type DIJob, DIJOBS } from "../api/mod.ts";
import {
  ifFound,
  isConflict,
  isNotFound,
  keyOf,
  keyText,
  type KubeClient,
  type KubeObject,
  type Resource,
} from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { isMadeByUs } from "./deploy.ts";
import { InstallError, keyOfPart, type Part, placeParts, readPart, titleOf } from "./objects.ts";
import { findForeign } from "./foreign.ts";
import { requireRights, type Right } from "./preflight.ts";

/** Longest time for jobs, and then for parts, to be gone, in ms. */
const GONE_LIMIT_MS = 120_000;
const POLL_MS = 500;

export interface UndeployOptions {
  readonly client: KubeClient;
  readonly parts: readonly Part[];
  /** Also while there are jobs: they are deleted first. */
  readonly deleteJobs: boolean;
  readonly print: (line: string) => void;
  /** Asked once all checks have passed and nothing has been deleted yet. */
  readonly confirm: (plan: UndeployPlan) => Promise<boolean>;
  readonly signal: AbortSignal;
}

export interface UndeployPlan {
  readonly remove: readonly string[];
  /** There, and not to be deleted; with the reason. */
  readonly keep: readonly string[];
  readonly jobs: readonly string[];
  /** Go with their definition. */
  readonly configs: readonly string[];
}

/**
 * Deletes the parts that `deploy` has made, last ones first.
 *
 * @returns False when it was not confirmed.
 * @throws {InstallError} While there are jobs, unless told to delete them; without the rights.
 */
export async function undeploy(options: UndeployOptions): Promise<boolean> {
  const { client, parts, print, signal } = options;
  const { placed } = await placeParts(client, parts, signal);
  const more: Right[] = [DIJOBS, AGGREGATOR_CONFIGS].map((resource) => ({
    verb: "list",
    resource,
  }));
  if (options.deleteJobs) more.push({ verb: "delete", resource: DIJOBS });
  await requireRights(client, placed, ["get", "delete"], more, signal);
  const there = (await Promise.all(placed.map(async (each) => ({
    each,
    held: await readPart(client, each, signal),
  })))).filter(({ held }) => held !== undefined);
  const isOurs = (held: Part | undefined) => held !== undefined && isMadeByUs(held);
  const made = there.filter(({ held }) => isOurs(held)).reverse();
  const shared = await sharedNamespaces(client, made.map(({ each }) => each.part), signal);
  const ours = made.filter(({ each }) => !shared.has(each.part));
  const keep = [
    ...there.filter(({ held }) => !isOurs(held)).map(({ each }) =>
      `${titleOf(each.part)} (not made by deploy)`
    ),
    ...[...shared].map(([part, why]) => `${titleOf(part)} (${why})`),
  ];

  const takesJobs = ours.some(({ each }) => each.part.kind === "CustomResourceDefinition");
  const jobs = async () => {
    const found = takesJobs ? await listAll(client, DIJOBS, signal) : [];
    if (found.length > 0 && !options.deleteJobs) refuse(namesOf(found));
    return found;
  };
  const names = namesOf(await jobs());
  const configs = takesJobs ? namesOf(await listAll(client, AGGREGATOR_CONFIGS, signal)) : [];
  const remove = ours.map(({ each }) => titleOf(each.part));
  if (!await options.confirm({ remove, keep, jobs: names, configs })) return false;

  // Anew: the answer may have taken its time.
  await deleteJobs(await jobs(), options);
  for (const { each: { part, resource }, held } of ours) {
    const uid = held?.metadata.uid ?? "";
    try {
      await client.delete(resource, keyOfPart(part), {
        preconditions: { uid },
        propagationPolicy: "Background",
        signal,
      });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    print(`${titleOf(part)} deleted`);
  }
  await untilGone("the parts of the installation", signal, async () => {
    const left = await Promise.all(ours.map(async ({ each, held }) => {
      const now = await readPart(client, each, signal);
      return now?.metadata.uid === held?.metadata.uid ? [titleOf(each.part)] : [];
    }));
    return left.flat();
  });
  return true;
}

/** Namespaces that `deploy` made and that others use by now, with what is in them. */
async function sharedNamespaces(
  client: KubeClient,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<Map<Part, string>> {
  const namespaces = parts.filter(({ kind }) => kind === "Namespace");
  const found = await Promise.all(namespaces.map(async (part) => {
    const foreign = await findForeign(client, part.metadata.name ?? "", signal);
    return foreign.length === 0 ? [] : [[part, `it has ${foreign.join(", ")}`] as const];
  }));
  return new Map(found.flat());
}

/** @throws {InstallError} */
function refuse(jobs: readonly string[]): never {
  throw new InstallError(
    `There are ${jobs.length} DIJobs, which would go with their definition ` +
      `(${jobs.slice(0, 5).join(", ")}${jobs.length > 5 ? ", …" : ""}): ` +
      "delete them first, or give --delete-jobs",
  );
}

function namesOf(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => keyText(keyOf(object)));
}

/** All objects of a kind; none of one that the cluster does not know. */
async function listAll<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  signal: AbortSignal,
): Promise<T[]> {
  return (await ifFound(client.list(resource, { signal })))?.items ?? [];
}

/** Deletes the jobs and waits, while the operator's pods and garbage collection are still there. */
async function deleteJobs(
  jobs: readonly DIJob[],
  { client, print, signal }: UndeployOptions,
): Promise<void> {
  for (const job of jobs) {
    try {
      await client.delete(DIJOBS, keyOf(job), { propagationPolicy: "Background", signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    print(`DIJob ${keyText(keyOf(job))} deleted`);
  }
  if (jobs.length === 0) return;
  await untilGone("the DIJobs", signal, async () => {
    const { items } = await client.list(DIJOBS, { signal });
    return items.map((job) => keyText(keyOf(job)));
  });
}

async function untilGone(
  what: string,
  signal: AbortSignal,
  look: () => Promise<readonly string[]>,
): Promise<void> {
  const end = performance.now() + GONE_LIMIT_MS;
  for (let left = await look(); left.length > 0; left = await look()) {
    signal.throwIfAborted();
    if (performance.now() > end) {
      throw new InstallError(
        `After ${GONE_LIMIT_MS / 1000} s ${what} are still there: ${left.join(", ")}`,
      );
    }
    await sleep(POLL_MS, signal);
  }
}
