/** Builds the Go module `tests/kube`: all programs of the control plane in one file. */
import { fileURLToPath } from "node:url";
import { ProcessKeeper } from "./process_keeper.ts";

/** The programs, by the names that the built file answers to. */
export const PROGRAM_NAMES = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;

const MODULE_FOLDER = fileURLToPath(new URL("../kube/", import.meta.url));
const MODULE_FILES = ["go.mod", "go.sum", "main.go"];
/** How the folders of unfinished builds begin. */
const UNFINISHED = "building-";
const PROGRESS_INTERVAL_MS = 60_000;

/** One build. The same key means the same result. */
export interface BuildPlan {
  readonly key: string;
  /** Of Kubernetes: `v1.36.3`. */
  readonly version: string;
  readonly goVersion: string;
  /** Arguments of `go`, but for the output file and the package. */
  readonly args: readonly string[];
}

/** Where a build happens. */
export interface BuildPlace {
  /** Folder of all builds; made if it is missing. */
  readonly root: string;
  /** Where this one shall be, inside `root`. */
  readonly folder: string;
  /** The `PATH` that `go` is looked for in. */
  readonly path: string;
  readonly report: (line: string) => void;
}

/** What `go version` says (`go1.26.8 linux/amd64`), or undefined where there is no Go. */
export async function readGoVersion(path: string): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command("go", {
      args: ["version"],
      cwd: MODULE_FOLDER,
      env: { PATH: path },
    }).output();
    if (success) return new TextDecoder().decode(stdout).replace(/^go version /, "").trim();
    throw new Error(`"go version" failed: ${new TextDecoder().decode(stderr).trim()}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Plans the build of the module as its files are now. */
export async function planBuild(goVersion: string): Promise<BuildPlan> {
  const files = await Promise.all(
    MODULE_FILES.map((name) => Deno.readTextFile(`${MODULE_FOLDER}/${name}`)),
  );
  const version = /^\s*k8s\.io\/kubernetes (v[\d.]+)/m.exec(files[0] ?? "")?.[1] ?? "";
  // What /version answers, and what the programs call themselves to the API server.
  const linkerFlags = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
    .flatMap((variables) => [
      `-X ${variables}.gitVersion=${version}`,
      `-X ${variables}.gitMajor=${version.split(".")[0]?.slice(1)}`,
      `-X ${variables}.gitMinor=${version.split(".")[1]}`,
      `-X ${variables}.gitCommit=none`,
      `-X ${variables}.gitTreeState=clean`,
    ]);
  const args = [
    "build",
    "-mod=readonly",
    "-trimpath",
    "-buildvcs=false",
    `-ldflags=-s -w ${linkerFlags.join(" ")}`,
  ];
  const key = await shortHash(JSON.stringify([goVersion, args, files]));
  return { key, version, goVersion, args };
}

/**
 * Builds into `place.folder`, which appears only when it is whole. Of several builds at once, also by
 * other processes, one works and the others wait for it.
 *
 * @throws {Error} If Go fails; the message has the end of its output.
 */
export async function buildPrograms(plan: BuildPlan, place: BuildPlace): Promise<void> {
  await Deno.mkdir(place.root, { recursive: true });
  // The lock ends with the process that holds it, so a killed build blocks nobody.
  using lock = await Deno.open(`${place.root}/lock`, { create: true, write: true });
  if (!await lock.tryLock(true)) {
    place.report("Waiting for another build of etcd and kube-apiserver");
    await lock.lock(true);
  }
  if (await isFolder(place.folder)) return;
  await removeLeftovers(place.root);
  const unfinished = await Deno.makeTempDir({ dir: place.root, prefix: UNFINISHED });
  const startedMs = performance.now();
  const passed = () => `${Math.round((performance.now() - startedMs) / 1000)} s`;
  place.report(
    `Building etcd and kube-apiserver ${plan.version} with ${plan.goVersion}: the first time this ` +
      "takes 4 to 10 min on 2 cores",
  );
  const progress = setInterval(
    () => place.report(`Still building after ${passed()}`),
    PROGRESS_INTERVAL_MS,
  );
  try {
    await runGo(plan, place.path, `${unfinished}/kube`);
  } finally {
    clearInterval(progress);
  }
  await Promise.all(PROGRAM_NAMES.map((name) => Deno.symlink("kube", `${unfinished}/${name}`)));
  await Deno.rename(unfinished, place.folder);
  place.report(`Built ${place.folder} in ${passed()}`);
}

async function runGo(plan: BuildPlan, path: string, output: string): Promise<void> {
  const keeper = await ProcessKeeper.open("di-go-build-");
  try {
    const go = await keeper.start("go", ["go", ...plan.args, "-o", output, "."], {
      cwd: MODULE_FOLDER,
      env: { PATH: path, CGO_ENABLED: "0", GOWORK: "off" },
    });
    const code = await go.ended;
    if (code !== 0) throw new Error(`Cannot build tests/kube (exit ${code}):\n${go.logTail()}`);
  } finally {
    await keeper.stop();
  }
}

/** Only called under the lock: what is unfinished then belongs to a build that was killed. */
async function removeLeftovers(root: string): Promise<void> {
  for await (const { name } of Deno.readDir(root)) {
    if (name.startsWith(UNFINISHED)) await Deno.remove(`${root}/${name}`, { recursive: true });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex().slice(0, 16);
}
