import { deepStrictEqual, throws } from "node:assert/strict";
import { decodeProtobuf } from "./protobuf.ts";

const encoder = new TextEncoder();
const SERVICE = "io.k8s.api.core.v1.Service";

/** A field of bytes, text or a message made of fields. */
function field(number: number, content: string | readonly number[]): number[] {
  const bytes = typeof content === "string" ? [...encoder.encode(content)] : content;
  return [number << 3 | 2, bytes.length, ...bytes];
}
function integer(number: number, value: number): number[] {
  return [number << 3, value];
}
function envelope(kind: string, raw: readonly number[]): Uint8Array {
  const type = field(1, [...field(1, "v1"), ...field(2, kind)]);
  return new Uint8Array([0x6b, 0x38, 0x73, 0, ...type, ...field(2, raw)]);
}

Deno.test("decodeProtobuf() reads what typed clients send", () => {
  const metadata = [...field(1, "web"), ...field(11, [...field(1, "a"), ...field(2, "b")])];
  const targetPort = [...integer(1, 1), ...field(3, "http")];
  const port = [...field(2, "TCP"), ...integer(3, 80), ...field(4, targetPort)];
  const spec = [...field(1, port), ...field(4, "ClusterIP")];
  const body = envelope("Service", [...field(1, metadata), ...field(2, spec)]);
  deepStrictEqual(decodeProtobuf(body, SERVICE), {
    kind: "Service",
    apiVersion: "v1",
    metadata: { name: "web", labels: { a: "b" } },
    spec: { ports: [{ protocol: "TCP", port: 80, targetPort: "http" }], type: "ClusterIP" },
  });
});

Deno.test.each<{ when: string; body: Uint8Array }>([
  { when: "without its first bytes", body: new Uint8Array([1, 2, 3, 4]) },
  { when: "cut off", body: envelope("Service", field(1, "web")).subarray(0, 20) },
])("decodeProtobuf() refuses a message $when", ({ body }) => {
  throws(() => decodeProtobuf(body, SERVICE), { code: 400 });
});
