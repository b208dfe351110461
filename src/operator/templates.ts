/**
 * Whether the API server would take the pods of a job's templates. The CRD cannot check a whole template,
 * so one pod of each is sent as a dry run before anything is started.
 */
import { createHash } from "node:crypto";
import { type DIJob, replicaName } from "../api/mod.ts";
import { ApiError, keyOf, type KubeClient, type Pod, PODS } from "../kube/mod.ts";
import { buildCoordinator, buildPod } from "../replicas/mod.ts";
import type { JobSnapshot, TemplateVerdict } from "./snapshot.ts";
import { coordinatorOf, mayStart } from "./stage.ts";
import { ACCEPTED } from "./status.ts";

/** For how long anything but a yes is believed, in ms: it may be the cluster that has changed. */
export const REFUSAL_MS = 60_000;
/** Templates whose result is remembered. */
const REMEMBERED_MAX = 1000;
/** The end of the names of pods that are never made; as long as that of real ones. */
const DRY_SUFFIX = "check";
/** Longest message of a condition: beyond it, it helps nobody. */
const MESSAGE_MAX = 2000;

/** True while something is still to be started, or the spec has changed since it was last looked at. */
export function needsTemplateCheck(snapshot: JobSnapshot): boolean {
  const { job } = snapshot;
  if (!mayStart(job)) return false;
  const { status, metadata } = job;
  if (status?.observedGeneration !== metadata.generation) return true;
  const accepted = status?.conditions?.find(({ type }) => type === ACCEPTED)?.status;
  return accepted === undefined ? coordinatorOf(snapshot) === undefined : accepted !== "True";
}

/** Asks the API server, and remembers what it said of equal templates. */
export class TemplateChecker {
  readonly #client: KubeClient;
  readonly #serverAddress: string;
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly verdict: TemplateVerdict; readonly atMs: number }>();

  constructor(client: KubeClient, serverAddress: string, now: () => number) {
    this.#client = client;
    this.#serverAddress = serverAddress;
    this.#now = now;
  }

  /** What the API server says of the job's templates. */
  async check(job: DIJob, signal: AbortSignal): Promise<TemplateVerdict> {
    const key = digestOf(job);
    const known = this.#known.get(key);
    if (known !== undefined && this.#now() - known.atMs < lifetimeMs(known.verdict)) {
      return known.verdict;
    }
    const samples = samplePods(job, this.#serverAddress);
    const results = await Promise.all(samples.map((sample) => this.#try(sample, signal)));
    const refusals = results.filter((result) => typeof result === "string");
    const verdict: TemplateVerdict = refusals.length > 0
      ? { kind: "refused", message: refusals.join("; ").slice(0, MESSAGE_MAX) }
      : { kind: results.includes(undefined) ? "unknown" : "accepted" };
    this.#remember(key, verdict);
    return verdict;
  }

  /** True: it would be taken; a text: what is wrong with it; undefined: it could not be found out. */
  async #try({ role, pod }: Sample, signal: AbortSignal): Promise<true | string | undefined> {
    try {
      await this.#client.create(PODS, pod, { dryRun: true, signal });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The name is looked at last: whoever has it, the pod itself is well.
      if (error.code === 409) return true;
      const isFault = (error.code === 400 || error.code === 422) &&
        // Said by webhooks that must not be asked this way.
        !error.message.includes("does not support dry run");
      return isFault ? describeRefusal(role, error) : undefined;
    }
  }

  #remember(key: string, verdict: TemplateVerdict): void {
    this.#known.delete(key);
    this.#known.set(key, { verdict, atMs: this.#now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}

interface Sample {
  readonly role: "coordinator" | "collector" | "learner";
  readonly pod: Pod;
}

/** One pod of each of the job's templates, as operator and server would make them. */
function samplePods(job: DIJob, serverAddress: string): Sample[] {
  const samples: Sample[] = [{
    role: "coordinator",
    pod: buildCoordinator(job, { serverAddress }),
  }];
  for (const role of ["collector", "learner"] as const) {
    const template = job.spec[role]?.template;
    if (template === undefined) continue;
    const name = replicaName(job.metadata.name ?? "", role, DRY_SUFFIX);
    samples.push({ role, pod: buildPod({ job, type: role, name, template, serverAddress }) });
  }
  return samples;
}

/** What the answer of the API server depends on, but for the names. */
function digestOf({ metadata, spec }: DIJob): string {
  const { coordinator, collector, learner, volumes, priorityClassName } = spec;
  const parts = [
    keyOf({ metadata }).namespace,
    coordinator.template,
    collector?.template,
    learner?.template,
    volumes,
    priorityClassName,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64");
}

function lifetimeMs({ kind }: TemplateVerdict): number {
  return kind === "accepted" ? Infinity : REFUSAL_MS;
}

/** The faults by their place in the DIJob, where the API server names them one by one. */
function describeRefusal(role: Sample["role"], { message, status }: ApiError): string {
  const template = `spec.${role}.template`;
  const causes = status?.details?.causes ?? [];
  const faults = causes.flatMap(({ field, message }) =>
    field === undefined ? [] : [`${template}.${field}: ${message}`]
  );
  return faults.length > 0 ? faults.join(", ") : `${template}: ${message}`;
}
