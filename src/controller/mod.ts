/** Work queue and workers. Knows keys and nothing of what they stand for. */
export * from "./controller.ts";
export * from "./queue.ts";
