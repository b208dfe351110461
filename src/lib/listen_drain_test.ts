import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { startListener } from "./listen.ts";

Deno.test("startListener() on a port in use says which", async () => {
  const first = startListener("127.0.0.1:0", () => Promise.resolve(new Response()));
  const address = new URL(first.url).host;
  try {
    throws(
      () => startListener(address, () => Promise.resolve(new Response())),
      { message: `Cannot listen on "${address}": the address is in use` },
    );
  } finally {
    await first.drain(1000, () => {});
  }
});

Deno.test.each([
  { address: ":0", host: "127.0.0.1" },
  { address: "0.0.0.0:0", host: "127.0.0.1" },
  { address: "localhost:0", host: "localhost" },
])("startListener() on $address gives a URL that reaches it", async ({ address, host }) => {
  const listener = startListener(address, () => Promise.resolve(new Response("here")));
  try {
    strictEqual(new URL(listener.url).hostname, host);
    strictEqual(await (await fetch(listener.url)).text(), "here");
  } finally {
    await listener.drain(1000, () => {});
  }
});

Deno.test("drain() lets a request finish", async () => {
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const listener = startListener("127.0.0.1:0", () => {
    begun.resolve();
    return answer.promise;
  });
  const client = fetch(listener.url).then((response) => response.text());
  await begun.promise;
  const drained = listener.drain(10_000, () => {});
  answer.resolve(new Response("finished"));
  strictEqual(await client, "finished");
  await drained;
});

Deno.test("drain() cuts a request short near the end of its time, and lets it answer", async () => {
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const listener = startListener("127.0.0.1:0", () => {
    begun.resolve();
    return answer.promise;
  });
  const client = fetch(listener.url).then((response) => response.text());
  await begun.promise;
  const drained = listener.drain(510, () => answer.resolve(new Response("cut short")));
  deepStrictEqual([await client, await drained], ["cut short", undefined]);
});
