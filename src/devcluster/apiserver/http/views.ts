/** Objects, lists and watch lines in the form that the client asked for. */
import type { JsonObject } from "../json.ts";
import { asType, type ResourceType } from "../registry.ts";
import { apiVersionOf } from "../resources.ts";
import type { Change, Stored } from "../store.ts";
import { tableOf } from "../tables/table.ts";
import type { Accepted } from "./request.ts";

/** What a table shows of each object beside the cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** How objects are to be shown. */
export interface View {
  readonly as: Accepted["as"];
  readonly includeObject: IncludeObject;
  /** `none`: a table without the definitions of its columns. */
  readonly columns?: "none";
}

/** Names a view among others: one encoding of a change serves all watchers of a view. */
export function viewName({ as, includeObject, columns }: View): string {
  return as === "Table" ? `Table/${includeObject}/${columns ?? "all"}` : as;
}

/** One object as JSON. */
export function objectText(stored: Stored, type: ResourceType, view: View): string {
  if (view.as === "object") return asType(stored, type).text;
  if (view.as === "Metadata") return JSON.stringify(metadataOnly(stored));
  const table = tableOf([stored.value], type, view.includeObject, {
    resourceVersion: stored.value.metadata.resourceVersion ?? "",
  });
  return JSON.stringify(view.columns === "none" ? { ...table, columnDefinitions: null } : table);
}

/** A list as JSON. */
export function listText(
  items: readonly Stored[],
  type: ResourceType,
  view: View,
  metadata: JsonObject,
): string {
  if (view.as === "Table") {
    const values = items.map(({ value }) => value);
    return JSON.stringify(tableOf(values, type, view.includeObject, metadata));
  }
  if (view.as === "Metadata") {
    return JSON.stringify({
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: items.map(metadataOnly),
    });
  }
  const { info } = type;
  const apiVersion = apiVersionOf(info);
  const head = JSON.stringify({ kind: `${info.kind}List`, apiVersion, metadata }).slice(0, -1);
  // Members of built-in lists carry no kind; the texts begin with it.
  const prefix = info.schemaName === ""
    ? 0
    : JSON.stringify({ kind: info.kind, apiVersion }).length;
  const texts = prefix === 0
    ? items.map((stored) => asType(stored, type).text)
    : items.map(({ text }) => `{${text.slice(prefix)}`);
  return `${head},"items":[${texts.join(",")}]}`;
}

function metadataOnly({ value }: Stored): JsonObject {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: value.metadata,
  };
}

const encoder = new TextEncoder();

/** One line of a watch. */
export function watchLine(type: string, objectJson: string): Uint8Array {
  return encoder.encode(`{"type":"${type}","object":${objectJson}}\n`);
}

/** A change as a line of a watch; made once for all watchers of the same view. */
export function changeLine(
  change: Change,
  eventType: string,
  stored: Stored,
  type: ResourceType,
  view: View,
): Uint8Array {
  const name = `${type.info.version} ${eventType} ${viewName(view)}`;
  let line = change.encoded.get(name);
  if (line === undefined) {
    line = watchLine(eventType, objectText(stored, type, view));
    change.encoded.set(name, line);
  }
  return line;
}
