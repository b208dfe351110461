/** Who may ask: coordinators and aggregators by their address, others by a token. */
import { AllocationError } from "../allocation/mod.ts";
import { type DIJob, GROUP } from "../api/mod.ts";
import {
  type KubeClient,
  type Pod,
  SUBJECT_ACCESS_REVIEWS,
  TOKEN_REVIEWS,
  type UserInfo,
} from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";
import { isOfType } from "../replicas/mod.ts";
import { textOf } from "./answers.ts";
import { type ClusterView, podsOfJob } from "./view.ts";

/** `warn` answers whoever asks, and says who should not have. */
export const CALLER_CHECKS = ["enforce", "warn", "off"] as const;
export type CallerCheck = typeof CALLER_CHECKS[number];

/** What RBAC calls the things that callers do to `dijobs/replicas`. */
export type Verb = "get" | "list" | "create" | "update" | "delete";

/** Where a request comes from. */
export interface Caller {
  /** IP address, without a port; IPv4 addresses as such. */
  readonly address: string;
  /** The `Authorization` header. */
  readonly authorization: string | null;
}

/** `trusted`: by its address. `authorized`: by its token. `refused`: neither. */
export const CALLER_RESULTS = ["trusted", "authorized", "refused"] as const;
export type CallerResult = typeof CALLER_RESULTS[number];

/** How a caller passes, or why it does not. */
type Verdict = Exclude<CallerResult, "refused"> | Refusal;

interface Refusal {
  readonly why: string;
  /** True for what may be otherwise soon. */
  readonly isPassing?: boolean;
}

/** How long an address that no pod of a job has is taken to have none, in ms; and how many are known. */
const MISS_LIFE_MS = 1000;
const MISSES_KEPT = 1000;

export interface CallerGuardOptions {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly mode: CallerCheck;
  readonly log: Logger;
  readonly onCheck: (result: CallerResult) => void;
}

/** Lets requests pass, or refuses them, as the mode says. */
export class CallerGuard {
  readonly #options: CallerGuardOptions;
  /** By job, pod and address, the oldest first: when it was looked for in vain, in ms. */
  readonly #misses = new Map<string, number>();

  constructor(options: CallerGuardOptions) {
    this.#options = options;
  }

  /**
   * Passes a request about one job: by the address of a coordinator or aggregator of that job, else by
   * token.
   *
   * @param named Name of the pod that the request names.
   * @throws {AllocationError} `forbidden`; `later` while it cannot be told, because the pod has no address.
   */
  async passForJob(
    caller: Caller,
    verb: Verb,
    { job, named }: { readonly job: DIJob; readonly named: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace = "", name } = job.metadata;
    await this.#check(caller, async () => {
      const { view } = this.#options;
      const cached = podsOfJob(await view.podsOf(namespace, signal), job);
      if (sightOf(cached, caller.address, named) === "found") return "trusted";
      const token = tokenOf(caller);
      const reviewed = token && await this.#reviewToken(token, verb, namespace, signal);
      if (reviewed === "authorized") return reviewed;
      const sight = await this.#lookUp(caller.address, job, named, signal);
      if (sight === "found") return "trusted";
      // Before the token's refusal: a coordinator may send one that says nothing here.
      if (sight === "unknown") {
        const why =
          `pod ${namespace}/${named} has no address yet: cannot tell whether it is the caller`;
        return { why, isPassing: true };
      }
      if (reviewed) return reviewed;
      return {
        why: `address ${caller.address} is no coordinator's or aggregator's of DIJob ` +
          `${namespace}/${name}, and there is no bearer token`,
      };
    });
  }

  /** Passes a request that names no job. @param namespace "" for all. */
  async passForNamespace(
    caller: Caller,
    verb: Verb,
    namespace: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#check(caller, async () => {
      const token = tokenOf(caller);
      if (token === undefined) return { why: "a list that names no job needs a bearer token" };
      return await this.#reviewToken(token, verb, namespace, signal);
    });
  }

  /** Does with what `judge` finds as the mode says. */
  async #check(caller: Caller, judge: () => Promise<Verdict>): Promise<void> {
    const { mode, log, onCheck } = this.#options;
    if (mode === "off") return;
    let verdict: Verdict;
    try {
      verdict = await judge();
    } catch (error) {
      if (mode === "enforce") throw error;
      log.warning("Could not tell who asks", { address: caller.address, error: textOf(error) });
      return;
    }
    onCheck(typeof verdict === "string" ? verdict : "refused");
    if (typeof verdict === "string") return;
    const { why, isPassing = false } = verdict;
    if (isPassing && mode === "enforce") throw new AllocationError("later", why);
    log.warning("A caller has no right to what it asks for", {
      address: caller.address,
      why,
      mode,
    });
    if (mode === "enforce") throw new AllocationError("forbidden", `not allowed: ${why}`);
  }

  /** A cache may lag behind the pod's start. That an address is nobody's is believed for a second. */
  async #lookUp(
    address: string,
    job: DIJob,
    named: string,
    signal: AbortSignal,
  ): Promise<Sight> {
    const key = JSON.stringify([job.metadata.uid, named, address]);
    const missedAtMs = this.#misses.get(key) ?? -Infinity;
    if (performance.now() - missedAtMs < MISS_LIFE_MS) return "missing";
    const sight = sightOf(await this.#options.view.liveAskersOf(job, signal), address, named);
    this.#misses.delete(key);
    if (sight === "missing") this.#misses.set(key, performance.now());
    const [oldest] = this.#misses.keys();
    if (this.#misses.size > MISSES_KEPT && oldest !== undefined) this.#misses.delete(oldest);
    return sight;
  }

  async #reviewToken(
    token: string,
    verb: Verb,
    namespace: string,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const { client } = this.#options;
    const review = await client.create(TOKEN_REVIEWS, { metadata: {}, spec: { token } }, {
      signal,
    });
    const user = review.status?.user;
    if (review.status?.authenticated !== true || user === undefined) {
      return { why: "the bearer token is not valid" };
    }
    const resourceAttributes = {
      group: GROUP,
      resource: "dijobs",
      subresource: "replicas",
      verb,
      ...(namespace !== "" && { namespace }),
    };
    const spec = { ...subjectOf(user), resourceAttributes };
    const access = await client.create(SUBJECT_ACCESS_REVIEWS, { metadata: {}, spec }, { signal });
    if (access.status?.allowed === true) return "authorized";
    const where = namespace === "" ? "all namespaces" : `namespace ${namespace}`;
    return { why: `user ${user.username} may not ${verb} dijobs/replicas in ${where}` };
  }
}

type Sight = "found" | "missing" | "unknown";

/** `unknown`: the pod that the caller says to be has no address yet. */
function sightOf(pods: readonly Pod[], address: string, named: string): Sight {
  const asking = pods.filter((pod) =>
    (isOfType(pod, "coordinator") || isOfType(pod, "aggregator")) && !hasEnded(pod)
  );
  if (asking.some(({ status }) => status?.podIPs?.some(({ ip }) => ip === address))) return "found";
  const claimed = asking.find(({ metadata }) => metadata.name === named);
  return claimed !== undefined && !claimed.status?.podIPs?.length ? "unknown" : "missing";
}

/** The addresses of pods that have ended are given to others. */
function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Other schemes say nothing here: HTTP libraries may add them by themselves. */
function tokenOf({ authorization }: Caller): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
}

function subjectOf({ username = "", uid, groups, extra }: UserInfo) {
  return {
    user: username,
    ...(uid && { uid }),
    ...(groups && { groups }),
    ...(extra && { extra }),
  };
}
