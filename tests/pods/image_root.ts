/** The files of the image: the executable, and as little of a C library as it runs on. */
import { run } from "../support/run_program.ts";

/** What an image is made of. */
export interface ImageRoot {
  readonly folder: string;
  readonly entrypoint: readonly string[];
}

const PROGRAM = "usr/local/bin/di-orchestrator";
const DENO = "usr/local/bin/deno";
/** Files of this machine that the final stage of the Dockerfile has as well. */
const SYSTEM_FILES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/nsswitch.conf"];
const PASSWD =
  "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n";

/**
 * Makes the root folder. Where an executable can be compiled it has that; else Deno and the bundle, which
 * `env` starts by its first line.
 */
export async function buildImageRoot(top: string): Promise<ImageRoot> {
  const folder = `${top}dist/image-root`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  for (const part of ["usr/local/bin", "etc/ssl/certs", "tmp"]) {
    await Deno.mkdir(`${folder}/${part}`, { recursive: true });
  }
  await Deno.chmod(`${folder}/tmp`, 0o1777);
  const programs = await compileExecutable(top)
    ? [await place(`${top}dist/di-orchestrator`, `${folder}/${PROGRAM}`)]
    : await placeBundle(top, folder);
  for (const library of await librariesOf(programs)) {
    await place(library, `${folder}${library}`);
  }
  for (const file of SYSTEM_FILES) await place(file, `${folder}${file}`).catch(() => {});
  await Deno.writeTextFile(`${folder}/etc/passwd`, PASSWD);
  return { folder, entrypoint: [`/${PROGRAM}`] };
}

async function compileExecutable(top: string): Promise<boolean> {
  const { code } = await run([Deno.execPath(), "task", "--quiet", "compile"], { cwd: top });
  if (code !== 0) return false;
  // One made with a DENORT_BIN that is no denort packs, and is not this program.
  const { stdout } = await run([`${top}dist/di-orchestrator`, "version"]);
  return stdout.startsWith("di-orchestrator ");
}

async function placeBundle(top: string, folder: string): Promise<string[]> {
  const { code, stderr } = await run([Deno.execPath(), "task", "--quiet", "bundle", "--quiet"], {
    cwd: top,
  });
  if (code !== 0) throw new Error(`Cannot make the bundle: ${stderr}`);
  const start = `#!/usr/bin/env -S /${DENO} run --quiet --no-prompt --no-lock --ext=js ` +
    "--allow-net --allow-env --allow-sys --allow-run --allow-write " +
    "--allow-read=/,/var/run/secrets/kubernetes.io/serviceaccount,/tmp/k8s-webhook-server/serving-certs";
  const text = await Deno.readTextFile(`${top}dist/di-orchestrator.js`);
  await Deno.writeTextFile(`${folder}/${PROGRAM}`, `${start}\n${text}`);
  await Deno.chmod(`${folder}/${PROGRAM}`, 0o755);
  return [
    await place(Deno.execPath(), `${folder}/${DENO}`),
    await place("/usr/bin/env", `${folder}/usr/bin/env`),
  ];
}

/** The libraries, and the loader, that these programs need. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const program of programs) {
    const { stdout } = await run(["ldd", program]);
    for (const [path] of stdout.matchAll(/\/\S+/g)) found.add(path);
  }
  // Names are resolved by modules that are loaded later.
  for (const name of ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"]) {
    const libc = [...found].find((path) => path.includes("libc.so"));
    const path = libc?.replace(/[^/]+$/, name);
    if (path !== undefined && await exists(path)) found.add(path);
  }
  return found;
}

/** Copies a file, following links. @returns Where it came from. */
async function place(from: string, to: string): Promise<string> {
  await Deno.mkdir(to.replace(/\/[^/]+$/, ""), { recursive: true });
  await Deno.copyFile(await Deno.realPath(from), to);
  return from;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
