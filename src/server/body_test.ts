import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { AllocationError } from "../allocation/mod.ts";
import { firstJsonValue, readBody, withLowerKeys } from "./body.ts";

Deno.test.each([
  { text: '{"a":[1,"}"]}', value: { a: [1, "}"] } },
  { text: ' \n{"a":{}} {"a":1}', value: { a: {} } },
  { text: '{"a":"\\"{"}garbage', value: { a: '"{' } },
  { text: "[1][2]", value: [1] },
  { text: '"a" "b"', value: "a" },
  { text: "12 13", value: 12 },
  { text: "null,", value: null },
])("firstJsonValue() reads the first value of $text", ({ text, value }) => {
  deepStrictEqual(firstJsonValue(text), value);
});

Deno.test.each([
  { text: "", message: "EOF" },
  { text: " \n", message: "EOF" },
  { text: '{"a":', message: "unexpected EOF" },
  { text: '{"a', message: "unexpected EOF" },
  { text: "[1, [2]", message: "unexpected EOF" },
])("firstJsonValue() says of '$text' that it is cut off", ({ text, message }) => {
  throws(() => firstJsonValue(text), new SyntaxError(message));
});

Deno.test.each([{ text: "{a:1}" }, { text: "}" }, { text: "yes" }])(
  "firstJsonValue() refuses '$text'",
  ({ text }) => {
    throws(() => firstJsonValue(text), SyntaxError);
  },
);

Deno.test("withLowerKeys() goes as deep as it is told; of two equal keys the later stands", () => {
  deepStrictEqual(
    withLowerKeys({ A: { B: { C: 1 } }, D: [{ E: 1 }], f: 1, F: 2 }, 2),
    { a: { b: { C: 1 } }, d: [{ E: 1 }], f: 2 },
  );
});

Deno.test("readBody() reads up to the limit, and characters that are cut in two", async () => {
  const bytes = new TextEncoder().encode("a€");
  const request = aRequest(ReadableStream.from([bytes.slice(0, 2), bytes.slice(2)]));
  strictEqual(await readBody(request, bytes.length, new AbortController().signal), "a€");
});

Deno.test("readBody() stops above the limit", async () => {
  await rejects(
    readBody(aRequest("12345"), 4, new AbortController().signal),
    new AllocationError("tooLarge", "request body has more than 4 bytes"),
  );
});

Deno.test("readBody() of a request without a body is empty", async () => {
  const request = new Request("http://server/", { method: "POST" });
  strictEqual(await readBody(request, 4, new AbortController().signal), "");
});

Deno.test("readBody() ends with its signal", async () => {
  const stalled = new ReadableStream<Uint8Array>();
  const limit = new AbortController();
  const reading = readBody(aRequest(stalled), 4, limit.signal);
  limit.abort();
  await rejects(reading, new AllocationError("later", "request body came too slowly"));
});

Deno.test("readBody() of a body that breaks off is a bad request", async () => {
  const broken = new ReadableStream<Uint8Array>({ start: (pipe) => pipe.error(new Error("gone")) });
  await rejects(
    readBody(aRequest(broken), 4, new AbortController().signal),
    new AllocationError("badRequest", "failed to decode request body: unexpected EOF"),
  );
});

function aRequest(body: BodyInit): Request {
  return new Request("http://server/", { method: "POST", body });
}
