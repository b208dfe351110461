/** The allocation server: HTTP in and out. */
export type { ReplicaSet } from "./answers.ts";
export { CALLER_CHECKS, CALLER_RESULTS, type CallerCheck, type CallerResult } from "./caller.ts";
export { DEFAULT_LIMITS, type Limits } from "./replica_routes.ts";
export { type RequestReport } from "./routes.ts";
export { type RunningServer, type ServerOptions, startServer } from "./start.ts";
export { ANSWER } from "./wire_schemas.ts";
