import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { findControlPlane } from "./control_plane_programs.ts";

/** Stands in for Go: `build` writes the file after -o, notes that it ran, and may fail. */
const FAKE_GO = `#!/bin/sh
if [ "$1" = version ]; then echo "go version go1.99 test/test"; exit; fi
echo "$PWD" >>"$(dirname "$0")/builds"
if [ -e "$(dirname "$0")/broken" ]; then echo "main.go:1: no such thing" >&2; exit 1; fi
while [ "$1" != -o ]; do shift; done
echo built >"$2"
`;
const silent = () => {};

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "programs-test-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function addPrograms(folder: string, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => Deno.writeTextFile(`${folder}/${name}`, "")));
}

async function addFakeGo(folder: string): Promise<{ PATH: string; XDG_CACHE_HOME: string }> {
  await Deno.writeTextFile(`${folder}/go`, FAKE_GO, { mode: 0o755 });
  return { PATH: `${folder}:/usr/bin:/bin`, XDG_CACHE_HOME: `${folder}/cache` };
}

Deno.test("findControlPlane() takes the programs of KUBEBUILDER_ASSETS", () =>
  withFolder(async (folder) => {
    await addPrograms(folder, "etcd", "kube-apiserver");
    const env = { KUBEBUILDER_ASSETS: folder, PATH: "" };
    const programs = { etcd: `${folder}/etcd`, apiServer: `${folder}/kube-apiserver` };
    deepStrictEqual(await findControlPlane(env), programs);
    await addPrograms(folder, "kube-controller-manager");
    const controllerManager = `${folder}/kube-controller-manager`;
    deepStrictEqual(await findControlPlane(env), { ...programs, controllerManager });
  }));

Deno.test.each([
  { missing: "etcd", there: ["kube-apiserver"] },
  { missing: "kube-apiserver", there: ["etcd"] },
])(
  "findControlPlane() names $missing when KUBEBUILDER_ASSETS lacks it",
  ({ missing, there }) =>
    withFolder(async (folder) => {
      await addPrograms(folder, ...there);
      await rejects(findControlPlane({ KUBEBUILDER_ASSETS: folder }), {
        message: `KUBEBUILDER_ASSETS has no program ${folder}/${missing}`,
      });
    }),
);

Deno.test("findControlPlane() says both ways out when there is nothing", () =>
  withFolder(async (folder) => {
    await rejects(findControlPlane({ PATH: folder, HOME: folder }), {
      message:
        "No Kubernetes control plane for the tests: set KUBEBUILDER_ASSETS to a folder with " +
        "etcd and kube-apiserver, or put Go 1.26 or newer on the PATH, which then builds them",
    });
  }));

Deno.test("findControlPlane() builds once, also when asked twice at once", () =>
  withFolder(async (folder) => {
    const env = await addFakeGo(folder);
    const lines: string[] = [];
    const [first, second] = await Promise.all([
      findControlPlane(env, (line) => lines.push(line)),
      findControlPlane(env, silent),
    ]);
    deepStrictEqual([first, await findControlPlane(env, silent)], [second, second]);
    strictEqual(await Deno.readTextFile(second.controllerManager ?? ""), "built\n");
    strictEqual((await Deno.readTextFile(`${folder}/builds`)).trim().split("\n").length, 1);
    match(lines.join("\n"), /Building etcd and kube-apiserver v1\.\d+\.\d+ with go1\.99|Waiting/);
  }));

Deno.test("findControlPlane() keeps nothing of a build that failed", () =>
  withFolder(async (folder) => {
    const env = await addFakeGo(folder);
    await Deno.writeTextFile(`${folder}/broken`, "");
    await rejects(findControlPlane(env, silent), {
      message: "Cannot build tests/kube (exit 1):\nmain.go:1: no such thing",
    });
    await Deno.remove(`${folder}/broken`);
    const { etcd } = await findControlPlane(env, silent);
    strictEqual(await Deno.readTextFile(etcd), "built\n");
    const left = Array.from(
      Deno.readDirSync(`${folder}/cache/di-orchestrator/kube`),
      ({ name }) => name,
    );
    deepStrictEqual(left.filter((name) => name.startsWith("building-")), []);
  }));
