/** A POST for very many replicas is no reason for others to wait. `deno task bench posts` has the figures. */
import { ok } from "node:assert/strict";
import { MANY, measurePostDelay } from "../bench/post_delay.ts";
import { startEmbeddedApiServer } from "../support/embedded_api_server.ts";

const DELAY_LIMIT_MS = 1000;

Deno.test(`a POST for ${MANY} replicas delays another job's for one by at most 1 s`, async () => {
  const apiServer = await startEmbeddedApiServer();
  try {
    const { calmMs, busyMs, busyPosts } = await measurePostDelay(apiServer.kubeconfigPath);
    ok(busyPosts > 1);
    ok(busyMs - calmMs <= DELAY_LIMIT_MS, `${busyMs} ms, and ${calmMs} ms in peace`);
  } finally {
    await apiServer.stop();
  }
});
