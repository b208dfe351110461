/** What the webhook decides of a DIJob. The CRD's own default and enum come first: little reaches it. */

export interface PatchOperation {
  readonly op: "add";
  readonly path: string;
  readonly value: unknown;
}

/** `ALL` is v0.1.0's spelling of `All`. The empty text is a policy that nobody has filled in yet. */
const POLICIES = ["None", "Running", "All", "ALL", ""];

/** The one field that is filled in: an empty `cleanPodPolicy` becomes `Running`. */
export function planDefaults(job: unknown): PatchOperation[] {
  const spec = field(job, "spec");
  if (typeof spec !== "object" || spec === null) return [];
  const policy = field(spec, "cleanPodPolicy") ?? "";
  return policy === "" ? [{ op: "add", path: "/spec/cleanPodPolicy", value: "Running" }] : [];
}

/** Why the job cannot be taken; undefined: it can. The text is DI-orchestrator v0.2.2's. */
export function findRefusal(job: unknown): string | undefined {
  const policy = field(field(job, "spec"), "cleanPodPolicy") ?? "";
  if (typeof policy === "string" && POLICIES.includes(policy)) return undefined;
  const shown = typeof policy === "string" ? policy : JSON.stringify(policy);
  return `Invalid CleanPodPolicy ${shown}, expected in [None, Running, All]`;
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
