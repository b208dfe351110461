/** Schemas of the built-in kinds. */
import openapi from "../../../kube/openapi.json" with { type: "json" };
import { createResolver, type Shape } from "./shape.ts";

/** Every schema by name, as the real API server publishes it. */
export const SCHEMAS: Readonly<Record<string, unknown>> = openapi.components.schemas;

const resolve = createResolver(SCHEMAS);

/** The shape of a schema by its full name. */
export function builtInShape(name: string): Shape {
  return resolve(name);
}

export function hasBuiltInShape(name: string): boolean {
  return SCHEMAS[name] !== undefined;
}

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
/** Shape of `metadata`. */
export function metadataShape(): Shape {
  return resolve(`${META}.ObjectMeta`);
}
/** Name of the schema of a delete's body. */
export const DELETE_OPTIONS = `${META}.DeleteOptions`;
export function deleteOptionsShape(): Shape {
  return resolve(DELETE_OPTIONS);
}
