/** The objects of an installation, and where each lives in the API. */
import { parseAllDocuments } from "yaml";
import { ApiError, type KubeClient, type KubeObject, type Resource } from "../kube/mod.ts";
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

/** `deploy/di-manager.yaml`, as it was when the program was built. */
export const OWN_PARTS: readonly Part[] = objects;

/** The objects of a YAML text; empty documents are none. @throws {InstallError} */
export function parseParts(text: string, path: string): Part[] {
  const documents = parseAllDocuments(text);
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) {
      throw new InstallError(`Cannot read ${path}: ${error.message.split("\n", 1)[0]}`);
    }
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    if (!isPart(value)) {
      throw new InstallError(`Cannot read ${path}: a document has no apiVersion, kind or name`);
    }
    return [value];
  });
}

function isPart(value: unknown): value is Part {
  const part = value as Partial<Part>;
  return typeof value === "object" && value !== null && typeof part.apiVersion === "string" &&
    typeof part.kind === "string" && typeof part.metadata?.name === "string";
}

/** `Deployment di-system/di-server` and the like. */
export function titleOf({ kind, metadata: { namespace, name } }: Part): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

export function keyOfPart({ metadata: { namespace = "", name = "" } }: Part) {
  return { namespace, name };
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
  }[];
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
  const lists = new Map(
    await Promise.all(
      versions.map(async (version) => [version, await discover(client, version, signal)] as const),
    ),
  );
  const placed: Placed[] = [];
  const unknown: Part[] = [];
  for (const part of parts) {
    const found = lists.get(part.apiVersion)?.resources.find(({ kind, name }) =>
      kind === part.kind && !name.includes("/")
    );
    if (found === undefined) {
      unknown.push(part);
      continue;
    }
    const [version = "", group = ""] = part.apiVersion.split("/").reverse();
    const { name: plural, kind, namespaced } = found;
    if (namespaced && !part.metadata.namespace) {
      throw new InstallError(`${titleOf(part)} names no namespace`);
    }
    placed.push({ part, resource: { group, version, kind, plural, namespaced } });
  }
  return { placed, unknown };
}

async function discover(
  client: KubeClient,
  version: string,
  signal: AbortSignal,
): Promise<ResourceList> {
  try {
    const root = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
    return await client.request<ResourceList>("GET", root, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return { resources: [] };
    throw error;
  }
}
