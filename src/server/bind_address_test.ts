import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { parseBindAddress, urlOf } from "./bind_address.ts";

Deno.test.each([
  { text: ":8080", hostname: "::", port: 8080, url: "http://127.0.0.1:8080" },
  { text: "127.0.0.1:0", hostname: "127.0.0.1", port: 0, url: "http://127.0.0.1:0" },
  { text: "0.0.0.0:81", hostname: "0.0.0.0", port: 81, url: "http://127.0.0.1:81" },
  { text: "localhost:80", hostname: "localhost", port: 80, url: "http://localhost:80" },
  { text: "[::1]:80", hostname: "::1", port: 80, url: "http://[::1]:80" },
])("parseBindAddress() reads $text", ({ text, hostname, port, url }) => {
  const address = parseBindAddress(text);
  deepStrictEqual(address, { hostname, port });
  strictEqual(urlOf(address), url);
});

Deno.test.each([{ text: "" }, { text: "8080" }, { text: "::1:80" }, { text: ":65536" }, {
  text: ":http",
}])(
  "parseBindAddress() refuses '$text'",
  ({ text }) => {
    const message = `Cannot listen on "${text}": not of the form HOST:PORT or :PORT`;
    throws(() => parseBindAddress(text), new SyntaxError(message));
  },
);
