/** What has to hold before anything is written. */
import {
  ApiError,
  type KubeClient,
  type KubeObject,
  NAMESPACES,
  type Resource,
} from "../kube/mod.ts";
import { InstallError, type Placed, titleOf } from "./objects.ts";

/** The oldest minor whose CRDs have the rules (CEL) that ours are checked with. */
const OLDEST = { major: 1, minor: 29 };

/** Refuses clusters that are too old. @returns The version, as `v1.36.3`. @throws {InstallError} */
export async function requireVersion(client: KubeClient, signal: AbortSignal): Promise<string> {
  const { major, minor, gitVersion } = await client.request<{
    readonly major: string;
    readonly minor: string;
    readonly gitVersion: string;
  }>("GET", "/version", { signal });
  // Some distributions write the minor as `29+`; of what is no number nothing is true.
  const [isMajor, isMinor] = [parseFloat(major), parseFloat(minor)];
  const isEnough = isMajor > OLDEST.major ||
    (isMajor === OLDEST.major && isMinor >= OLDEST.minor);
  if (isEnough) return gitVersion;
  throw new InstallError(
    `The cluster is Kubernetes ${gitVersion}; needed is ${OLDEST.major}.${OLDEST.minor} or later`,
  );
}

type Verb = "get" | "list" | "create" | "patch" | "delete";

/** A right beyond those to the parts themselves. */
export interface Right {
  readonly verb: Verb;
  readonly resource: Resource<KubeObject>;
}

interface Review extends KubeObject {
  readonly spec: unknown;
  readonly status?: { readonly allowed: boolean };
}

/** Asks for each kind whether we may; throws with all that we may not. @throws {InstallError} */
export async function requireRights(
  client: KubeClient,
  parts: readonly Placed[],
  verbs: readonly Verb[],
  more: readonly Right[],
  signal: AbortSignal,
): Promise<void> {
  const questions = new Map<string, Record<string, string>>();
  for (const { verb, resource: { group, plural: resource } } of more) {
    questions.set(`${verb} ${resource}${group && `.${group}`}`, { verb, group, resource });
  }
  for (const { part, resource: { group, plural: resource, namespaced } } of parts) {
    const namespace = namespaced ? part.metadata.namespace ?? "" : "";
    for (const verb of verbs) {
      const name = `${verb} ${resource}${group && `.${group}`}`;
      const place = namespaced ? ` in namespace ${namespace}` : "";
      questions.set(name + place, { verb, group, resource, ...(namespaced && { namespace }) });
    }
  }
  const answers = await Promise.all(
    [...questions].map(async ([title, resourceAttributes]) => {
      const review: Review = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        metadata: {},
        spec: { resourceAttributes },
      };
      const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
      const { status } = await client.request<Review>("POST", path, { signal }, review);
      return { title, isAllowed: status?.allowed === true };
    }),
  );
  const missing = answers.filter(({ isAllowed }) => !isAllowed).map(({ title }) => title);
  if (missing.length === 0) return;
  throw new InstallError(`You have no right to:\n${missing.map((each) => `  ${each}`).join("\n")}`);
}

/**
 * Lets the API server look at what can be looked at before anything is there: that no role gives more
 * than we have ourselves, for one. Nothing is stored.
 *
 * @throws {InstallError} With all that it refuses.
 */
export async function rehearse(
  client: KubeClient,
  parts: readonly Placed[],
  tryOut: (placed: Placed) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const { items } = await client.list(NAMESPACES, { signal });
  const there = new Set(items.map(({ metadata }) => metadata.name));
  const possible = parts.filter(({ part, resource }) =>
    !resource.namespaced || there.has(part.metadata.namespace)
  );
  const refusals = await Promise.all(possible.map(async (placed) => {
    try {
      await tryOut(placed);
      return [];
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return [`  ${titleOf(placed.part)}: ${error.message}`];
    }
  }));
  if (refusals.flat().length === 0) return;
  throw new InstallError(`The API server refuses:\n${refusals.flat().join("\n")}`);
}
