/**
 * Bodies in Kubernetes' protobuf form, which `kubectl create` and other typed clients send: to JSON
 * values. Types come from the schemas; the numbers of the fields are in `protobuf_fields.json`, in
 * order from 1 (`7:name` continues at 7, `*Name` is a message whose fields belong to its holder).
 */
import { type JsonObject, objectOf } from "../json.ts";
import { badRequest } from "../status.ts";
import { builtInShape, hasBuiltInShape } from "./built_in.ts";
import fields from "./protobuf_fields.json" with { type: "json" };
import type { Shape } from "./shape.ts";

/** First bytes of every such body: "k8s" and a zero. */
const MAGIC = [0x6b, 0x38, 0x73, 0];
const ENVELOPE_TYPE = 1;
const ENVELOPE_RAW = 2;
const LENGTH_DELIMITED = 2;

/** One field as it is on the wire. */
type WireField =
  & { readonly number: number }
  & (
    | { readonly integer: bigint; readonly bytes?: undefined }
    | { readonly bytes: Uint8Array; readonly integer?: undefined }
  );

/** @throws {StatusError} 400 when the bytes are no message of a kind that is known here. */
export function decodeProtobuf(body: Uint8Array, schemaName: string): JsonObject {
  if (MAGIC.some((byte, index) => body[index] !== byte) || !hasBuiltInShape(schemaName)) {
    throw badRequest("the body is not a protobuf message of this kind");
  }
  let apiVersion = "";
  let kind = "";
  let raw = new Uint8Array();
  for (const field of readFields(body.subarray(MAGIC.length))) {
    if (field.bytes === undefined) continue;
    if (field.number === ENVELOPE_RAW) raw = new Uint8Array(field.bytes);
    if (field.number !== ENVELOPE_TYPE) continue;
    for (const { number, bytes } of readFields(field.bytes)) {
      if (bytes === undefined) continue;
      if (number === 1) apiVersion = textOf(bytes);
      if (number === 2) kind = textOf(bytes);
    }
  }
  const object = readMessage(raw, builtInShape(schemaName), builtInShape(schemaName).name);
  return { ...object, ...(kind !== "" && { kind, apiVersion }) };
}

const numbered = new Map<string, ReadonlyMap<number, string>>();
function fieldsOf(message: string): ReadonlyMap<number, string> {
  let names = numbered.get(message);
  if (names === undefined) {
    const made = new Map<number, string>();
    const table: Readonly<Record<string, string>> = fields;
    let next = 1;
    for (const part of (table[message] ?? "").split(" ")) {
      const [first = "", second] = part.split(":");
      if (second !== undefined) next = Number(first);
      made.set(next, second ?? first);
      next += 1;
    }
    numbered.set(message, made);
    names = made;
  }
  return names;
}

function readMessage(bytes: Uint8Array, shape: Shape, message: string): JsonObject {
  const object: JsonObject = {};
  const names = fieldsOf(message);
  for (const field of readFields(bytes)) {
    const name = names.get(field.number);
    if (name === undefined) continue;
    if (name.startsWith("*")) {
      if (field.bytes !== undefined) {
        Object.assign(object, readMessage(field.bytes, shape, name.slice(1)));
      }
      continue;
    }
    const child = shape.properties.get(name);
    if (child === undefined) continue;
    if (child.type === "array" && child.items !== undefined) {
      const list = Array.isArray(object[name]) ? object[name] : [];
      list.push(readValue(field, child.items));
      object[name] = list;
    } else if (child.additional !== undefined && field.bytes !== undefined) {
      object[name] = { ...objectOf(object[name]), ...readEntry(field.bytes, child.additional) };
    } else {
      const value = readValue(field, child);
      // Empty is how this form says "absent".
      if (value !== "" || child.type !== "string") object[name] = value;
    }
  }
  return object;
}

function readEntry(bytes: Uint8Array, shape: Shape): JsonObject {
  let key = "";
  let value: unknown = shape.type === "string" ? "" : {};
  for (const field of readFields(bytes)) {
    if (field.number === 1 && field.bytes !== undefined) key = textOf(field.bytes);
    if (field.number === 2) value = readValue(field, shape);
  }
  return { [key]: value };
}

function readValue(field: WireField, shape: Shape): unknown {
  const { bytes, integer } = field;
  if (bytes === undefined) {
    return shape.type === "boolean" ? integer !== 0n : Number(BigInt.asIntN(64, integer));
  }
  if (shape.name === "IntOrString") return readIntOrString(bytes);
  if (shape.name === "Quantity") return textOf(firstBytes(bytes));
  if (shape.schema.format === "date-time") return readTime(bytes);
  if (shape.schema.format === "byte") return base64Of(bytes);
  if (shape.type === "string") return textOf(bytes);
  return readMessage(bytes, shape, shape.name);
}

function readIntOrString(bytes: Uint8Array): number | string {
  let isText = false;
  let number = 0;
  let text = "";
  for (const field of readFields(bytes)) {
    if (field.bytes !== undefined) text = textOf(field.bytes);
    else if (field.number === 1) isText = field.integer !== 0n;
    else number = Number(BigInt.asIntN(32, field.integer));
  }
  return isText ? text : number;
}
function readTime(bytes: Uint8Array): string | null {
  let seconds: bigint | undefined;
  for (const field of readFields(bytes)) {
    if (field.number === 1 && field.integer !== undefined) {
      seconds = BigInt.asIntN(64, field.integer);
    }
  }
  if (seconds === undefined) return null;
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace(".000Z", "Z");
}
function firstBytes(bytes: Uint8Array): Uint8Array {
  for (const field of readFields(bytes)) if (field.bytes !== undefined) return field.bytes;
  return new Uint8Array();
}
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function* readFields(bytes: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw badRequest("the protobuf message is cut off");
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    const wireType = tag & 7;
    if (wireType === 0) yield { number, integer: varint() };
    else if (wireType === LENGTH_DELIMITED) {
      const length = Number(varint());
      if (at + length > bytes.length) throw badRequest("the protobuf message is cut off");
      yield { number, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else throw badRequest(`the protobuf message has a field of unknown form ${wireType}`);
  }
}
