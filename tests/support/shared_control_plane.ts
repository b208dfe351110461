/**
 * One control plane for many test files. Each file runs in a realm of its own and shares no module
 * state with the others, so `tests/kube/with_control_plane.ts` starts it around the whole run and
 * leaves word of it in the environment. A file that is run alone starts its own.
 */
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import type { KubeObject } from "../../src/kube/types.ts";
import { type ClusterAccess, type ControlPlane, startControlPlane } from "./control_plane.ts";

const VARIABLE = "DI_TEST_CONTROL_PLANE";
const ACCESS = z.object({
  url: z.string(),
  kubeconfigPath: z.string(),
  hasGarbageCollector: z.boolean(),
});
const CRD_FOLDER = new URL("../../crds/", import.meta.url);

/**
 * Gives the tests of the calling file a control plane that knows this project's kinds. To be called at
 * the top level of the file; the result may be called inside tests and hooks. Others use the same
 * control plane at the same time: keep to namespaces of your own.
 */
export function useControlPlane(): () => ClusterAccess {
  let access: ClusterAccess | undefined;
  let own: ControlPlane | undefined;
  Deno.test.beforeAll(async () => {
    const shared = Deno.env.get(VARIABLE);
    access = shared === undefined
      ? own = await startControlPlane({ crds: await readProjectCrds() })
      : ACCESS.parse(JSON.parse(shared));
  });
  Deno.test.afterAll(() => own?.stop());
  return () => {
    if (access === undefined) throw new Error("The control plane is only there inside of tests");
    return access;
  };
}

/** The environment that makes `useControlPlane()` in child processes take this control plane. */
export function shareControlPlane(controlPlane: ClusterAccess): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(ACCESS.parse(controlPlane)) };
}

/** All objects in `crds/`, in the order of the file names. */
export async function readProjectCrds(): Promise<KubeObject[]> {
  const names = Array.from(Deno.readDirSync(CRD_FOLDER), ({ name }) => name)
    .filter((name) => name.endsWith(".yaml")).sort();
  const texts = await Promise.all(
    names.map((name) => Deno.readTextFile(new URL(name, CRD_FOLDER))),
  );
  return texts.flatMap((text) => parseAllDocuments(text)).map((document) => document.toJS());
}
