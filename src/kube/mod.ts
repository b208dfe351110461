/** The way to a Kubernetes API server: types, client, watch caches. */
export * from "./cache.ts";
export * from "./client.ts";
export * from "./definitions.ts";
export * from "./discovery.ts";
export * from "./errors.ts";
export * from "./kubeconfig.ts";
export * from "./leader.ts";
export * from "./paths.ts";
export type { RateLimit } from "./rate_limit.ts";
export * from "./reflector.ts";
export * from "./resources.ts";
export * from "./types.ts";
