import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { Volume } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { prepareVolumes, VolumeError, type VolumeSources, volumeVariable } from "./volumes.ts";

const SOURCES: VolumeSources = {
  configMap: (_, name) =>
    Promise.resolve(
      name === "conf"
        ? { metadata: { name }, data: { a: "1", b: "2" }, binaryData: { c: btoa("3") } }
        : undefined,
    ),
  secret: (_, name) =>
    Promise.resolve(name === "key" ? { metadata: { name }, data: { t: btoa("s") } } : undefined),
  serviceAccountToken: (_, { audience }) =>
    Promise.resolve({ token: `token for ${audience ?? "the API"}`, lifetimeMs: 1000 }),
  allocatable: new Map([["cpu", 8000]]),
};

/** Path, text and mode of every file that a volume shows. */
function filesBelow(folder: string, prefix = ""): [string, string, number][] {
  return [...Deno.readDirSync(folder)].filter(({ name }) => !name.startsWith("..")).flatMap(
    ({ name }): [string, string, number][] => {
      const { isDirectory, mode } = Deno.statSync(`${folder}/${name}`);
      return isDirectory
        ? filesBelow(`${folder}/${name}`, `${prefix}${name}/`)
        : [[prefix + name, Deno.readTextFileSync(`${folder}/${name}`), (mode ?? 0) & 0o777]];
    },
  ).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Makes one volume twice, as a retry does, and says what is in it. */
async function contentOf(volume: Omit<Volume, "name">): Promise<[string, string, number][]> {
  const folder = await Deno.makeTempDir();
  try {
    const spec = {
      volumes: [{ name: "my-data", ...volume }],
      containers: [aContainer({ name: "main" })],
    };
    const pod = aPod("pong", { labels: { app: "x" }, spec });
    await prepareVolumes(pod, folder, SOURCES);
    const paths = await prepareVolumes(pod, folder, SOURCES);
    strictEqual(paths.get("my-data"), `${folder}/my-data`);
    return filesBelow(`${folder}/my-data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const VOLUMES: readonly { what: string; volume: Omit<Volume, "name">; files: unknown }[] = [
  { what: "an emptyDir", volume: { emptyDir: {} }, files: [] },
  {
    what: "a configMap",
    volume: { configMap: { name: "conf" } },
    files: [["a", "1", 0o644], ["b", "2", 0o644], ["c", "3", 0o644]],
  },
  {
    what: "items of a configMap",
    volume: {
      configMap: {
        name: "conf",
        defaultMode: 0o600,
        items: [{ key: "a", path: "x/y" }, { key: "b", path: "z", mode: 0o755 }],
      },
    },
    files: [["x/y", "1", 0o600], ["z", "2", 0o755]],
  },
  {
    what: "a configMap that may be missing",
    volume: { configMap: { name: "none", optional: true } },
    files: [],
  },
  { what: "a secret", volume: { secret: { secretName: "key" } }, files: [["t", "s", 0o644]] },
  {
    what: "fields of the pod",
    volume: {
      downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
    },
    files: [["labels", 'app="x"', 0o644]],
  },
  {
    what: "the limit of a container that has none",
    volume: {
      downwardAPI: {
        defaultMode: 0o400,
        items: [{
          path: "cpus",
          resourceFieldRef: { containerName: "main", resource: "limits.cpu", divisor: "1m" },
        }],
      },
    },
    files: [["cpus", "8000", 0o400]],
  },
  {
    what: "the volume that an API server adds",
    volume: {
      projected: {
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
          {
            configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] },
          },
          {
            downwardAPI: {
              items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }],
            },
          },
        ],
      },
    },
    files: [["namespace", "rl", 0o644], ["token", "token for the API", 0o600]],
  },
];

Deno.test.each(VOLUMES)("prepareVolumes() makes $what", async ({ volume, files }) => {
  deepStrictEqual(await contentOf(volume), files);
});

const REFUSED: readonly { what: string; volume: Omit<Volume, "name">; message: string }[] = [
  {
    what: "a missing configMap",
    volume: { configMap: { name: "none" } },
    message: 'configmap "none" not found',
  },
  {
    what: "a missing key",
    volume: { secret: { secretName: "key", items: [{ key: "no", path: "x" }] } },
    message: "references non-existent secret key: no",
  },
  {
    what: "a path out of the volume",
    volume: { configMap: { name: "conf", items: [{ key: "a", path: "../x" }] } },
    message: 'path "../x" leads out of the volume',
  },
  {
    what: "a missing folder of the host",
    volume: { hostPath: { path: "/nonexistent/folder", type: "Directory" } },
    message: "hostPath type check failed: /nonexistent/folder is not a directory",
  },
  {
    what: "a claim",
    volume: { persistentVolumeClaim: { claimName: "x" } },
    message: "volumes of type persistentVolumeClaim are not available to host processes",
  },
];

Deno.test.each(REFUSED)("prepareVolumes() refuses $what", async ({ volume, message }) => {
  await rejects(
    contentOf(volume),
    new VolumeError(`MountVolume.SetUp failed for volume "my-data" : ${message}`),
  );
});

Deno.test("a hostPath is the path itself", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const volumes: Volume[] = [{ name: "v", hostPath: { path: folder, type: "Directory" } }];
    const paths = await prepareVolumes(aPod("pong", { spec: { volumes } }), "/unused", SOURCES);
    deepStrictEqual([...paths], [["v", folder]]);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("volumeVariable() spells a name as a variable", () => {
  strictEqual(volumeVariable("my-data.v1"), "VOLUME_MY_DATA_V1");
});
