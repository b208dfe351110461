import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert/strict";
import { ListenError, parseBindAddress, startListener } from "./listen.ts";

Deno.test.each([
  { text: ":8080", hostname: "::", port: 8080 },
  { text: "127.0.0.1:0", hostname: "127.0.0.1", port: 0 },
  { text: "localhost:65535", hostname: "localhost", port: 65535 },
  { text: "[::1]:80", hostname: "::1", port: 80 },
])("parseBindAddress() reads $text", ({ text, ...address }) => {
  deepStrictEqual(parseBindAddress(text), address);
});

Deno.test.each([
  { text: "" },
  { text: "8080" },
  { text: "localhost" },
  { text: "localhost:" },
  { text: ":http" },
  { text: ":65536" },
  { text: ":-1" },
  { text: "::1:80" },
  { text: "http://localhost:80" },
])("parseBindAddress() refuses '$text' in one line that names it", ({ text }) => {
  throws(() => parseBindAddress(text), (error: unknown) => {
    strictEqual(error instanceof ListenError, true);
    match(String(error), /^ListenError: Cannot listen on ".*": [^\n]+$/);
    strictEqual(String(error).includes(`"${text}"`), true);
    return true;
  });
});

Deno.test.each([
  { address: "127.0.0.1:0", url: /^http:\/\/127\.0\.0\.1:\d+$/ },
  { address: ":0", url: /^http:\/\/127\.0\.0\.1:\d+$/ },
  { address: "localhost:0", url: /^http:\/\/localhost:\d+$/ },
])("startListener() on $address serves at the URL that it names", async ({ address, url }) => {
  const listener = startListener(address, () => new Response("hello"));
  try {
    match(listener.url, url);
    strictEqual(listener.url.endsWith(`:${listener.port}`), true);
    strictEqual(await (await fetch(listener.url)).text(), "hello");
  } finally {
    await listener.stop();
  }
});

Deno.test("startListener() answers what it has taken in before it stops, and nothing after", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const listener = startListener("127.0.0.1:0", () => {
    asked.resolve();
    return answer.promise;
  });
  const request = fetch(listener.url);
  await asked.promise;
  const stopped = listener.stop();
  answer.resolve(new Response("late"));
  strictEqual(await (await request).text(), "late");
  await stopped;
  await rejects(fetch(listener.url), TypeError);
});

Deno.test("startListener() names a port that is in use", async () => {
  const first = startListener("127.0.0.1:0", () => new Response());
  const address = `127.0.0.1:${first.port}`;
  throws(
    () => startListener(address, () => new Response()),
    { name: "ListenError", message: `Cannot listen on "${address}": the address is in use` },
  );
  await first.stop();
});

Deno.test("startListener() says in one line why an address cannot be had", () => {
  throws(
    () => startListener("203.0.113.1:0", () => new Response()),
    { name: "ListenError", message: /^Cannot listen on "203\.0\.113\.1:0": .+$/ },
  );
});

Deno.test.each([
  { address: ":0" },
  { address: "127.0.0.1:0" },
])("startListener() on $address knows a caller by IPv4 as such", async ({ address }) => {
  const listener = startListener(address, (_request, from) => new Response(from.address));
  try {
    const response = await fetch(`http://127.0.0.1:${listener.port}`);
    strictEqual(await response.text(), "127.0.0.1");
  } finally {
    await listener.stop();
  }
});

Deno.test("startListener() tells when the connection has taken an answer", async () => {
  const told: string[] = [];
  const sent = Promise.withResolvers<void>();
  const listener = startListener("127.0.0.1:0", (_request, from) => {
    from.sent.then(() => {
      told.push("sent");
      sent.resolve();
    });
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        told.push("taken");
        controller.enqueue(new TextEncoder().encode("hello"));
        controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body);
  });
  strictEqual(await (await fetch(listener.url)).text(), "hello");
  await sent.promise;
  await listener.stop();
  deepStrictEqual(told, ["taken", "sent"]);
});
