/**
 * A pod's volumes as folders. A process cannot have a file system of its own, so nothing appears at
 * `mountPath`: each container finds the folder's path in the variable `VOLUME_<NAME>`.
 */
import type { ConfigMap, Pod, Volume } from "../../kube/mod.ts";
import { podField, type References, resourceField } from "./environment.ts";
import { allContainersOf } from "./records.ts";
import { type VolumeFile, writeVolumeFiles } from "./volume_files.ts";

/** A volume cannot be made now; the message is for the pod's events. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** What volumes are made from. */
export interface VolumeSources extends References {
  /** A token of the pod's service account, bound to the pod. */
  serviceAccountToken(
    pod: Pod,
    request: { readonly audience: string | undefined; readonly expirationSeconds: number },
  ): Promise<ServiceToken>;
}

/** A token of a service account. */
export interface ServiceToken {
  readonly token: string;
  /** From now, in ms. */
  readonly lifetimeMs: number;
}

type Items = readonly { readonly key: string; readonly path: string; readonly mode?: number }[];

const DEFAULT_MODE = 0o644;
const TOKEN_LIFETIME_SECONDS = 3600;

/**
 * Makes the pod's volumes below `folder`. Doing it again brings what comes from objects up to date.
 *
 * @returns The path of each volume, by its name.
 * @throws {VolumeError} If one cannot be made.
 */
export async function prepareVolumes(
  pod: Pod,
  folder: string,
  sources: VolumeSources,
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const volume of pod.spec?.volumes ?? []) {
    try {
      paths.set(volume.name, await prepareVolume(volume, pod, `${folder}/${volume.name}`, sources));
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      throw new VolumeError(
        `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`,
      );
    }
  }
  return paths;
}

/** The variable that holds the path of a volume: `VOLUME_MY_DATA` for `my-data`. */
export function volumeVariable(name: string): string {
  return `VOLUME_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}

async function prepareVolume(
  volume: Volume,
  pod: Pod,
  path: string,
  sources: VolumeSources,
): Promise<string> {
  if (volume.hostPath !== undefined) return await prepareHostPath(volume.hostPath);
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  if (volume.emptyDir !== undefined) return path;
  const files = await filesOf(volume, pod, sources);
  for (const file of files) assertInside(file.path);
  await writeVolumeFiles(path, files);
  return path;
}

async function filesOf(volume: Volume, pod: Pod, sources: VolumeSources): Promise<VolumeFile[]> {
  if (volume.configMap !== undefined) {
    const mode = volume.configMap.defaultMode ?? DEFAULT_MODE;
    return await configMapFiles(volume.configMap, mode, pod, sources);
  }
  if (volume.secret !== undefined) {
    const { secretName: name = "", defaultMode: mode = DEFAULT_MODE, ...rest } = volume.secret;
    return await secretFiles({ name, ...rest }, mode, pod, sources);
  }
  if (volume.downwardAPI !== undefined) {
    return downwardFiles(volume.downwardAPI.items, volume.downwardAPI.defaultMode, pod, sources);
  }
  if (volume.projected !== undefined) return await projectedFiles(volume.projected, pod, sources);
  const type = Object.keys(volume).find((key) => key !== "name") ?? "none";
  throw new VolumeError(`volumes of type ${type} are not available to host processes`);
}

async function prepareHostPath(
  { path, type = "" }: NonNullable<Volume["hostPath"]>,
): Promise<string> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (type === "DirectoryOrCreate" && found === undefined) {
    await Deno.mkdir(path, { recursive: true });
  } else if (type === "FileOrCreate" && found === undefined) {
    await Deno.writeFile(path, new Uint8Array());
  } else if (type.startsWith("Directory") && found?.isDirectory !== true) {
    throw new VolumeError(`hostPath type check failed: ${path} is not a directory`);
  } else if (type.startsWith("File") && found?.isFile !== true) {
    throw new VolumeError(`hostPath type check failed: ${path} is not a file`);
  }
  return path;
}

interface ObjectSource {
  readonly name?: string;
  readonly items?: Items;
  readonly optional?: boolean;
}

async function configMapFiles(
  { name = "", items, optional }: ObjectSource,
  mode: number,
  { metadata }: Pod,
  sources: VolumeSources,
): Promise<VolumeFile[]> {
  const found = await sources.configMap(metadata.namespace ?? "", name);
  if (found === undefined && optional !== true) {
    throw new VolumeError(`configmap "${name}" not found`);
  }
  return pick(contentOf(found), items, mode, optional, "config");
}

function contentOf(found: ConfigMap | undefined): Map<string, string | Uint8Array> {
  const binary = Object.entries(found?.binaryData ?? {});
  return new Map<string, string | Uint8Array>([
    ...Object.entries(found?.data ?? {}),
    ...binary.map(([key, value]): [string, Uint8Array] => [key, Uint8Array.fromBase64(value)]),
  ]);
}

async function secretFiles(
  { name = "", items, optional }: ObjectSource,
  mode: number,
  { metadata }: Pod,
  sources: VolumeSources,
): Promise<VolumeFile[]> {
  const found = await sources.secret(metadata.namespace ?? "", name);
  if (found === undefined && optional !== true) throw new VolumeError(`secret "${name}" not found`);
  const content = Object.entries(found?.data ?? {})
    .map(([key, value]): [string, Uint8Array] => [key, Uint8Array.fromBase64(value)]);
  return pick(new Map(content), items, mode, optional, "secret");
}

function pick(
  content: ReadonlyMap<string, string | Uint8Array>,
  items: Items | undefined,
  mode: number,
  optional: boolean | undefined,
  kind: "config" | "secret",
): VolumeFile[] {
  if (items === undefined) {
    return [...content].map(([path, data]) => ({ path, content: data, mode }));
  }
  return items.flatMap(({ key, path, mode: own }) => {
    const data = content.get(key);
    if (data !== undefined) return [{ path, content: data, mode: own ?? mode }];
    if (optional === true) return [];
    throw new VolumeError(`references non-existent ${kind} key: ${key}`);
  });
}

type DownwardItems = NonNullable<NonNullable<Volume["downwardAPI"]>["items"]>;

function downwardFiles(
  items: DownwardItems | undefined,
  mode: number | undefined,
  pod: Pod,
  { allocatable }: References,
): VolumeFile[] {
  return (items ?? []).map((item) => {
    const { fieldRef, resourceFieldRef, path } = item;
    const owner = allContainersOf(pod)
      .find(({ name }) => name === resourceFieldRef?.containerName);
    const content = fieldRef !== undefined
      ? podField(pod, fieldRef.fieldPath)
      : resourceFieldRef !== undefined && owner !== undefined
      ? resourceField(owner, resourceFieldRef, allocatable)
      : "";
    return { path, content, mode: item.mode ?? mode ?? DEFAULT_MODE };
  });
}

async function projectedFiles(
  { sources: parts, defaultMode: mode = DEFAULT_MODE }: NonNullable<Volume["projected"]>,
  pod: Pod,
  sources: VolumeSources,
): Promise<VolumeFile[]> {
  const files: VolumeFile[] = [];
  for (const { configMap, secret, downwardAPI, serviceAccountToken } of parts ?? []) {
    if (configMap !== undefined) {
      files.push(...await configMapFiles(withOptionalRoot(configMap), mode, pod, sources));
    }
    if (secret !== undefined) files.push(...await secretFiles(secret, mode, pod, sources));
    if (downwardAPI !== undefined) {
      files.push(...downwardFiles(downwardAPI.items, mode, pod, sources));
    }
    if (serviceAccountToken !== undefined) {
      const { audience, expirationSeconds = TOKEN_LIFETIME_SECONDS, path } = serviceAccountToken;
      const request = { audience, expirationSeconds };
      const { token } = await sources.serviceAccountToken(pod, request);
      files.push({ path, content: token, mode: 0o600 });
    }
  }
  return files;
}

/** The volume that an API server adds to every pod must not hold one up where nobody publishes the CA. */
function withOptionalRoot(source: ObjectSource): ObjectSource {
  return source.name === "kube-root-ca.crt" ? { ...source, optional: true } : source;
}

function assertInside(path: string): void {
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new VolumeError(`path "${path}" leads out of the volume`);
  }
}
