/** Tables, as `kubectl get` shows them. */
import type { ApiObject, JsonObject } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { storageKey } from "../resources.ts";
import { ageOf } from "./age.ts";
import { COLUMNS } from "./columns.ts";
import { customCell } from "./json_path.ts";

/** One column. `cell` gives what stands in it. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date" | "number";
  readonly format?: string;
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority?: number;
  readonly description?: string;
  readonly cell: (object: ApiObject, nowMs: number) => unknown;
}

const NAME: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace.",
  cell: ({ metadata }) => metadata.name ?? "",
};
const AGE: Column = {
  name: "Age",
  type: "string",
  description: "Time since the object was created.",
  cell: ({ metadata }, nowMs) => ageOf(metadata.creationTimestamp, nowMs),
};

/** The columns of a resource. */
export function columnsOf({ info, custom }: ResourceType): readonly Column[] {
  if (custom === undefined) return COLUMNS[storageKey(info)] ?? [NAME, AGE];
  if (custom.columns.length === 0) return [NAME, AGE];
  return [
    NAME,
    ...custom.columns.map((column): Column => ({
      name: column.name,
      type: column.type === "integer" || column.type === "boolean" || column.type === "date" ||
          column.type === "number"
        ? column.type
        : "string",
      format: column.format,
      priority: column.priority,
      description: column.description,
      cell: (object, nowMs) => customCell(object, column, nowMs),
    })),
  ];
}

/** Objects as a `Table`. */
export function tableOf(
  objects: readonly ApiObject[],
  type: ResourceType,
  includeObject: "None" | "Metadata" | "Object",
  metadata: JsonObject,
  nowMs: number = Date.now(),
): JsonObject {
  const columns = columnsOf(type);
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map((column) => ({
      name: column.name,
      type: column.type,
      format: column.format ?? "",
      description: column.description ?? "",
      priority: column.priority ?? 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, nowMs)),
      object: rowObject(object, includeObject),
    })),
  };
}

function rowObject(
  object: ApiObject,
  includeObject: "None" | "Metadata" | "Object",
): JsonObject | null {
  if (includeObject === "None") return null;
  if (includeObject === "Object") return object;
  const { metadata } = object;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}
