/** The parts of volumes that containers mount. */
import type { Container } from "../../kube/mod.ts";
import { expandReferences } from "./expansion.ts";
import { ContainerRefusal } from "./refusal.ts";

/**
 * The container with every `subPathExpr` as a plain `subPath`. Folders that are not there are made, as a
 * kubelet does.
 *
 * @throws {ContainerRefusal} If one leads out of its volume, or cannot be made.
 */
export async function withSubPaths(
  container: Container,
  volumes: ReadonlyMap<string, string>,
  variables: ReadonlyMap<string, string>,
): Promise<Container> {
  const volumeMounts = await Promise.all(
    (container.volumeMounts ?? []).map(async ({ subPathExpr, ...mount }) => {
      const subPath = subPathExpr === undefined || subPathExpr === ""
        ? mount.subPath
        : expandReferences(subPathExpr, variables);
      const folder = volumes.get(mount.name);
      if (subPath === undefined || subPath === "" || folder === undefined) return mount;
      await makeSubPath(folder, subPath, mount.name);
      return { ...mount, subPath };
    }),
  );
  return { ...container, volumeMounts };
}

async function makeSubPath(folder: string, subPath: string, volume: string): Promise<void> {
  const refuse = (why: string) =>
    new ContainerRefusal(
      "CreateContainerConfigError",
      `failed to prepare subPath for volumeMount "${volume}": ${why}`,
    );
  if (subPath.startsWith("/") || subPath.split("/").includes("..")) {
    throw refuse(`"${subPath}" leads out of the volume`);
  }
  const path = `${folder}/${subPath}`;
  if (await Deno.stat(path).catch(() => undefined) !== undefined) return;
  await Deno.mkdir(path, { recursive: true, mode: 0o750 }).catch((error: Error) => {
    throw refuse(error.message);
  });
}
