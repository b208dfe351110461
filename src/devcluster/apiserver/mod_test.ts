import { rejects, strictEqual } from "node:assert/strict";
import { objectOf } from "./json.ts";
import { startApiServer } from "./mod.ts";
import { WatchReader } from "./test_support.ts";

Deno.test("startApiServer() serves over TLS and stops with open watches", async () => {
  const server = await startApiServer();
  const client = Deno.createHttpClient({ caCerts: [server.caPem] });
  try {
    const headers = { authorization: `Bearer ${server.token}` };
    const version = await fetch(`${server.url}/version`, { client });
    strictEqual(objectOf(await version.json()).minor, "36");
    const path = `${server.url}/api/v1/namespaces?watch=1`;
    const watch = new WatchReader(await fetch(path, { client, headers }));
    strictEqual(await watch.nextEvent(), "ADDED default");
    await server.stop();
    while (await watch.next() !== undefined);
  } finally {
    client.close();
  }
});

Deno.test("startApiServer() names an address that is in use", async () => {
  const server = await startApiServer();
  try {
    const bindAddress = new URL(server.url).host;
    await rejects(startApiServer({ bindAddress }), {
      message: `Cannot listen on "${bindAddress}": the address is in use`,
    });
  } finally {
    await server.stop();
  }
});
