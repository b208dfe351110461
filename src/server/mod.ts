/** The allocation server: HTTP in and out. */
export type { ReplicaSet } from "./answers.ts";
export { DEFAULT_LIMITS, type Limits, type RequestReport } from "./routes.ts";
export { type RunningServer, type ServerOptions, startServer } from "./start.ts";
