/** Reading built-in kinds: types must fit, what is not known is dropped and told. */
import { isObject } from "../json.ts";
import { badRequest } from "../status.ts";
import type { Shape } from "./shape.ts";

/** What the reader of an object keeps track of. */
export interface DecodeResult {
  /** Paths of fields that the schema does not know: `spec.containers[0].foo`. */
  readonly unknown: string[];
}

/**
 * Checks types in place, drops unknown fields and nulls (an absent field and null are the same to
 * the real server's decoder).
 *
 * @param label Head of the error message: `Pod in version "v1" cannot be handled as a Pod`.
 * @throws {StatusError} 400 at the first value of a wrong type.
 */
export function decodeBuiltIn(value: unknown, shape: Shape, label: string): DecodeResult {
  const unknown: string[] = [];
  new Decoder(unknown, label).read(value, shape, "", "", "");
  return { unknown };
}

class Decoder {
  constructor(readonly unknown: string[], readonly label: string) {}

  /**
   * @param plainPath The path without indexes and keys of maps, as Go shows it in type errors.
   * @param struct Name of the schema that holds the field.
   */
  read(value: unknown, shape: Shape, path: string, plainPath: string, struct: string): void {
    if (shape.intOrString) {
      if (typeof value !== "string" && typeof value !== "number") {
        this.#refuse(value, shape, plainPath, struct);
      }
      return;
    }
    switch (shape.type) {
      case "any":
        return;
      case "object":
        if (!isObject(value)) return this.#refuse(value, shape, plainPath, struct);
        return this.#readObject(value, shape, path, plainPath, struct);
      case "array": {
        if (!Array.isArray(value)) return this.#refuse(value, shape, plainPath, struct);
        const { items } = shape;
        if (items === undefined) return;
        for (const [index, item] of value.entries()) {
          this.read(item, items, `${path}[${index}]`, plainPath, struct);
        }
        return;
      }
      case "string":
        if (typeof value !== "string") return this.#refuse(value, shape, plainPath, struct);
        if (shape.schema.format === "date-time" && Number.isNaN(Date.parse(value))) {
          throw badRequest(
            `${this.label}: parsing time ${
              JSON.stringify(value)
            } as "2006-01-02T15:04:05Z07:00": cannot parse`,
          );
        }
        return;
      case "integer":
        if (typeof value !== "number" || !Number.isInteger(value)) {
          this.#refuse(value, shape, plainPath, struct);
        }
        return;
      case "number":
        if (typeof value !== "number") this.#refuse(value, shape, plainPath, struct);
        return;
      case "boolean":
        if (typeof value !== "boolean") this.#refuse(value, shape, plainPath, struct);
    }
  }

  #readObject(
    value: Record<string, unknown>,
    shape: Shape,
    path: string,
    plainPath: string,
    struct: string,
  ): void {
    if (shape.free) return;
    const { properties, additional } = shape;
    for (const key of Object.keys(value)) {
      const field = path === "" ? key : `${path}.${key}`;
      const child = properties.get(key) ?? additional;
      if (child === undefined) {
        this.unknown.push(field);
        delete value[key];
        continue;
      }
      const member = value[key];
      if (member === null || member === undefined) {
        // A map keeps its key, with the empty value of its type.
        if (additional !== undefined && !properties.has(key) && child.type === "string") {
          value[key] = "";
        } else if (child.type !== "any" || child.intOrString) delete value[key];
        continue;
      }
      if (!properties.has(key)) this.read(member, child, field, plainPath, shape.name || struct);
      else {this.read(
          member,
          child,
          field,
          plainPath === "" ? key : `${plainPath}.${key}`,
          shape.name,
        );}
    }
  }

  #refuse(value: unknown, shape: Shape, plainPath: string, struct: string): void {
    const place = plainPath === "" ? "value" : `struct field ${struct}.${plainPath}`;
    throw badRequest(
      `${this.label}: json: cannot unmarshal ${jsonType(value)} into Go ${place} of type ${
        goType(shape)
      }`,
    );
  }
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}

/** The type's name as messages show it. */
function goType(shape: Shape): string {
  switch (shape.type) {
    case "array":
      return `[]${shape.items === undefined ? "interface {}" : goType(shape.items)}`;
    case "object":
      if (shape.additional !== undefined) return `map[string]${goType(shape.additional)}`;
      return shape.name === "" ? "map[string]interface {}" : `v1.${shape.name}`;
    case "integer":
      return shape.schema.format === "int32" ? "int32" : "int64";
    case "number":
      return "float64";
    case "boolean":
      return "bool";
    default:
      return "string";
  }
}
