import { rejects, strictEqual } from "node:assert/strict";
import { startControlPlane } from "./control_plane.ts";

/** Programs that are shell scripts, given by their text, in a folder of the test. */
async function withPrograms(
  { etcd, apiServer }: { readonly etcd: string; readonly apiServer: string },
  work: (programs: { etcd: string; apiServer: string }, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "control-plane-test-" });
  const programs = { etcd: `${folder}/etcd`, apiServer: `${folder}/kube-apiserver` };
  try {
    await Deno.writeTextFile(programs.etcd, `#!/bin/sh\n${etcd}`, { mode: 0o755 });
    await Deno.writeTextFile(programs.apiServer, `#!/bin/sh\n${apiServer}`, { mode: 0o755 });
    await work(programs, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("startControlPlane() says which program did not start and why", () =>
  withPrograms(
    { etcd: "echo first; echo no disk >&2; exit 1", apiServer: "" },
    async (programs) => {
      await rejects(startControlPlane({ programs }), {
        message: "etcd did not start; the end of its log:\nfirst\nno disk",
      });
    },
  ));

Deno.test("startControlPlane() tries other ports when somebody was faster", () =>
  withPrograms({
    // Only names its folder and makes what looks like a socket.
    etcd: "pwd >$(dirname $0)/folder; touch etcd.sock; exec sleep 600",
    apiServer: 'echo "$@" >>$(dirname $0)/starts; echo bind: address already in use; exit 1',
  }, async (programs, folder) => {
    await rejects(
      startControlPlane({ programs }),
      /kube-apiserver did not start.*address already/s,
    );
    const ports = (await Deno.readTextFile(`${folder}/starts`)).matchAll(/--secure-port=(\d+)/g);
    strictEqual(new Set(Array.from(ports, ([, port]) => port)).size, 5);
    const used = (await Deno.readTextFile(`${folder}/folder`)).trim();
    await rejects(Deno.stat(used), Deno.errors.NotFound);
  }));
