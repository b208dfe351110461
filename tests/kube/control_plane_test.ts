import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { KubeClient } from "../../src/kube/client.ts";
import { ConnectionError, isNotFound } from "../../src/kube/errors.ts";
import { readKubeconfig } from "../../src/kube/kubeconfig.ts";
import { CONFIG_MAPS, NAMESPACES, PODS, type Resource } from "../../src/kube/resources.ts";
import type { KubeObject, Pod } from "../../src/kube/types.ts";
import { findControlPlane, startControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { useControlPlane } from "../support/shared_control_plane.ts";

const shared = useControlPlane();

const WIDGETS: Resource<KubeObject> = {
  group: "tests.opendilab.org",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  namespaced: true,
};
const WIDGET_CRD = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.tests.opendilab.org" },
  spec: {
    group: WIDGETS.group,
    scope: "Namespaced",
    names: { kind: WIDGETS.kind, plural: WIDGETS.plural, singular: "widget" },
    versions: [{
      name: WIDGETS.version,
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object" } },
    }],
  },
};

Deno.test("a shared control plane takes pods in a namespace of one's own", () =>
  withClient(shared().kubeconfigPath, async (client) => {
    const { metadata } = await client.create(NAMESPACES, { metadata: { generateName: "kube-" } });
    const key = { namespace: "", name: metadata.name ?? "" };
    // The namespace's service account is made a moment after the namespace.
    const pod = await eventually(
      "the pod to be taken",
      () => client.create(PODS, aPod(key.name, "idle")),
    );
    strictEqual(pod.status?.phase, "Pending");
    await client.delete(PODS, { namespace: key.name, name: "idle" }, { gracePeriodSeconds: 0 });
    await client.delete(NAMESPACES, key);
    if (shared().hasGarbageCollector) await untilGone(client, NAMESPACES, key.name, "");
  }));

Deno.test("startControlPlane() collects what is owned by objects of its crds", async () => {
  const controlPlane = await startControlPlane({ crds: [WIDGET_CRD] });
  try {
    if (!controlPlane.hasGarbageCollector) return;
    await withClient(controlPlane.kubeconfigPath, async (client) => {
      const owner = await client.create(WIDGETS, {
        metadata: { name: "owner", namespace: "default" },
      });
      await client.create(CONFIG_MAPS, {
        metadata: {
          name: "owned",
          namespace: "default",
          ownerReferences: [{
            apiVersion: "tests.opendilab.org/v1",
            kind: "Widget",
            name: "owner",
            uid: owner.metadata.uid ?? "",
          }],
        },
      });
      await client.delete(WIDGETS, { namespace: "default", name: "owner" });
      await untilGone(client, CONFIG_MAPS, "owned", "default");
    });
  } finally {
    await controlPlane.stop();
  }
});

Deno.test("startControlPlane() works without controllers, and through outages", async (t) => {
  const { etcd, apiServer } = await findControlPlane();
  const controlPlane = await startControlPlane({ programs: { etcd, apiServer } });
  const { kubeconfigPath } = controlPlane;
  const folder = kubeconfigPath.slice(0, kubeconfigPath.lastIndexOf("/"));
  const key = { namespace: "default", name: "idle" };
  try {
    strictEqual(controlPlane.hasGarbageCollector, false);
    await t.step(
      "pods need no service account",
      () =>
        withClient(kubeconfigPath, async (client) => {
          await client.create(PODS, aPod("default", "idle"));
        }),
    );
    await t.step(
      "a frozen API server answers nothing, a thawed one again",
      () =>
        withClient(kubeconfigPath, async (client) => {
          controlPlane.freeze();
          await rejects(client.get(PODS, key, { timeoutMs: 300 }), ConnectionError);
          controlPlane.thaw();
          strictEqual((await client.get(PODS, key)).metadata.name, "idle");
        }),
    );
    await t.step(
      "a killed API server refuses, a restarted one has kept everything",
      () =>
        withClient(kubeconfigPath, async (client) => {
          await controlPlane.killApiServer();
          await rejects(client.get(PODS, key), ConnectionError);
          await controlPlane.restartApiServer();
          strictEqual((await client.get(PODS, key)).metadata.name, "idle");
        }),
    );
    await t.step("only this user may read its files", async () => {
      const modes = await Promise.all([folder, kubeconfigPath].map((path) => Deno.stat(path)));
      deepStrictEqual(modes.map(({ mode }) => (mode ?? 0) & 0o777), [0o700, 0o600]);
    });
  } finally {
    controlPlane.freeze(); // the end must not need its help
    await controlPlane.stop();
  }
  await rejects(Deno.stat(folder), Deno.errors.NotFound);
  deepStrictEqual(processesOf(folder), []);
});

Deno.test("nothing of a control plane outlives a killed test process", async () => {
  const module = new URL("../support/control_plane.ts", import.meta.url).href;
  const script = `
    import { startControlPlane } from ${JSON.stringify(module)};
    console.log((await startControlPlane()).kubeconfigPath);
    await new Promise(() => setInterval(() => {}, 1000));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const kubeconfigPath = await firstLine(child.stdout);
  const folder = kubeconfigPath.slice(0, kubeconfigPath.lastIndexOf("/"));
  ok(processesOf(folder).length >= 2);
  child.kill("SIGKILL");
  await child.status;
  await eventually("the processes to be gone", () => processesOf(folder).length === 0);
  await eventually(`${folder} to be gone`, () => rejects(Deno.stat(folder)).then(() => true));
});

Deno.test("with_control_plane.ts shares its control plane and passes the exit code on", async () => {
  const script = new URL("with_control_plane.ts", import.meta.url).pathname;
  const command = ["sh", "-c", 'echo "$DI_TEST_CONTROL_PLANE"; exit 7'];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...command],
    stderr: "inherit",
  }).output();
  const { kubeconfigPath } = JSON.parse(new TextDecoder().decode(stdout));
  strictEqual(code, 7);
  await rejects(Deno.stat(kubeconfigPath), Deno.errors.NotFound);
});

function aPod(namespace: string, name: string): Pod {
  return {
    metadata: { name, namespace },
    spec: { containers: [{ name: "main", image: "none" }] },
  };
}

async function withClient(
  kubeconfigPath: string,
  work: (client: KubeClient) => Promise<void>,
): Promise<void> {
  const client = new KubeClient(readKubeconfig(kubeconfigPath));
  try {
    await work(client);
  } finally {
    client.close();
  }
}

async function untilGone(
  client: KubeClient,
  resource: Resource<KubeObject>,
  name: string,
  namespace: string,
): Promise<void> {
  await eventually(`${resource.kind} ${name} to be gone`, async () => {
    try {
      await client.get(resource, { namespace, name });
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  });
}

/** Command lines of this machine's processes that name the folder. */
function processesOf(folder: string): string[] {
  return commandLines().filter((line) => line.includes(folder));
}

function commandLines(): string[] {
  if (Deno.build.os === "linux") {
    return Array.from(Deno.readDirSync("/proc"), ({ name }) => commandLineOf(name));
  }
  const { stdout } = new Deno.Command("ps", { args: ["-axo", "args="] }).outputSync();
  return new TextDecoder().decode(stdout).split("\n");
}

/** "" where there is no such process, or no more. */
function commandLineOf(pid: string): string {
  try {
    return /^\d+$/.test(pid) ? Deno.readTextFileSync(`/proc/${pid}/cmdline`) : "";
  } catch {
    return ""; // it has ended since the listing
  }
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return text.split("\n", 1)[0] ?? "";
}
