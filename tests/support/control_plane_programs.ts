/** Finds the programs of a real control plane for the tests, or has Go build them. */
import { buildPrograms, planBuild, PROGRAM_NAMES, readGoVersion } from "./control_plane_build.ts";

/** Paths of the programs. */
export interface Programs {
  readonly etcd: string;
  readonly apiServer: string;
  /** Absent in the folders that envtest makes: then nothing collects garbage. */
  readonly controllerManager?: string;
}

/** What the search looks at. */
export interface ProgramEnvironment {
  readonly KUBEBUILDER_ASSETS?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
  readonly HOME?: string | undefined;
  readonly PATH?: string | undefined;
}

/**
 * The programs in the folder `KUBEBUILDER_ASSETS`, as envtest has it, or those that Go builds from
 * `tests/kube` into the user's cache folder: once for the same sources and the same Go.
 *
 * @param report Takes lines about the progress of a build, which takes minutes.
 * @throws {Error} If the folder lacks a program, if there is neither the folder nor Go (both in one
 * line), or if the build fails (with the end of Go's output).
 */
export async function findControlPlane(
  env: ProgramEnvironment = Deno.env.toObject(),
  report: (line: string) => void = reportOnStderr,
): Promise<Programs> {
  if (env.KUBEBUILDER_ASSETS) return programsIn(env.KUBEBUILDER_ASSETS, "KUBEBUILDER_ASSETS");
  const path = env.PATH ?? "";
  const goVersion = await readGoVersion(path);
  if (goVersion === undefined) {
    throw new Error(
      "No Kubernetes control plane for the tests: set KUBEBUILDER_ASSETS to a folder with etcd and " +
        "kube-apiserver, or put Go 1.26 or newer on the PATH, which then builds them",
    );
  }
  const plan = await planBuild(goVersion);
  const root = `${env.XDG_CACHE_HOME || `${env.HOME ?? ""}/.cache`}/di-orchestrator/kube`;
  const folder = `${root}/${plan.key}`;
  if (!exists(folder)) await buildPrograms(plan, { root, folder, path, report });
  return programsIn(folder, "The build");
}

function programsIn(folder: string, who: string): Programs {
  const paths = PROGRAM_NAMES.map((name) => `${folder}/${name}`);
  const [etcd = "", apiServer = "", controllerManager = ""] = paths;
  const missing = [etcd, apiServer].find((path) => !exists(path));
  if (missing !== undefined) throw new Error(`${who} has no program ${missing}`);
  return { etcd, apiServer, ...(exists(controllerManager) && { controllerManager }) };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

function reportOnStderr(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}
