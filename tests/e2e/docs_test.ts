/** Objects in the pages: an API server takes them, to the letter. */
import { ok } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { AGGREGATOR_CONFIGS, DIJOBS } from "../../src/api/mod.ts";
import { type KubeObject, listPath, PODS, type Resource } from "../../src/kube/mod.ts";
import { readPages } from "../support/pages.ts";
import { SYSTEM_NAMESPACE } from "../support/story.ts";
import { ensureNamespace, useTestCluster } from "../support/test_cluster.ts";

const KINDS: readonly Resource<KubeObject>[] = [AGGREGATOR_CONFIGS, DIJOBS, PODS];
const cluster = useTestCluster();

Deno.test("each DIJob, AggregatorConfig and Pod of the pages is one that can be created", async () => {
  await ensureNamespace(cluster(), SYSTEM_NAMESPACE);
  let count = 0;
  for (const { path, blocks } of await readPages()) {
    for (const { text, line } of blocks.filter(({ language }) => language === "yaml")) {
      for (const document of parseAllDocuments(text)) {
        const object = document.toJS() as KubeObject | null;
        const resource = KINDS.find(({ kind }) => kind === object?.kind);
        if (object === null || resource === undefined) continue;
        count++;
        // Other stories may have one of that name.
        const name = `${object.metadata.name}-${crypto.randomUUID().slice(0, 8)}`;
        const named = { ...object, metadata: { ...object.metadata, name } };
        const where = listPath(resource, object.metadata.namespace ?? "default");
        const query = "?dryRun=All&fieldValidation=Strict";
        try {
          await cluster().client.request("POST", where + query, {}, named);
        } catch (error) {
          throw new Error(`${path}:${line}: ${error}`, { cause: error });
        }
      }
    }
  }
  ok(count > 0, "no object was found");
});
