/** From a container's spec to the program, arguments, variables and folder of its process. */
import type { Container, Pod } from "../../kube/mod.ts";
import { buildVariables, type References } from "./environment.ts";
import { expandReferences } from "./expansion.ts";
import type { PodPorts } from "./ports.ts";
import { ContainerRefusal } from "./refusal.ts";
import { withSubPaths } from "./sub_paths.ts";
import { volumeVariable } from "./volumes.ts";

/** What every process of this node gets. */
export interface ProcessBase {
  /** `PATH`, `HOME`, `LANG`, `TMPDIR`, the proxy and Python variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** Goes before every `PATH`: holds the wrapper of this program. */
  readonly programFolder: string;
  /** Goes before every `PYTHONPATH`: holds the name resolver. */
  readonly pythonFolder: string;
}

/** What one pod's processes share. */
export interface PodPlace {
  readonly folder: string;
  readonly ports: PodPorts;
  /** Folders of the volumes, by name. */
  readonly volumes: ReadonlyMap<string, string>;
}

/** A process that is ready to start. */
export interface ProcessPlan {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Works out how to run a container.
 *
 * @throws {ContainerRefusal} If it cannot be run; its message is for the pod's status.
 */
export async function planProcess(
  pod: Pod,
  given: Container,
  place: PodPlace,
  base: ProcessBase,
  references: References,
): Promise<ProcessPlan> {
  const variables = await buildVariables(pod, given, references);
  const container = await withSubPaths(given, place.volumes, variables);
  const env = processEnvironment(variables, pod, container, place, base);
  const { command = [], args = [] } = container;
  if (command.length === 0) {
    throw new ContainerRefusal(
      "CreateContainerError",
      `container "${container.name}" has no command: images are not run on this node, its containers ` +
        `are processes of the host; set command (image "${container.image ?? ""}" is ignored)`,
    );
  }
  const expanded = [...command, ...args].map((text) => expandReferences(text, variables));
  const cwd = workingFolder(container, place);
  return { argv: await resolveProgram(expanded, env, cwd), env, cwd };
}

/**
 * Works out how to run a command beside a container's process: a probe, a hook.
 *
 * @throws {ContainerRefusal} If its program is not there.
 */
export async function planCommand(
  command: readonly string[],
  { env, cwd }: Pick<ProcessPlan, "env" | "cwd">,
): Promise<ProcessPlan> {
  return { argv: await resolveProgram(command, env, cwd), env, cwd };
}

function processEnvironment(
  variables: ReadonlyMap<string, string>,
  pod: Pod,
  container: Container,
  { ports, volumes }: PodPlace,
  base: ProcessBase,
): Record<string, string> {
  const env: Record<string, string> = {
    ...base.variables,
    HOSTNAME: pod.spec?.hostname ?? pod.metadata.name ?? "",
  };
  for (const { name, subPath } of container.volumeMounts ?? []) {
    const folder = volumes.get(name);
    if (folder === undefined) continue;
    env[volumeVariable(name)] = subPath === undefined ? folder : `${folder}/${subPath}`;
  }
  for (const [name, value] of variables) env[name] = ports.valueOf(name, value);
  env.PATH = joinPaths(base.programFolder, env.PATH);
  env.PYTHONPATH = joinPaths(base.pythonFolder, variables.get("PYTHONPATH"));
  return env;
}

function joinPaths(first: string, rest: string | undefined): string {
  return rest === undefined || rest === "" ? first : `${first}:${rest}`;
}

/** A `workingDir` inside a mounted volume is in the volume's folder; without one it is the pod's. */
function workingFolder(container: Container, { folder, volumes }: PodPlace): string {
  const wanted = container.workingDir;
  if (wanted === undefined || wanted === "") return folder;
  const path = pathInVolume(wanted, container, volumes) ?? wanted;
  if (isFolder(path)) return path;
  throw new ContainerRefusal(
    "CreateContainerError",
    `workingDir "${wanted}" is not a folder of this machine`,
  );
}

/** Where a path of the container is on this machine; undefined when it is in none of its volumes. */
export function pathInVolume(
  wanted: string,
  { volumeMounts = [] }: Container,
  volumes: PodPlace["volumes"],
): string | undefined {
  const [mount] = volumeMounts
    .filter(({ mountPath }) => wanted === mountPath || wanted.startsWith(`${mountPath}/`))
    .sort((a, b) => b.mountPath.length - a.mountPath.length);
  const volume = mount === undefined ? undefined : volumes.get(mount.name);
  if (mount === undefined || volume === undefined) return undefined;
  const subPath = mount.subPath === undefined ? "" : `/${mount.subPath}`;
  return `${volume}${subPath}${wanted.slice(mount.mountPath.length)}`;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** The command with its program as an absolute path, looked up as `execvp` would. */
async function resolveProgram(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<readonly [string, ...string[]]> {
  if (program.includes("/")) {
    const path = program.startsWith("/") ? program : `${cwd}/${program}`;
    const found = await Deno.stat(path).catch(() => undefined);
    if (found === undefined) throw startError(program, "no such file or directory");
    if (!isProgram(found)) throw startError(program, "permission denied");
    return [path, ...args];
  }
  for (const folder of (env.PATH ?? "").split(":")) {
    const path = `${folder === "" ? cwd : folder}/${program}`;
    const found = await Deno.stat(path).catch(() => undefined);
    if (program !== "" && found !== undefined && isProgram(found)) return [path, ...args];
  }
  throw startError(program, "executable file not found in $PATH");
}

function isProgram({ isFile, mode }: Deno.FileInfo): boolean {
  return isFile && (mode === null || (mode & 0o111) !== 0);
}

function startError(program: string, what: string): ContainerRefusal {
  return new ContainerRefusal("StartError", `exec: "${program}": ${what}`);
}
