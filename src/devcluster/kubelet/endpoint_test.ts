import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { loggerOf } from "../../lib/logger.ts";
import { makeCertificate } from "../certificate.ts";
import { LogFile } from "./log_file.ts";
import { badRequestResponse, startEndpoint, textResponse } from "./endpoint.ts";
import type { EndpointAccess } from "./endpoint_access.ts";
import { logRoute } from "./log_endpoint.ts";
import { findOwner } from "./peer.ts";

/** Runs `use` with an endpoint that knows `rl/pong`, whose container `main` has said something. */
async function withServer(
  access: EndpointAccess,
  use: (get: (path: string, token?: string) => Promise<Response>, log: LogFile) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const log = new LogFile(`${folder}/0.log`);
  await log.write(new TextEncoder().encode("one\ntwo\n"));
  const certificate = await makeCertificate("laptop", ["laptop"]);
  const server = await startEndpoint({
    certificate,
    access,
    routes: {
      healthz: { methods: ["GET"], answer: () => textResponse(200, "ok") },
      refused: { methods: ["GET", "POST"], answer: () => badRequestResponse("a: b") },
      containerLogs: logRoute(({ pod, container }, previous) =>
        pod !== "pong"
          ? { kind: "noPod" }
          : container !== "main"
          ? { kind: "noContainer" }
          : { kind: "found", log: previous ? undefined : log }
      ),
    },
    log: loggerOf("test"),
  });
  const client = Deno.createHttpClient({ caCerts: [certificate.caPem ?? ""] });
  try {
    await use((path, token) =>
      fetch(`https://127.0.0.1:${server.port}${path}`, {
        client,
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      }), log);
  } finally {
    client.close();
    await server.stop();
    await log.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test.each([
  { path: "/healthz", status: 200, text: "ok\n" },
  { path: "/containerLogs/rl/pong/main", status: 200, text: "one\ntwo\n" },
  { path: "/containerLogs/rl/pong/main?tailLines=1", status: 200, text: "two\n" },
  {
    path: "/containerLogs/rl/pong/main?tailLines=x",
    status: 400,
    text: 'Cannot read tailLines: "x" is no count\n',
  },
  {
    path: "/containerLogs/rl/pong/main?previous=true",
    status: 400,
    text: 'previous terminated container "main" in pod "pong" not found\n',
  },
  { path: "/containerLogs/rl/none/main", status: 404, text: 'pod "none" not found on this node\n' },
  {
    path: "/containerLogs/rl/pong/none",
    status: 404,
    text: 'container "none" not found in pod "pong"\n',
  },
  { path: "/containerLogs/rl/pong", status: 404, text: "404 page not found\n" },
  { path: "/other/rl/pong/main", status: 404, text: "404 page not found\n" },
  { path: "/constructor", status: 404, text: "404 page not found\n" },
  { path: "/healthz/%", status: 400, text: "URI malformed\n" },
  {
    path: "/refused",
    status: 400,
    text: '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"a: b",' +
      '"reason":"BadRequest","code":400}',
  },
])(
  "the endpoint answers $status to $path",
  ({ path, status, text }) =>
    withServer({ kind: "anyone" }, async (get) => {
      const response = await get(path);
      deepStrictEqual([response.status, await response.text()], [status, text]);
    }),
);

Deno.test("the endpoint lets only the token's holder in", () =>
  withServer({ kind: "token", token: "right" }, async (get) => {
    const statuses: number[] = [];
    for (const token of [undefined, "wrong", "right"]) {
      const response = await get("/healthz", token);
      await response.body?.cancel();
      statuses.push(response.status);
    }
    deepStrictEqual(statuses, [401, 401, 200]);
  }));

Deno.test({
  name: "the endpoint lets processes of the same user in",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withServer({ kind: "sameUser" }, async (get) => {
      strictEqual(await (await get("/healthz")).text(), "ok\n");
    }),
});

Deno.test("a followed log ends when the container has ended", () =>
  withServer({ kind: "anyone" }, async (get, log) => {
    const response = await get("/containerLogs/rl/pong/main?follow=true&tailLines=0");
    const text = response.text();
    await log.write(new TextEncoder().encode("three\n"));
    await log.close();
    strictEqual(await text, "three\n");
  }));

Deno.test("a follower who leaves does not hold the endpoint up", () =>
  withServer({ kind: "anyone" }, async (get) => {
    const response = await get("/containerLogs/rl/pong/main?follow=true");
    await response.body?.cancel();
  }));

const TABLE =
  `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout
   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2
`;

Deno.test("findOwner() tells the user at the other end", () => {
  deepStrictEqual(
    [findOwner(TABLE, 50_000, 8080), findOwner(TABLE, 8080, 50_000), findOwner(TABLE, 1, 2)],
    [1000, 0, undefined],
  );
});
