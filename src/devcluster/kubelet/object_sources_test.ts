import { deepStrictEqual } from "node:assert/strict";
import { aPod } from "../../../tests/support/builders.ts";
import { withKeptTokens } from "./object_sources.ts";
import type { VolumeSources } from "./volumes.ts";

const HOUR_MS = 3600_000;

Deno.test.each([
  {
    what: "after most of its life",
    lifetimeMs: HOUR_MS,
    agesMs: [0, 0.7 * HOUR_MS, 0.9 * HOUR_MS],
  },
  { what: "after a day", lifetimeMs: 240 * HOUR_MS, agesMs: [0, 23 * HOUR_MS, 25 * HOUR_MS] },
])("withKeptTokens() asks for a new token $what", async ({ lifetimeMs, agesMs }) => {
  let asked = 0;
  let now = 0;
  const sources: VolumeSources = {
    configMap: () => Promise.resolve(undefined),
    secret: () => Promise.resolve(undefined),
    serviceAccountToken: (_, { audience }) =>
      Promise.resolve({ token: `${audience} ${++asked}`, lifetimeMs }),
    allocatable: new Map(),
  };
  const kept = withKeptTokens(sources, () => now);
  const tokens: string[] = [];
  for (now of agesMs) {
    for (const audience of ["a", "b"]) {
      const request = { audience, expirationSeconds: 3600 };
      tokens.push((await kept.serviceAccountToken(aPod("pong"), request)).token);
    }
  }
  deepStrictEqual(tokens, ["a 1", "b 2", "a 1", "b 2", "a 3", "b 4"]);
});
