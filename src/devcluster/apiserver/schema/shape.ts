/** A schema made ready for walking: references resolved, children made when first needed. */
import { isObject, type JsonObject, listOf, objectOf, stringOf } from "../json.ts";

/** Finds the schema behind a `$ref`. */
export type Resolve = (reference: string) => Shape;

export type ShapeType = "object" | "array" | "string" | "integer" | "number" | "boolean" | "any";

/** One node of a schema. */
export class Shape {
  /** The schema as written, the parts behind `$ref` included. */
  readonly schema: JsonObject;
  readonly type: ShapeType;
  /** Last part of the schema's name; "" for one without a name. For messages. */
  readonly name: string;
  readonly intOrString: boolean;
  /** Unknown fields stay. */
  readonly preserve: boolean;
  /** A whole object of the API with kind and metadata. */
  readonly embedded: boolean;
  readonly nullable: boolean;
  readonly #resolve: Resolve;
  #properties: ReadonlyMap<string, Shape> | undefined;
  #items: Shape | undefined | null = null;
  #additional: Shape | undefined | null = null;

  constructor(schema: JsonObject, resolve: Resolve = unresolvable, name = "") {
    this.#resolve = resolve;
    const reference = referenceOf(schema);
    const target = reference === undefined ? undefined : resolve(reference);
    this.schema = target === undefined ? schema : { ...target.schema, ...withoutReference(schema) };
    this.name = target?.name ?? name;
    this.intOrString = this.schema["x-kubernetes-int-or-string"] === true ||
      this.schema.format === "int-or-string" ||
      listOf(this.schema.oneOf).length === 2 && this.schema.type === undefined &&
        this.schema.properties === undefined;
    this.preserve = this.schema["x-kubernetes-preserve-unknown-fields"] === true;
    this.embedded = this.schema["x-kubernetes-embedded-resource"] === true;
    this.nullable = this.schema.nullable === true;
    this.type = this.intOrString ? "any" : typeOf(this.schema);
  }

  get properties(): ReadonlyMap<string, Shape> {
    this.#properties ??= new Map(
      Object.entries(objectOf(this.schema.properties)).map((
        [key, schema],
      ) => [key, new Shape(objectOf(schema), this.#resolve)]),
    );
    return this.#properties;
  }
  get items(): Shape | undefined {
    if (this.#items === null) {
      const { items } = this.schema;
      this.#items = isObject(items) ? new Shape(items, this.#resolve) : undefined;
    }
    return this.#items;
  }
  /** Shape of the values of a map. */
  get additional(): Shape | undefined {
    if (this.#additional === null) {
      const { additionalProperties } = this.schema;
      this.#additional = isObject(additionalProperties)
        ? new Shape(additionalProperties, this.#resolve)
        : undefined;
    }
    return this.#additional;
  }
  /** Any content is fine below this node: an object without declared fields. */
  get free(): boolean {
    return this.type === "any" ||
      this.type === "object" && this.additional === undefined &&
        this.schema.properties === undefined;
  }
  /** The shape of a field or map member. */
  member(key: string): Shape | undefined {
    return this.properties.get(key) ?? this.additional;
  }
}

function unresolvable(reference: string): never {
  throw new RangeError(`Cannot resolve schema reference "${reference}"`);
}
function typeOf(schema: JsonObject): ShapeType {
  switch (schema.type) {
    case "object":
    case "array":
    case "string":
    case "integer":
    case "number":
    case "boolean":
      return schema.type;
    default:
      return schema.properties === undefined ? "any" : "object";
  }
}
function referenceOf(schema: JsonObject): string | undefined {
  if (typeof schema.$ref === "string") return schema.$ref;
  const [first, second] = listOf(schema.allOf);
  if (second !== undefined || !isObject(first) || typeof first.$ref !== "string") return undefined;
  return first.$ref;
}
function withoutReference({ $ref: _reference, allOf: _all, ...rest }: JsonObject): JsonObject {
  return rest;
}

/** Turns named schemas into shapes, each made once. */
export function createResolver(schemas: JsonObject): Resolve {
  const made = new Map<string, Shape>();
  const resolve = (reference: string): Shape => {
    const name = reference.slice(reference.lastIndexOf("/") + 1);
    let shape = made.get(name);
    if (shape === undefined) {
      const schema = schemas[name];
      if (!isObject(schema)) return unresolvable(reference);
      shape = new Shape(schema, resolve, stringOf(name.split(".").at(-1)));
      made.set(name, shape);
    }
    return shape;
  };
  return resolve;
}
