/** OpenAPI documents, so that `kubectl` can check fields, explain kinds and patch by schema. */
import { isObject, type JsonObject, objectOf } from "./json.ts";
import type { Registry, ResourceType } from "./registry.ts";
import { SCHEMAS } from "./schema/built_in.ts";

const INFO = { title: "Kubernetes", version: "1.36" };

function documentPath({ group, version }: { group: string; version: string }): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** The group versions that have a document, by their paths: `api/v1`, `apis/GROUP/VERSION`. */
export function openapiPaths(registry: Registry): string[] {
  return [...new Set(registry.all().map(({ info }) => documentPath(info)))];
}

/** `/openapi/v3`. @param hashOf Names the content of a document, by its path. */
export function openapiIndex(registry: Registry, hashOf: (path: string) => string): JsonObject {
  const paths = openapiPaths(registry).map((path) => [
    path,
    { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(path)}` },
  ]);
  return { paths: Object.fromEntries(paths) };
}

/** `/openapi/v3/PATH` */
export function openapiDocument(registry: Registry, path: string): JsonObject {
  const types = registry.all().filter(({ info }) => documentPath(info) === path);
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const type of types) {
    const name = schemaNameOf(type);
    if (type.custom === undefined) collectSchemas(name, schemas);
    else {
      schemas[name] = customSchema(type);
      collectSchemas("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", schemas);
    }
    Object.assign(paths, pathsOf(type, `#/components/schemas/${name}`));
  }
  return { openapi: "3.0.0", info: INFO, paths, components: { schemas } };
}

function schemaNameOf({ info }: ResourceType): string {
  if (info.schemaName !== "") return info.schemaName;
  const reversed = info.group.split(".").reverse().join(".");
  return `${reversed}.${info.version}.${info.kind}`;
}

function collectSchemas(name: string, into: JsonObject): void {
  const schema = SCHEMAS[name];
  if (into[name] !== undefined || schema === undefined) return;
  into[name] = schema;
  collectReferences(schema, into);
}
function collectReferences(node: unknown, into: JsonObject): void {
  if (Array.isArray(node)) { for (const item of node) collectReferences(item, into); }
  else if (isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      if (key === "$ref" && typeof value === "string") {
        collectSchemas(value.slice(value.lastIndexOf("/") + 1), into);
      } else collectReferences(value, into);
    }
  }
}

/** The schema of a definition with what every object has. */
function customSchema({ info, custom }: ResourceType): JsonObject {
  const schema = custom?.shape.schema ?? {};
  const meta = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
  return {
    ...schema,
    type: "object",
    properties: {
      ...objectOf(schema.properties),
      apiVersion: { type: "string", description: "Version of the object's schema." },
      kind: { type: "string", description: "What the object is." },
      metadata: { description: "Standard object's metadata.", allOf: [{ $ref: meta }] },
    },
    "x-kubernetes-group-version-kind": [
      { group: info.group, version: info.version, kind: info.kind },
    ],
  };
}

const queryParameter = (name: string) => ({
  name,
  in: "query",
  schema: { type: "string", uniqueItems: true },
});
const WRITE_PARAMETERS = ["dryRun", "fieldManager", "fieldValidation"].map(queryParameter);

function pathsOf({ info }: ResourceType, reference: string): JsonObject {
  const root = info.group === "" ? "/api" : `/apis/${info.group}`;
  const scope = info.namespaced ? "/namespaces/{namespace}" : "";
  const list = `${root}/${info.version}${scope}/${info.plural}`;
  const content = { "application/json": { schema: { $ref: reference } } };
  const operation = (action: string, parameters: readonly JsonObject[]) => ({
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": {
      group: info.group,
      version: info.version,
      kind: info.kind,
    },
    parameters,
    responses: { 200: { description: "OK", content } },
  });
  const write = (action: string) => ({
    ...operation(action, WRITE_PARAMETERS),
    requestBody: { content: { "*/*": { schema: { $ref: reference } } } },
  });
  const paths: JsonObject = {
    [list]: {
      ...(info.virtual ? {} : { get: operation("list", []) }),
      post: write("post"),
    },
  };
  if (info.virtual) return paths;
  const item = {
    get: operation("get", []),
    put: write("put"),
    patch: write("patch"),
    delete: operation("delete", [queryParameter("dryRun")]),
  };
  paths[`${list}/{name}`] = item;
  for (const { name } of info.subresources) {
    if (name === "status") paths[`${list}/{name}/status`] = item;
  }
  return paths;
}

/** `/openapi/v2`: the older form of the same. */
export function openapiV2(registry: Registry): JsonObject {
  const definitions: JsonObject = {};
  for (const type of registry.all()) {
    const name = schemaNameOf(type);
    if (type.custom === undefined) collectSchemas(name, definitions);
    else {
      definitions[name] = customSchema(type);
      collectSchemas("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", definitions);
    }
  }
  return {
    swagger: "2.0",
    info: INFO,
    paths: {},
    definitions: Object.fromEntries(
      Object.entries(definitions).map(([name, schema]) => [name, toV2(schema)]),
    ),
  };
}

/** References point elsewhere, and what version 2 cannot say is left out. */
function toV2(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toV2);
  if (!isObject(node)) return node;
  const { allOf, oneOf, anyOf: _any, not: _not, nullable: _nullable, ...rest } = node;
  const converted: JsonObject = {};
  for (const [key, value] of Object.entries(rest)) {
    converted[key] = key === "$ref" && typeof value === "string"
      ? value.replace("#/components/schemas/", "#/definitions/")
      : toV2(value);
  }
  if (Array.isArray(allOf) && isObject(allOf[0]) && typeof allOf[0].$ref === "string") {
    return toV2({ $ref: allOf[0].$ref });
  }
  if (Array.isArray(oneOf) && converted.type === undefined) converted.type = "string";
  return converted;
}
