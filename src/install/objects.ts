/** The objects of an installation, and where each lives in the API. */
import { buildCrds } from "../api/mod.ts";
import {
  discoverKinds,
  ifFound,
  type KubeClient,
  type KubeObject,
  type Resource,
} from "../kube/mod.ts";
import objects from "./objects.json" with { type: "json" };

/** An object that an installation consists of. */
export interface Part extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A part, and its kind as the API server knows it. */
export interface Placed {
  readonly part: Part;
  readonly resource: Resource<Part>;
}

/** Something that cannot be installed, or not here. The message is one line, or one for each fault. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/** `deploy/di-manager.yaml`, as it was when the program was built: the definitions follow the namespace. */
export const OWN_PARTS: readonly Part[] = objects.flatMap((part): Part[] =>
  part.kind === "Namespace" ? [part, ...buildCrds()] : [part]
);

/** `Deployment di-system/di-server` and the like. */
export function titleOf({ kind, metadata: { namespace, name } }: Part): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

export function keyOfPart({ metadata: { namespace = "", name = "" } }: Part) {
  return { namespace, name };
}

/**
 * Finds every part's kind by discovery.
 *
 * @throws {InstallError} For a part that needs a namespace and names none.
 * @returns Parts whose kind nobody serves yet (a definition that comes with them will) are `unknown`.
 */
export async function placeParts(
  client: KubeClient,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<{ readonly placed: Placed[]; readonly unknown: Part[] }> {
  const versions = [...new Set(parts.map(({ apiVersion }) => apiVersion))];
  const found = await Promise.all(
    versions.map(async (version) =>
      [version, await discoverKinds<Part>(client, version, signal)] as const
    ),
  );
  const kinds = new Map(found);
  const placed: Placed[] = [];
  const unknown: Part[] = [];
  for (const part of parts) {
    const resource = kinds.get(part.apiVersion)?.find(({ kind }) => kind === part.kind);
    if (resource === undefined) {
      unknown.push(part);
      continue;
    }
    if (resource.namespaced && !part.metadata.namespace) {
      throw new InstallError(`${titleOf(part)} names no namespace`);
    }
    placed.push({ part, resource });
  }
  return { placed, unknown };
}

/** The part as the cluster has it; undefined: not at all. */
export function readPart(
  client: KubeClient,
  { part, resource }: Placed,
  signal: AbortSignal,
): Promise<Part | undefined> {
  return ifFound(client.get(resource, keyOfPart(part), { signal }));
}
