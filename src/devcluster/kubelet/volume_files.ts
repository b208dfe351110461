/** Files of a volume, changed all at once: readers see all of the old ones or all of the new ones. */

/** One file of a volume: where, and what is in it. */
export interface VolumeFile {
  /** Below the volume's folder, without `..`. */
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/** The link to the folder with what is current, as programs on a cluster know it. */
const CURRENT = "..data";

/**
 * Makes a folder hold these files and no others. It holds links that lead through `..data`, which is a
 * link itself and changes in one step. Nothing is written where nothing has changed.
 */
export async function writeVolumeFiles(
  folder: string,
  files: readonly VolumeFile[],
): Promise<void> {
  const wanted = new Map(files.map(({ path, content, mode }) => [path, {
    bytes: typeof content === "string" ? new TextEncoder().encode(content) : content,
    // Whoever wrote it may read it: pods and kubelet are the same user.
    mode: mode | 0o400,
  }]));
  const before = await Deno.readLink(`${folder}/${CURRENT}`).catch(() => undefined);
  if (before !== undefined && await holds(`${folder}/${before}`, wanted)) return;
  const name = `..${new Date().toISOString().replaceAll(/[-:]/g, "_")}.${crypto.randomUUID()}`;
  for (const [path, { bytes, mode }] of wanted) {
    const target = `${folder}/${name}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    await Deno.writeFile(target, bytes);
    await Deno.chmod(target, mode);
  }
  await Deno.mkdir(`${folder}/${name}`, { recursive: true, mode: 0o755 });
  await Deno.remove(`${folder}/${CURRENT}_new`).catch(() => {});
  await Deno.symlink(name, `${folder}/${CURRENT}_new`);
  await Deno.rename(`${folder}/${CURRENT}_new`, `${folder}/${CURRENT}`);
  await linkEntries(folder, new Set([...wanted.keys()].map((path) => path.split("/", 1)[0] ?? "")));
  if (before !== undefined) await Deno.remove(`${folder}/${before}`, { recursive: true });
}

/** A link for each name, and none for others. */
async function linkEntries(folder: string, names: ReadonlySet<string>): Promise<void> {
  const present = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith("..")) continue;
    if (names.has(name)) present.add(name);
    else await Deno.remove(`${folder}/${name}`);
  }
  for (const name of names) {
    if (!present.has(name)) await Deno.symlink(`${CURRENT}/${name}`, `${folder}/${name}`);
  }
}

type Contents = ReadonlyMap<string, { readonly bytes: Uint8Array; readonly mode: number }>;

async function holds(folder: string, wanted: Contents): Promise<boolean> {
  const paths = await pathsBelow(folder, "");
  if (paths.length !== wanted.size) return false;
  for (const [path, { bytes, mode }] of wanted) {
    if (!paths.includes(path)) return false;
    const { mode: held } = await Deno.stat(`${folder}/${path}`);
    if (((held ?? mode) & 0o777) !== mode) return false;
    if (!isSame(await Deno.readFile(`${folder}/${path}`), bytes)) return false;
  }
  return true;
}

async function pathsBelow(folder: string, prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    if (isDirectory) paths.push(...await pathsBelow(folder, `${prefix}${name}/`));
    else paths.push(prefix + name);
  }
  return paths;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
