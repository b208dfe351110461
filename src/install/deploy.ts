/** Brings an installation into a cluster, and waits until it works. */
import { DEFINITIONS, isServedWithin, type KubeClient, NAMESPACES, PODS } from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import {
  InstallError,
  keyOfPart,
  type Part,
  type Placed,
  placeParts,
  readPart,
  titleOf,
} from "./objects.ts";
import { rehearse, requireRights, requireVersion } from "./preflight.ts";

/** Who has set the fields, in `metadata.managedFields`. */
const FIELD_MANAGER = "di-orchestrator-deploy";
/** On what was not there before: only that is taken back. */
const MADE_ANNOTATION = "diengine.opendilab.org/made-by";
const POLL_MS = 500;
const ESTABLISH_LIMIT_MS = 30_000;

export interface DeployOptions {
  readonly client: KubeClient;
  readonly parts: readonly Part[];
  /** Longest time for the rollouts, in ms. */
  readonly rolloutMs: number;
  readonly print: (line: string) => void;
  /** Asked once all checks have passed and nothing has been written yet. */
  readonly confirm: (plan: DeployPlan) => Promise<boolean>;
  readonly signal: AbortSignal;
}

export interface DeployPlan {
  readonly version: string;
  readonly make: readonly string[];
  readonly update: readonly string[];
}

/**
 * Applies the parts (server-side, whoever had set the fields before), in their order.
 *
 * @returns False when it was not confirmed.
 * @throws {InstallError} When a check fails, before anything is written; or a rollout does not end in time.
 */
export async function deploy(options: DeployOptions): Promise<boolean> {
  const { client, parts, print, signal } = options;
  const version = await requireVersion(client, signal);
  const { placed, unknown } = await placeParts(client, parts, signal);
  const [first] = unknown;
  if (first !== undefined) {
    throw new InstallError(
      `The cluster does not know ${first.apiVersion} ${first.kind} (${titleOf(first)})`,
    );
  }
  const more = [{ verb: "list" as const, resource: NAMESPACES }];
  await requireRights(client, placed, ["get", "create", "patch"], more, signal);
  const found = await Promise.all(placed.map(async (each) => {
    const held = await readPart(client, each, signal);
    return { held, each: held === undefined || isMadeByUs(held) ? marked(each) : each };
  }));
  const ready = found.map(({ each }) => each);
  await rehearse(client, ready, (each) => write(client, each, true, signal), signal);
  const titles = (isThere: boolean) =>
    found.filter(({ held }) => (held !== undefined) === isThere)
      .map(({ each }) => titleOf(each.part));
  if (!await options.confirm({ version, make: titles(false), update: titles(true) })) return false;

  for (const { each, held } of found) {
    const after = await write(client, each, false, signal);
    const what = held === undefined
      ? "created"
      : held.metadata.resourceVersion === after.metadata.resourceVersion
      ? "unchanged"
      : "configured";
    print(`${titleOf(each.part)} ${what}`);
    if (each.resource.kind === DEFINITIONS.kind) await requireServed(client, each.part, signal);
  }
  await untilRolledOut(ready, options);
  return true;
}

/** True for a part that was not there before `deploy` made it. */
export function isMadeByUs({ metadata }: Part): boolean {
  return metadata.annotations?.[MADE_ANNOTATION] === FIELD_MANAGER;
}

function marked({ part, resource }: Placed): Placed {
  const annotations = { ...part.metadata.annotations, [MADE_ANNOTATION]: FIELD_MANAGER };
  return { part: { ...part, metadata: { ...part.metadata, annotations } }, resource };
}

function write(
  client: KubeClient,
  { part, resource }: Placed,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<Part> {
  return client.patch(resource, keyOfPart(part), part, {
    type: "apply",
    fieldManager: FIELD_MANAGER,
    force: true,
    dryRun,
    signal,
  });
}

async function requireServed(client: KubeClient, part: Part, signal: AbortSignal): Promise<void> {
  const wait = { limitMs: ESTABLISH_LIMIT_MS, pollMs: POLL_MS, signal };
  if (await isServedWithin(client, part.metadata.name ?? "", wait)) return;
  throw new InstallError(`${titleOf(part)} is not served yet`);
}

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
}

async function untilRolledOut(
  placed: readonly Placed[],
  { client, print, rolloutMs, signal }: DeployOptions,
): Promise<void> {
  const end = performance.now() + rolloutMs;
  const waiting = new Map(
    placed.filter(({ part }) => part.kind === "Deployment").map((each) => [each, ""]),
  );
  while (waiting.size > 0) {
    for (const [each, said] of waiting) {
      const deployment = await client.get(each.resource, keyOfPart(each.part), { signal });
      const progress = rolloutOf(deployment);
      if (progress.text !== said) print(`${titleOf(each.part)}: ${progress.text}`);
      waiting.set(each, progress.text);
      if (progress.isDone) waiting.delete(each);
    }
    signal.throwIfAborted();
    if (waiting.size > 0 && performance.now() > end) {
      const late = [...waiting.keys()].map(({ part }) => part);
      const why = await Promise.all(late.map((part) => whyNot(client, part, signal)));
      throw new InstallError(
        `Not rolled out after ${rolloutMs / 1000} s: ${late.map(titleOf).join(", ")}` +
          why.flat().map((line) => `\n  ${line}`).join(""),
      );
    }
    if (waiting.size > 0) await sleep(POLL_MS, signal);
  }
}

/** Where a Deployment stands, as `kubectl rollout status` sees it. */
function rolloutOf({ metadata, spec, status }: Part): { text: string; isDone: boolean } {
  const { replicas: wanted = 1 } = (spec ?? {}) as { readonly replicas?: number };
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } =
    (status ?? {}) as DeploymentStatus;
  if (observedGeneration < (metadata.generation ?? 0)) {
    return { text: "waiting for the change to be seen", isDone: false };
  }
  const isDone = updatedReplicas >= wanted && replicas <= updatedReplicas &&
    availableReplicas >= wanted;
  const old = replicas - updatedReplicas;
  const leaving = old > 0 ? `, ${old} of before still there` : "";
  return { text: `${availableReplicas} of ${wanted} available${leaving}`, isDone };
}

/** What the pods of a Deployment that does not get on say. */
async function whyNot(client: KubeClient, part: Part, signal: AbortSignal): Promise<string[]> {
  const { namespace = "" } = part.metadata;
  const { matchLabels = {} } =
    (part.spec as { selector?: { matchLabels?: Record<string, string> } })?.selector ?? {};
  const labelSelector = Object.entries(matchLabels).map((pair) => pair.join("=")).join(",");
  // That it is late is worth more than why, which one may have no right to read.
  const { items } = await client.list(PODS, { namespace, labelSelector, signal })
    .catch(() => ({ items: [] }));
  return items.flatMap(({ metadata: { name }, status }) => {
    const reasons = [
      ...(status?.containerStatuses ?? []).flatMap(({ state }) =>
        state?.waiting === undefined ? [] : [[state.waiting.reason, state.waiting.message]]
      ),
      ...(status?.conditions ?? []).filter(({ type, status }) =>
        type === "PodScheduled" && status === "False"
      ).map(({ message }) => [message]),
    ];
    return reasons.map((words) => `pod ${name}: ${words.filter(Boolean).join(": ")}`);
  });
}
