/** Brings an installation into a cluster, and waits until it works. */
import {
  type Definition,
  DEFINITIONS,
  isEstablished,
  isNotFound,
  type KubeClient,
  NAMESPACES,
} from "../kube/mod.ts";
import { sleep } from "../lib/abort.ts";
import { InstallError, keyOfPart, type Part, type Placed, placeParts, titleOf } from "./objects.ts";
import { rehearse, requireRights, requireVersion } from "./preflight.ts";

/** Who has set the fields, in `metadata.managedFields`. */
export const FIELD_MANAGER = "di-orchestrator-deploy";
/** On what was not there before: only that is taken back. */
export const MADE_ANNOTATION = "diengine.opendilab.org/made-by";
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
  const before = await Promise.all(placed.map((each) => read(client, each, signal)));
  const apply = (each: Placed, dryRun: boolean) => {
    const held = before[placed.indexOf(each)];
    const isOurs = held === undefined ||
      held.metadata.annotations?.[MADE_ANNOTATION] === FIELD_MANAGER;
    return write(client, isOurs ? marked(each) : each, dryRun, signal);
  };
  await rehearse(client, placed, apply, signal);
  const titles = (isThere: boolean) =>
    placed.filter((_, index) => (before[index] !== undefined) === isThere)
      .map(({ part }) => titleOf(part));
  if (!await options.confirm({ version, make: titles(false), update: titles(true) })) return false;

  for (const [index, each] of placed.entries()) {
    const after = await apply(each, false);
    const held = before[index];
    const what = held === undefined
      ? "created"
      : held.metadata.resourceVersion === after.metadata.resourceVersion
      ? "unchanged"
      : "configured";
    print(`${titleOf(each.part)} ${what}`);
    if (each.resource.kind === DEFINITIONS.kind) await untilEstablished(client, each, signal);
  }
  await untilRolledOut(placed, options);
  return true;
}

async function read(
  client: KubeClient,
  { part, resource }: Placed,
  signal: AbortSignal,
): Promise<Part | undefined> {
  try {
    return await client.get(resource, keyOfPart(part), { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
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

async function untilEstablished(
  client: KubeClient,
  { part }: Placed,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + ESTABLISH_LIMIT_MS;
  for (;;) {
    const definition: Definition = await client.get(DEFINITIONS, keyOfPart(part), { signal });
    if (isEstablished(definition)) return;
    signal.throwIfAborted();
    if (performance.now() > end) throw new InstallError(`${titleOf(part)} is not served yet`);
    await sleep(POLL_MS, signal);
  }
}

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message?: string;
  }[];
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
export function rolloutOf({ metadata, spec, status }: Part): { text: string; isDone: boolean } {
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

interface Waiting {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly status?: {
      readonly conditions?: readonly { type: string; status: string; message?: string }[];
      readonly containerStatuses?: readonly {
        readonly state?: { readonly waiting?: { readonly reason?: string; message?: string } };
      }[];
    };
  }[];
}

/** What the pods of a Deployment that does not get on say. */
async function whyNot(client: KubeClient, part: Part, signal: AbortSignal): Promise<string[]> {
  const { matchLabels = {} } =
    (part.spec as { selector?: { matchLabels?: Record<string, string> } })?.selector ?? {};
  const selector = Object.entries(matchLabels).map((pair) => pair.join("=")).join(",");
  const path = `/api/v1/namespaces/${part.metadata.namespace}/pods?labelSelector=${
    encodeURIComponent(selector)
  }`;
  // That it is late is worth more than why, which one may have no right to read.
  const { items } = await client.request<Waiting>("GET", path, { signal })
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
