/** What a coordinator makes of the server's lists. No I/O. */

/** The kinds of replica that a coordinator asks the server for. */
export type ReplicaRole = "collector" | "learner";

/** URLs of both kinds, `<pod>.<namespace>:<port>` each. */
export interface ReplicaLists {
  readonly collectors: readonly string[];
  readonly learners: readonly string[];
}

/** What follows from a new list. */
export interface RosterChange {
  readonly connect: string[];
  readonly drop: string[];
}

/**
 * Compares the server's list with the replicas at hand.
 *
 * @param retired Given back or reported as failed: not connected again while the list still names them.
 */
export function planRoster(
  { listed, known, retired }: {
    readonly listed: readonly string[];
    readonly known: Iterable<string>;
    readonly retired: ReadonlySet<string>;
  },
): RosterChange {
  const knownUrls = new Set(known);
  return {
    connect: listed.filter((url) => !knownUrls.has(url) && !retired.has(url)),
    drop: [...knownUrls].filter((url) => !listed.includes(url)),
  };
}

/**
 * The pod behind a URL, found as DI-engine finds it: the text before `:` without its last dotted label.
 * `podNameOf("pong-learner-4gk7x.rl:80")` is `pong-learner-4gk7x`.
 */
export function podNameOf(url: string): string {
  const host = url.split(":")[0] ?? "";
  return host.split(".").slice(0, -1).join(".");
}
