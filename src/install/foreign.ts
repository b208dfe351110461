/** What others have put into a namespace that an installation made. */
import {
  ApiError,
  CONFIG_MAPS,
  type KubeClient,
  type KubeObject,
  PODS,
  type Resource,
  SECRETS,
} from "../kube/mod.ts";

const VOLUME_CLAIMS: Resource<KubeObject> = {
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  namespaced: true,
};
/** On the pods of the installation. */
const OWN_LABEL = "control-plane";
/** What the cluster, or cert-manager for the webhook, puts there by itself. */
const USUAL = ["kube-root-ca.crt", "di-webhook-server-cert"];
/** Names that are shown. */
const SHOWN = 3;

/**
 * What is in the namespace that nobody wants to lose with it: `2 Secrets (a, b)` and the like. What may not
 * be looked at counts as being there.
 */
export async function findForeign(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const resources: Resource<KubeObject>[] = [PODS, CONFIG_MAPS, SECRETS, VOLUME_CLAIMS];
  const found = await Promise.all(resources.map(async (resource) => {
    try {
      const { items } = await client.list(resource, { namespace, signal });
      return describe(resource.kind, items.filter(isForeign));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 403) throw error;
      return [`${resource.kind}s that you may not list`];
    }
  }));
  return found.flat();
}

function isForeign({ metadata: { name = "", labels = {} } }: KubeObject): boolean {
  return !USUAL.includes(name) && labels[OWN_LABEL]?.startsWith("di-") !== true;
}

function describe(kind: string, objects: readonly KubeObject[]): string[] {
  if (objects.length === 0) return [];
  const names = objects.slice(0, SHOWN).map(({ metadata }) => metadata.name);
  const more = objects.length > SHOWN ? ", …" : "";
  return [
    `${objects.length} ${kind}${objects.length === 1 ? "" : "s"} (${names.join(", ")}${more})`,
  ];
}
