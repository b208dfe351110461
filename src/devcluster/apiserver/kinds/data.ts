/** Config maps and secrets. */
import {
  type ApiObject,
  childOf,
  fill,
  isEqual,
  isObject,
  type JsonObject,
  objectOf,
  stringOf,
} from "../json.ts";
import { type FieldError, forbidden, invalid, required, tooLong } from "../status.ts";
import type { KindRules } from "./rules.ts";

const CONTENT_MAX_BYTES = 1024 * 1024;

export const SECRET_RULES: KindRules = {
  setDefaults(secret: ApiObject) {
    fill(secret, "type", "Opaque");
    const { stringData } = secret;
    if (!isObject(stringData)) return;
    const data = childOf(secret, "data");
    for (const [key, text] of Object.entries(stringData)) data[key] = encodeText(stringOf(text));
    delete secret.stringData;
  },
  validate(secret: ApiObject): FieldError[] {
    const data = objectOf(secret.data);
    const texts = Object.values(data).map(stringOf);
    const bytes = texts.reduce((sum, text) => sum + (text.length - paddingOf(text)) * 3 / 4, 0);
    return [
      ...Object.keys(data).flatMap((key) => checkKey(key, `data[${key}]`)),
      ...bytes > CONTENT_MAX_BYTES ? [tooLong("data", CONTENT_MAX_BYTES)] : [],
      ...missingKeys(secret, data),
    ];
  },
  validateUpdate(secret: ApiObject, previous: ApiObject): FieldError[] {
    if (secret.type !== previous.type) return [invalid("type", secret.type, "field is immutable")];
    return keepsContent(secret, previous, ["data"]);
  },
};

function paddingOf(base64: string): number {
  return base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
}

const ACCOUNT = "kubernetes.io/service-account.name";
/** What a secret of a known type must have. */
const TYPE_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};
function missingKeys({ type, metadata }: ApiObject, data: JsonObject): FieldError[] {
  if (type === "kubernetes.io/service-account-token" && !metadata.annotations?.[ACCOUNT]) {
    return [required(`metadata.annotations[${ACCOUNT}]`)];
  }
  const keys = TYPE_KEYS[stringOf(type)] ?? [];
  return keys.filter((key) => data[key] === undefined).map((key) => required(`data[${key}]`));
}

export const CONFIG_MAP_RULES: KindRules = {
  validate(map: ApiObject): FieldError[] {
    const data = objectOf(map.data);
    const binary = objectOf(map.binaryData);
    const twice = Object.keys(data).filter((key) => key in binary);
    return [
      ...Object.keys(data).flatMap((key) => checkKey(key, `data[${key}]`)),
      ...twice.map((key) => invalid(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...Object.keys(binary).flatMap((key) => checkKey(key, `binaryData[${key}]`)),
      // The real server names no field here. Bytes of `binaryData` count as sent, in base64.
      ...bytesOf(data) + bytesOf(binary) > CONTENT_MAX_BYTES
        ? [tooLong("[]", CONTENT_MAX_BYTES)]
        : [],
    ];
  },
  validateUpdate: (map, previous) => keepsContent(map, previous, ["data", "binaryData"]),
};

/** Size of the values, in bytes. */
function bytesOf(content: JsonObject): number {
  let bytes = 0;
  for (const value of Object.values(content)) {
    const text = stringOf(value);
    bytes += new TextEncoder().encode(text).length;
  }
  return bytes;
}

/** An object once marked immutable stays as it is. */
function keepsContent(next: ApiObject, previous: ApiObject, fields: string[]): FieldError[] {
  if (previous.immutable !== true) return [];
  const errors = fields.filter((field) => !isEqual(next[field], previous[field]))
    .map((field) => forbidden(field, "field is immutable when `immutable` is set"));
  if (next.immutable !== true) {
    errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
  }
  return errors;
}

/** Whether a config map or a secret may have such a key. */
export function checkKey(key: string, at: string): FieldError[] {
  if (/^[-._a-zA-Z0-9]+$/.test(key) && key !== "." && !key.startsWith("..")) return [];
  return [
    invalid(
      at,
      key,
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ),
  ];
}

function encodeText(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
