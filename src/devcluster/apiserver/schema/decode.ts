/** Reading built-in kinds: types must fit, what is not known is dropped and told. */
import { parseQuantity } from "../../../lib/quantity.ts";
import { isObject } from "../json.ts";
import { badRequest } from "../status.ts";
import type { Shape } from "./shape.ts";

const BASE64 = /^[A-Za-z0-9+/\n\r]*={0,2}[\n\r]*$/;

/** Line breaks do not count. */
function isBase64(text: string): boolean {
  return BASE64.test(text) && text.replaceAll(/[\n\r]/g, "").length % 4 === 0;
}

/** What the reader of an object keeps track of. */
export interface DecodeResult {
  /** Paths of fields that the schema does not know: `spec.containers[0].foo`. */
  readonly unknown: string[];
}

/**
 * Checks types in place, drops unknown fields and nulls (an absent field and null are the same to
 * the real server's decoder).
 *
 * @param label Head of the error message: `Pod in version "v1" cannot be handled as a Pod`; "" for none.
 * @throws {StatusError} 400 at the first value of a wrong type.
 */
export function decodeBuiltIn(value: unknown, shape: Shape, label: string): DecodeResult {
  const unknown: string[] = [];
  new Decoder(unknown, label).read(value, shape, "", "", "");
  return { unknown };
}

class Decoder {
  readonly head: string;

  constructor(readonly unknown: string[], label: string) {
    this.head = label === "" ? "" : `${label}: `;
  }

  /**
   * @param plainPath The path without indexes and keys of maps, as Go shows it in type errors.
   * @param struct Name of the schema that holds the field.
   */
  read(value: unknown, shape: Shape, path: string, plainPath: string, struct: string): void {
    if (shape.name === "Quantity") {
      return this.#checkQuantity(value);
    }
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
        if (shape.schema.format === "date-time") this.#checkTime(value, shape);
        else if (shape.schema.format === "byte") this.#checkBase64(value);
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
      if (isEmptyMap(member, child)) {
        delete value[key];
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

  #checkQuantity(value: unknown): void {
    try {
      parseQuantity(String(value));
    } catch (error) {
      if (error instanceof SyntaxError) throw badRequest(this.head + error.message);
      throw error;
    }
  }

  #checkTime(value: string, shape: Shape): void {
    if (!Number.isNaN(Date.parse(value))) return;
    const fraction = shape.name === "MicroTime" ? ".000000" : "";
    const rest = /^\d{4}/.test(value) ? "" : ` ${JSON.stringify(value)} as "2006"`;
    throw badRequest(
      `${this.head}parsing time ${
        JSON.stringify(value)
      } as "2006-01-02T15:04:05${fraction}Z07:00": cannot parse${rest}`,
    );
  }

  #checkBase64(value: string): void {
    if (isBase64(value)) return;
    const good = /^[A-Za-z0-9+/\n\r]*/.exec(value)?.[0].length ?? 0;
    // A text that is cut off is wrong where its last whole part ends.
    const at = good === value.length ? good - good % 4 : good;
    throw badRequest(`${this.head}illegal base64 data at input byte ${at}`);
  }

  #refuse(value: unknown, shape: Shape, plainPath: string, struct: string): void {
    const place = plainPath === "" ? "value" : `struct field ${struct}.${plainPath}`;
    throw badRequest(
      `${this.head}json: cannot unmarshal ${jsonType(value)} into Go ${place} of type ${
        goType(shape)
      }`,
    );
  }
}

/** As the real server writes it: a map without anything in it is not there. */
function isEmptyMap(value: unknown, shape: Shape): boolean {
  return shape.additional !== undefined && shape.properties.size === 0 && isObject(value) &&
    Object.keys(value).length === 0;
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
