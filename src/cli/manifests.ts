/** Kubernetes manifests from a YAML file, and their creation on a cluster. */
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import {
  discoverKinds,
  isAlreadyExists,
  type KubeClient,
  type KubeObject,
  NAMESPACES,
  type Resource,
} from "../kube/mod.ts";
import { CommandFailure } from "./process.ts";

/** An object of any kind, as a file states it. */
export type Manifest = KubeObject & { readonly apiVersion: string; readonly kind: string };

const MANIFEST = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({ name: z.string().min(1), namespace: z.string().exactOptional() }),
});

/** @throws {CommandFailure} If the file cannot be read; the message names file, line and column. */
export async function readManifests(path: string): Promise<Manifest[]> {
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new CommandFailure(`Cannot read ${path}: ${error.message}`);
  });
  return parseManifests(text, path);
}

/** The objects of a file's text. @throws {CommandFailure} With `path`, line and column of the mistake. */
export function parseManifests(text: string, path: string): Manifest[] {
  const documents = parseAllDocuments(text, { prettyErrors: false });
  return [...documents].flatMap((document) => {
    const place = (offset: number) => {
      const before = text.slice(0, offset).split("\n");
      return `${path}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    };
    const [error] = document.errors;
    if (error !== undefined) throw new CommandFailure(`${place(error.pos[0])}: ${error.message}`);
    const start = place(document.contents?.range?.[0] ?? 0);
    let value: unknown;
    try {
      value = document.toJS();
    } catch (problem) { // an alias without its anchor
      throw new CommandFailure(`${start}: ${problem instanceof Error ? problem.message : problem}`);
    }
    if (value === null) return [];
    const manifest = MANIFEST.safeParse(value);
    if (manifest.success) return [manifest.data];
    const issue = manifest.error.issues[0];
    throw new CommandFailure(`${start}: ${issue?.path.join(".") || "document"}: ${issue?.message}`);
  });
}

/**
 * Creates objects one after the other, in the file's order, with the namespaces they need. One that is
 * there already is left as it is.
 *
 * @throws {ApiError} When the API server refuses one.
 * @throws {CommandFailure} When it does not know a kind.
 */
export async function createManifests(
  client: KubeClient,
  manifests: readonly Manifest[],
): Promise<void> {
  for (const manifest of manifests) {
    const resource = await resourceOf(client, manifest);
    const namespace = resource.namespaced ? manifest.metadata.namespace ?? "default" : "";
    if (namespace !== "") {
      await createUnlessThere(client, NAMESPACES, { metadata: { name: namespace } });
    }
    const metadata = { ...manifest.metadata, ...(namespace !== "" && { namespace }) };
    await createUnlessThere(client, resource, { ...manifest, metadata });
  }
}

async function createUnlessThere<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(resource, object, { strict: true }); // as kubectl does
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** Asks the API server where a manifest's kind lives. */
async function resourceOf(client: KubeClient, manifest: Manifest): Promise<Resource<KubeObject>> {
  const { apiVersion, kind } = manifest;
  const found = (await discoverKinds(client, apiVersion)).find((each) => each.kind === kind);
  if (found !== undefined) return found;
  throw new CommandFailure(`The API server does not know ${kind} of ${apiVersion}`);
}
