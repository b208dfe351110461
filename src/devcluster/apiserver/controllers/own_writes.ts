/** Writes of the server's own. */
import type { Cluster } from "../cluster.ts";
import type { ApiObject } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { StatusError } from "../status.ts";
import { deleteObject } from "../writes/remove.ts";

/** Deletes an object of what goes, unless it is gone by now. */
export function deleteOwn(cluster: Cluster, type: ResourceType, { metadata }: ApiObject): void {
  const { namespace = "", name = "" } = metadata;
  unlessRefused(() =>
    void deleteObject(cluster, type, namespace, name, {
      dryRun: false,
      propagationPolicy: "Background",
    })
  );
}

/** Somebody else may have been faster: a refusal is fine. */
export function unlessRefused(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
  }
}
