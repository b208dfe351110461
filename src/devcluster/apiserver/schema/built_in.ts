/** Schemas of the built-in kinds. */
import openapi from "../../../kube/openapi.json" with { type: "json" };
import { objectOf } from "../json.ts";
import { createResolver, Shape } from "./shape.ts";

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
const METADATA = { $ref: `#/components/schemas/${META}.ObjectMeta` };
const complete = new WeakMap<Shape, Shape>();
/** The shape of a definition's objects with what every object has: their metadata. */
export function withMetadata(shape: Shape): Shape {
  let made = complete.get(shape);
  if (made === undefined) {
    const properties = { ...objectOf(shape.schema.properties), metadata: METADATA };
    made = new Shape({ ...shape.schema, properties }, resolve);
    complete.set(shape, made);
  }
  return made;
}
/** Name of the schema of a delete's body. */
export const DELETE_OPTIONS = `${META}.DeleteOptions`;
export function deleteOptionsShape(): Shape {
  return resolve(DELETE_OPTIONS);
}
